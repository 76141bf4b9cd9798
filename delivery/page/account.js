// Everything about one account: why now, what to ask, how it went, who takes part, what was before.
import {h} from "./vendor/preact.mjs";
import {useEffect, useMemo, useState} from "./vendor/hooks.mjs";
import htm from "./vendor/htm.mjs";
import * as server from "./server.js";
import {Chart} from "./chart.js";
import {Actions} from "./list.js";
import {ago, amount, besides, byWhom, capital, chanceWords, date, day, groupWords, horizonWords, moment, nameOf, oddsWords,
        people, percent, reasonName, reasonWords, span, stateWords, suppressedWords, until, whyNow} from "./words.js";

const html = htm.bind(h);

const SINCE_MAX = 3;  // kinds of signals since the alert
const GROUP_SHOWN = 12;  // people
const SILENT_MS = 60 * 864e5;  // who is silent for longer is no longer listed

function Section({title, note, children}) {
  return html`<section><h3>${title}${note && html` <small>${note}</small>`}</h3>${children}</section>`;
}

function Bars({rows}) {
  return html`<ul class="bars">${rows.map(({name, share, text, hot}) => html`
    <li key=${name}><span>${name}</span>
      <progress class=${hot ? "hot" : ""} max="1" value=${Math.max(0, Math.min(1, share))} aria-label=${name}></progress>
      <span class="figure">${text}</span></li>`)}</ul>`;
}

// Reasons with a bar each: of points, or of odds where nothing else is known. On the scale of odds,
// twice as likely and half as likely are as long as each other.
const strength = ({odds, points}) => points ?? Math.abs(Math.log(odds));

const strongest = (reasons) => Math.max(1e-9, ...reasons.map((each) => Math.max(strength(each), each.points === undefined ? 0 : 1)));

function Reasons({reasons, now, most = strongest(reasons)}) {
  const told = ({odds, points}) => points !== undefined ? `Evidence: ${points.toFixed(1)} points`
    : `${odds < 1 ? "Lowers" : "Raises"} the odds ${oddsWords(odds)}`;
  return html`<ol class="reasons">${reasons.map((reason) => html`
    <li key=${reason.label}><span>${capital(reasonWords(reason))}</span>
      <small>${[reason.odds && oddsWords(reason.odds), reason.last && ago(reason.last, now)].filter(Boolean).join(" · ")}</small>
      <progress class=${reason.odds < 1 ? "" : "hot"} max=${most} value=${strength(reason)} aria-label=${told(reason)}></progress></li>`)}</ol>`;
}

// A later revision, a snooze say, tells the same reasons again.
const toldAt = (trigger) => trigger.told || trigger.as_of;

// What they have done since they were alerted of, of the latest signals.
function sinceThen(trigger, {recent, signals}) {
  const label = new Map(signals.map((signal) => [signal.signal, signal.label]));
  const counts = new Map();
  for (const {time, signal} of recent) {
    if (Date.parse(time) > Date.parse(toldAt(trigger))) {
      const known = counts.get(signal) || {label: label.get(signal) || signal, count: 0, last: time};
      counts.set(signal, {...known, count: known.count + 1});
    }
  }
  return [...counts.values()].sort((a, b) => b.count - a.count).slice(0, SINCE_MAX);
}

function WhyNow({trigger, summary, now}) {
  const since = summary ? sinceThen(trigger, summary) : [];
  const more = besides(trigger).map((each) => `${each.odds < 1 ? "against it: " : ""}${reasonWords(each)} ${oddsWords(each.odds)}`);
  return html`<${Section} title="Why now" note=${`as of ${ago(toldAt(trigger), now)}`}><${Reasons} reasons=${whyNow(trigger)} now=${now} />
    ${since.length > 0 && html`<p>Since then: ${since.map((each, i) => html`<span key=${each.label}>${i > 0 && "; "}${
      reasonWords(each)} <small>${ago(each.last, now)}</small></span>`)}</p>`}
    ${more.length > 0 && html`<p class="muted">The model also counts ${more.join("; ")}</p>`}<//>`;
}

