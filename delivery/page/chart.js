// Progress over time; the chance of buying beside it where the trigger goes by that; its threshold.
import {h} from "./vendor/preact.mjs";
import {useEffect, useRef} from "./vendor/hooks.mjs";
import uPlot from "./vendor/uplot.mjs";

const HEIGHT = 170;
const DAY = 86_400;

// As everywhere on the page: 24 hours, and the day where it begins.
const timeTicks = (_, ticks, __, ___, step) => ticks.map((tick, i) => {
  const at = new Date(1000 * tick);
  const date = at.toLocaleDateString(undefined, {month: "short", day: "numeric"});
  if (step >= DAY) return date;
  if (at.getSeconds() !== 0) return "";
  const time = at.toLocaleTimeString(undefined, {hour: "2-digit", minute: "2-digit", hourCycle: "h23"});
  return i === 0 || at.getHours() + at.getMinutes() === 0 ? `${time}\n${date}` : time;
});

function colours() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(name).trim();
  return {ink: of("--muted"), line: of("--line"), hot: of("--hot"), fill: of("--hot-soft")};
}

function draw(target, curve, measure, horizon, threshold) {
  const {ink, line, hot, fill} = colours();
  const times = curve.seconds;
  const values = curve[measure];
  const chances = times.map((_, i) => {
    const chance = curve.chances[horizon]?.[i] ?? null;
    return chance === null ? null : 100 * chance;
  });
  const percent = measure === "progress";
  const axis = {stroke: ink, grid: {stroke: line, width: 1}, ticks: {stroke: line, width: 1},
                font: "12px system-ui"};
  const first = times[0];
  const last = times[times.length - 1];
  const margin = Math.max(60, (last - first) * 0.03);
  return new uPlot({
    width: target.clientWidth, height: HEIGHT,
    legend: {show: false}, cursor: {y: false, points: {size: 7}},
    scales: {
      x: {range: () => [first - margin, last + margin]},
      y: {range: (_, low, high) => percent ? [0, 100] : [0, Math.max(high, threshold || 0) * 1.1 || 1]},
    },
    axes: [{...axis, space: 70, values: timeTicks},
           {...axis, size: 54, values: (_, ticks) => ticks.map((v) => percent ? `${v} %` : v)}],
    series: [{},
      {stroke: hot, width: 2, fill, points: {show: times.length < 3, size: 6, fill: hot}},
      {stroke: ink, width: 2, points: {show: chances.filter((each) => each !== null).length < 2, size: 6, fill: ink}},
      {stroke: ink, width: 1, dash: [5, 5], points: {show: false}}],
  }, [times, values, chances, times.map(() => threshold ?? null)], target);
}

export function Chart({curve, measure, horizon, threshold}) {
  const target = useRef();
  useEffect(() => {
    let plot = draw(target.current, curve, measure, horizon, threshold);
    const again = () => {
      plot.destroy();
      plot = draw(target.current, curve, measure, horizon, threshold);
    };
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", again);
    addEventListener("resize", again);
    return () => {
      scheme.removeEventListener("change", again);
      removeEventListener("resize", again);
      plot.destroy();
    };
  }, [curve, measure, horizon, threshold]);
  return h("div", {class: "chart", ref: target});
}
