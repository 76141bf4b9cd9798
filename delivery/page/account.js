// Everything about one account: why now, what to ask, how it went, who takes part, what was before.
import {h} from "./vendor/preact.mjs";
import {useEffect, useState} from "./vendor/hooks.mjs";
import htm from "./vendor/htm.mjs";
import * as server from "./server.js";
import {Chart} from "./chart.js";
import {Actions} from "./list.js";
import {ago, amount, capital, day, groupWords, moment, nameOf, people, percent, reasonName,
        reasonWords, span, stateWords, suppressedWords, until} from "./words.js";

const html = htm.bind(h);

function Section({title, note, children}) {
  return html`<section><h3>${title}${note && html` <small>${note}</small>`}</h3>${children}</section>`;
}

function Bars({rows}) {
  return html`<ul class="bars">${rows.map(({name, share, text, hot}) => html`
    <li key=${name}><span>${name}</span>
      <progress class=${hot ? "hot" : ""} max="1" value=${Math.max(0, Math.min(1, share))} aria-label=${name}></progress>
      <span class="figure">${text}</span></li>`)}</ul>`;
}

function WhyNow({trigger, now}) {
  const most = Math.max(1, ...trigger.reasons.map((reason) => reason.points));
  return html`<ol class="reasons">${trigger.reasons.map((reason) => html`
    <li key=${reason.signal}><span>${capital(reasonWords(reason))}</span>
      <small>${ago(reason.last, now)}</small>
      <progress class="hot" max=${most} value=${reason.points} aria-label=${`Evidence: ${reason.points.toFixed(1)} points`}></progress></li>`)}</ol>`;
}

// People are known by keyed hashes only; a role is what a rep can use. Who has none is told apart by
// a number, the same in all of the panel.
const byLast = (group) => [...group].sort((a, b) => Date.parse(b.last) - Date.parse(a.last));

const sayPerson = (person, i) => person.role || `Person ${i + 1}`;

function Group({group, trigger, now}) {
  const known = byLast(group);
  const shown = known.slice(0, 12);
  return html`<${Section} title="Buying group" note=${trigger ? groupWords(trigger) : people(known.length)}>
    <table><thead><tr><th>Role</th><th>Last active</th><th>First seen</th></tr></thead>
    <tbody>${shown.map((person, i) => html`<tr key=${person.person}>
      <td>${sayPerson(person, i)}${!person.role && html` <small>role not known</small>`}</td>
      <td>${ago(person.last, now)}</td><td>${ago(person.first, now)}</td></tr>`)}</tbody></table>
    ${known.length > shown.length && html`<p class="muted">and ${people(known.length - shown.length)} more</p>`}
  <//>`;
}

function Timeline({recent, signals, group}) {
  const label = new Map(signals.map((signal) => [signal.signal, signal.label]));
  const who = new Map(byLast(group).map((person, i) => [person.person, sayPerson(person, i)]));
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

function Quiet({policies, live, past}) {
  const reasons = policies.filter((policy) => policy.suppressed);
  if (reasons.length > 0) {
    return html`<p class="note">No trigger opens (${reasons[0].policy}): ${suppressedWords(reasons[0].suppressed)}.</p>`;
  }
  const resting = policies.find((policy) => !policy.armed);
  if (live.length === 0 && resting) {
    const ended = past.find((trigger) => trigger.id === resting.trigger);
    return html`<p class="note">Quiet until its progress has fallen and risen again${ended &&
      `: the last trigger ${ended.state === "expired" ? "has expired" : `was ${stateWords(ended.state)}`}`}.</p>`;
  }
  return null;
}

export function Account({account, version, trigger: item, now, close, act}) {
  const [data, setData] = useState(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    let current = true;
    server.account(account).then(
      (answer) => current && (setData(answer), setProblem("")),
      (error) => current && setProblem(error.message));
    return () => { current = false; };
  }, [account, version]);

  if (!data || data.account !== account) {
    return html`<aside class="panel" aria-label="Account"><button class="close" onClick=${close}>Back to the list</button>
      <p class="muted">${problem || "Loading ..."}</p></aside>`;
  }
  const {summary, history, live, past} = data;
  const shown = item || live[0];
  const trigger = shown && shown.trigger;
  // A summary follows at an interval: a trigger that has just opened or risen is ahead of it.
  const ahead = trigger && (trigger.revision === 1 || trigger.state === "raised") &&
    (!summary || Date.parse(trigger.as_of) > Date.parse(summary.as_of));
  const level = (ahead ? trigger : summary || trigger) || {stages: []};
  const measure = trigger?.measure === "points" ? "points" : "progress";
  const facts = summary || trigger || {};
  return html`<aside class="panel" aria-label=${`Account ${nameOf({...facts, account})}`}>
    <button class="close" onClick=${close}>Back to the list</button>
    <header>
      <h2>${nameOf({...facts, account})}</h2>
      <p class="meta">${[facts.segment, facts.industry, facts.customer ? "customer" : "",
        facts.team && `team ${facts.team}`, facts.owner && `owner ${facts.owner}`]
        .filter(Boolean).map((text) => html`<span key=${text}>${text}</span>`)}</p>
    </header>
    ${trigger && html`
      <div class="strike">
        <p><b>${capital(trigger.play)}</b> · worth ${amount(trigger.expected_value)} ·
          ${" "}${stateWords(trigger.state)} for ${span(now - Date.parse(trigger.opened))}${
            trigger.state === "accepted" ? "" : `, expires ${until(trigger.expires, now)}`}</p>
        <${Actions} item=${shown} act=${act} />
      </div>
      <${Section} title="Why now"><${WhyNow} trigger=${trigger} now=${now} /><//>
      ${trigger.questions.length > 0 && html`<${Section} title="Open with a question">
        <ul class="questions">${trigger.questions.map((ask) => html`<li key=${ask}>${ask}</li>`)}</ul><//>`}`}
    ${summary && html`<${Quiet} policies=${summary.policies} live=${live} past=${past} />`}
    <${Section} title="Progress" note=${level.stage && `${level.stage}, ${percent(level.progress)}`}>
      ${history.length > 0
        ? html`<${Chart} history=${history} measure=${measure} threshold=${trigger?.threshold} />
            ${trigger && html`<p class="muted">Dashed: the threshold, ${trigger.threshold}${measure === "progress" ? " %" : " points"}</p>`}`
        : html`<p class="muted">No history yet.</p>`}
    <//>
    ${level.stages.length > 0 && html`<${Section} title="Where they are" note="how likely each stage is">
      <${Bars} rows=${level.stages.map((each) => ({name: capital(each.stage), share: each.share,
        text: percent(100 * each.share), hot: each.stage === level.stage}))} /><//>`}
    ${summary && summary.buying_group.length > 0 &&
      html`<${Group} group=${summary.buying_group} trigger=${trigger} now=${now} />`}
    ${summary && summary.recent.length > 0 && html`<${Timeline} recent=${summary.recent}
      signals=${summary.signals} group=${summary.buying_group} />`}
    ${past.length > 0 && html`<${Past} past=${past} />`}
  </aside>`;
}