// The verdict of the model's gate.
function verdict(chances) {
  const shown = chances.filter((chance) => chance.skill);
  if (shown.length === 0) return "No demonstrated skill: this is what accounts known for as long do.";
  const proof = "tried on accounts it had not seen, the model did better than going by how long they have been known";
  return shown.length === chances.length ? `${capital(proof)}.`
    : `${capital(shown.map((chance) => horizonWords(chance.within)).join(", "))}: ${proof}. The others are what accounts known for as long do.`;
}

// How likely they buy, whether to believe it, and what it comes from.
function Chance({forecast, challenger, trigger}) {
  const {chances, factors = []} = forecast;
  // A chance that no longer grows with the horizon is not told twice.
  const told = chances.filter((each, i) => each.within !== "ever" || i === 0 || each.probability - chances[i - 1].probability > 0.005);
  const groups = [["What raises it", factors.filter(({odds}) => odds >= 1)],
                  ["What lowers it", factors.filter(({odds}) => odds < 1)]];
  const other = challenger?.chances.filter((chance) => chance.within !== "ever").at(-1);
  return html`<${Section} title="Chance of buying">
    <${Bars} rows=${told.map(({within, probability, skill}) => ({name: capital(horizonWords(within)),
      share: probability, text: chanceWords(probability), hot: skill}))} />
    <p class="muted verdict">${verdict(chances)}${trigger?.measure === "probability" && `
      Alerted at ${chanceWords(trigger.value)} ${horizonWords(trigger.within)}, the threshold is ${chanceWords(trigger.threshold)}.`}</p>
    ${groups.map(([title, reasons]) => reasons.length > 0 && html`<div key=${title} class="factors">
      <h4>${title} <small>${horizonWords(forecast.explained)}, next to accounts of its age</small></h4>
      <${Reasons} reasons=${reasons} most=${strongest(factors)} /></div>`)}
    <details><summary>Which model</summary>
      <p>${forecast.model}${other && html`. Its challenger ${challenger.model} says
        ${" "}${chanceWords(other.probability)} ${horizonWords(other.within)}`}</p></details>
  <//>`;
}

// People are known by keyed hashes only; a role is what a rep can use. Who has none is told apart by
// a number, the same in all of the panel.
const byLast = (group) => [...group].sort((a, b) => Date.parse(b.last) - Date.parse(a.last));

const sayPerson = (person, i) => person.role || `Person ${i + 1}`;

function Group({group, trigger, now}) {
  const known = byLast(group);
  const silent = (person) => now - Date.parse(person.last) > SILENT_MS;
  const shown = known.filter((person, i) => i === 0 || !silent(person)).slice(0, GROUP_SHOWN);
  return html`<${Section} title="Buying group" note=${trigger ? groupWords(trigger) : people(known.length)}>
    <table><thead><tr><th>Role</th><th>Last active</th><th>First seen</th></tr></thead>
    <tbody>${shown.map((person, i) => html`<tr key=${person.person}>
      <td>${sayPerson(person, i)}${!person.role && html` <small>role not known</small>`}</td>
      <td>${ago(person.last, now)}</td><td>${ago(person.first, now)}</td></tr>`)}</tbody></table>
    ${known.length > shown.length && html`<p class="muted">and ${people(known.length - shown.length)} more${
      shown.length < GROUP_SHOWN && `, silent for more than ${span(SILENT_MS)}`}</p>`}
  <//>`;
}

function Timeline({summary: {recent, signals, buying_group, first, began}}) {
  const label = new Map(signals.map((signal) => [signal.signal, signal.label]));
  const who = new Map(byLast(buying_group).map((person, i) => [person.person, sayPerson(person, i)]));
  const days = [];
  for (const event of recent) {
    const on = day(event.time);
    if (days.length === 0 || days[days.length - 1].on !== on) days.push({on, events: []});
    days[days.length - 1].events.push(event);
  }
  return html`<${Section} title="What they did" note="the latest, newest first">
    <div class="timeline">${days.map(({on, events}) => html`<div key=${on}><h4>${on}</h4><ul>
      ${events.map((event, i) => html`<li key=${i}>
        <time datetime=${event.time}>${new Date(event.time).toLocaleTimeString([], {hour: "2-digit", minute: "2-digit", hourCycle: "h23"})}</time>
        <span>${capital(label.get(event.signal) || event.signal)}</span>
        <small>${who.get(event.person)}</small></li>`)}</ul></div>`)}</div>
    ${began > first && html`<p class="muted">Back since ${date(began)}, after a long silence; an earlier journey began on ${date(first)}.</p>`}
  <//>`;
}

function Past({past}) {
  return html`<${Section} title="Triggers before">
    <table><thead><tr><th>Opened</th><th>How it ended</th><th>At</th></tr></thead>
    <tbody>${past.map((trigger) => html`<tr key=${trigger.id}><td>${moment(trigger.opened)}</td>
      <td>${capital(stateWords(trigger.state))}${trigger.reason && `: ${reasonName(trigger.reason)}`}</td>
      <td>${trigger.stage}, ${percent(trigger.progress)}</td></tr>`)}</tbody></table>
  <//>`;
}

// Why nothing is on the list; of an account that is, a summary may not have heard yet.
function Quiet({policies, live, past}) {
  if (live.length > 0) return null;
  const held = policies.find((policy) => policy.suppressed);
  if (held) {
    return html`<p class="note">No trigger opens${policies.length > 1 && ` (${held.policy})`}: ${suppressedWords(held.suppressed)}.</p>`;
  }
  const resting = policies.find((policy) => !policy.armed);
  if (!resting) return null;
  const ended = past.find((trigger) => trigger.id === resting.trigger);
  return html`<p class="note">Quiet until it has cooled down and warmed up again${ended &&
    `: the last trigger ${ended.state === "expired" ? "has expired" : `was ${stateWords(ended.state)}`}${
      ended.state === "retracted" && ended.reason ? `, because ${suppressedWords(ended.reason)}` : ""}`}.</p>`;
}

const DEALS = {open: "Open", won: "Won", lost: "Lost"};

function Deals({opportunities, now}) {
  return html`<${Section} title="In the CRM">
    <table><thead><tr><th>Opportunity</th><th>Stage</th><th>Worth</th><th>Since</th></tr></thead>
    <tbody>${opportunities.map((each) => html`<tr key=${each.id}>
      <td>${DEALS[each.state]}</td><td>${each.stage}</td><td>${each.amount ? amount(each.amount) : ""}</td>
      <td>${ago(each.since, now)}</td></tr>`)}</tbody></table><//>`;
}

function Lost({records}) {
  const opportunities = records.filter((each) => each.record !== "account").length;
  const what = [opportunities < records.length && "the account",
    opportunities > 0 && (opportunities === 1 ? "an opportunity" : `${opportunities} opportunities`)].filter(Boolean);
  const last = records.map((each) => each.last).sort().at(-1);
  return html`<p class="note">The CRM has lost changes of ${what.join(" and ")}, last on ${moment(last)}. Look there before you call.</p>`;
}

// The curve as it was told, and where the account is now: that is told without a signal, too.
function curveUntilNow({curve, as_of: asOf, progress, points, forecast}) {
  const second = Date.parse(asOf) / 1000;
  if (curve.seconds.length > 0 && second <= curve.seconds.at(-1)) return curve;
  const chances = (forecast?.chances || []).map(({probability, skill}, i) =>
    [...(curve.chances[i] || curve.seconds.map(() => null)), skill ? probability : null]);
  return {
    seconds: [...curve.seconds, second],
    progress: [...curve.progress, progress],
    points: [...curve.points, points],
    chances,
  };
}

// `like`: any trigger; its threshold is drawn where the account has none of its own.
export function Account({account, alias, version, trigger: item, like, now, close, act}) {
  const [data, setData] = useState(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    let current = true;
    server.account(account).then(
      (answer) => current && (setData(answer), setProblem("")),
      (error) => current && setProblem(error.message));
    return () => { current = false; };
  }, [account, version]);

  const curve = useMemo(() => data?.summary?.curve && curveUntilNow(data.summary), [data]);

  if (!data || data.account !== account) {
    return html`<section class="panel" aria-label="Account"><button class="close" onClick=${close}>Back to the list</button>
      <p class="muted">${problem || "Loading ..."}</p></section>`;
  }
  const {summary, live, past} = data;
  const shown = item || live[0];
  const trigger = shown && shown.trigger;
  // A summary follows at an interval: a trigger that has just opened or risen is ahead of it.
  const ahead = trigger && (trigger.revision === 1 || trigger.state === "raised") &&
    (!summary || Date.parse(trigger.as_of) > Date.parse(summary.as_of));
  const level = (ahead ? trigger : summary || trigger) || {stages: []};
  const asked = trigger || like;
  const measure = asked?.measure === "points" ? "points" : "progress";
  const forecast = summary?.forecast || (trigger?.chances && {model: trigger.model, chances: trigger.chances});
  // Where a policy goes by a chance, that is drawn beside progress, with its threshold.
  const byChance = asked?.measure === "probability";
  const horizon = byChance ? (forecast?.chances || []).findIndex((each) => each.within === asked.within) : -1;
  const threshold = byChance ? (horizon >= 0 ? 100 * asked.threshold : undefined) : asked?.threshold;
  const facts = summary || trigger || {};
  return html`<section class="panel" aria-label=${`Account ${nameOf({...facts, account})}`}>
    <button class="close" onClick=${close}>Back to the list</button>
    <header>
      <h2>${nameOf({...facts, account})}</h2>
      <p class="meta">${[facts.segment, facts.industry, facts.customer ? "customer" : "",
        facts.team && `team ${facts.team}`, facts.owner && `owner ${facts.owner}`]
        .filter(Boolean).map((text) => html`<span key=${text}>${text}</span>`)}</p>
    </header>
    ${trigger && html`
      <div class="strike">
        <p>For <b>${trigger.play}</b> · worth ${amount(trigger.expected_value)} ·
          ${" "}${stateWords(trigger.state)}${byWhom(trigger, alias)} for ${span(now - Date.parse(trigger.opened))}${
            trigger.state === "accepted" ? "" : `, expires ${until(trigger.expires, now)}`}</p>
        <${Actions} item=${shown} act=${act} />
        ${trigger.state !== "accepted" && html`<p class="muted">Accept: you take it, and it leaves your colleagues' lists.</p>`}
      </div>
      <${WhyNow} trigger=${trigger} summary=${summary} now=${now} />
      ${trigger.questions.length > 0 && html`<${Section} title="Open with a question">
        <ul class="questions">${trigger.questions.map((ask) => html`<li key=${ask}>${ask}</li>`)}</ul><//>`}`}
    ${summary?.lost_changes && html`<${Lost} records=${summary.lost_changes} />`}
    ${summary?.opportunities?.length > 0 && html`<${Deals} opportunities=${summary.opportunities} now=${now} />`}
    ${summary && html`<${Quiet} policies=${summary.policies} live=${live} past=${past} />`}
    ${summary && summary.buying_group.length > 0 &&
      html`<${Group} group=${summary.buying_group} trigger=${trigger} now=${now} />`}
    <${Section} title="Progress" note=${level.stage && `${level.stage}, ${percent(level.progress)}`}>
      ${curve
        ? html`<${Chart} curve=${curve} measure=${measure} horizon=${horizon} threshold=${threshold} />
            ${threshold !== undefined && html`<p class="muted">Filled: ${measure}. ${curve.chances[horizon] && `Line: the chance that they buy ${horizonWords(asked.within)}. `}Dashed: ${
              horizon >= 0 ? "its" : "the"} threshold, ${measure === "progress" ? percent(threshold) : `${Number(threshold.toFixed(1))} points`}</p>`}`
        : html`<p class="muted">Its curve comes with the next summary.</p>`}
    <//>
    ${summary && summary.recent.length > 0 && html`<${Timeline} summary=${summary} />`}
    ${forecast && html`<${Chance} forecast=${forecast} challenger=${summary?.challenger} trigger=${trigger} />`}
    ${level.stages.length > 0 && html`<${Section} title="Where they are"
      note=${level.stage_model ? "how likely each stage is, learnt from accounts of known stage" : "how likely each stage is"}>
      <${Bars} rows=${level.stages.map((each) => ({name: capital(each.stage), share: each.share,
        text: percent(100 * each.share), hot: each.stage === level.stage}))} /><//>`}
    ${past.length > 0 && html`<${Past} past=${past} />`}
  </section>`;
}
