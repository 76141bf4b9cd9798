// The inbox: one row a trigger, the most valuable first.
import {h} from "./vendor/preact.mjs";
import htm from "./vendor/htm.mjs";
import {ago, amount, byWhom, capital, chanceOf, chanceWords, groupWords, horizonWords, movedWords, nameOf, oddsWords,
        percent, reasonName, reasonWords, standing, until, whyNow} from "./words.js";

const html = htm.bind(h);

// How far: one mark a stage, those that are behind filled.
export function Track({stages, stage, progress}) {
  const at = stages.findIndex((each) => each.stage === stage);
  return html`<div class="track" role="img"
      aria-label=${`Stage ${stage}, progress ${percent(progress)}`}>
    ${stages.map((each, i) => html`<span key=${i} class=${i <= at ? "done" : ""}></span>`)}
  </div>`;
}

export function Why({trigger, now}) {
  const reasons = whyNow(trigger);
  return html`<p class="why">${reasons.map((reason, i) => html`
    <span key=${reason.label} class="reason">${reason.odds < 1 && "against it: "}${i === 0
      ? capital(reasonWords(reason)) : reasonWords(reason)}${reason.odds && html` <b>${oddsWords(reason.odds)}</b>`}
      ${reason.last && html` <small>${ago(reason.last, now)}</small>`}</span>${i + 1 < reasons.length ? "; " : ""}`)}
    ${reasons.length === 0 && "It has passed the threshold as a whole, for no single reason"}</p>`;
}

export function Actions({item, act}) {
  const {state} = item.trigger;
  return html`<div class="actions">
    ${state !== "accepted" && html`
      <button class="primary" onClick=${() => act("accept", item)}>Accept <kbd>a</kbd></button>
      <button onClick=${() => act("snooze", item)}>Snooze <kbd>s</kbd></button>`}
    ${state === "accepted" && html`
      <button class="primary" onClick=${() => act("outcome", item)}>Outcome <kbd>o</kbd></button>`}
    <button onClick=${() => act("dismiss", item)}>Dismiss <kbd>d</kbd></button>
  </div>`;
}

function Row({item, now, alias, selected, fresh, select, act}) {
  const {trigger} = item;
  const level = item.now || trigger;
  const chance = chanceOf(trigger, item.now);
  const end = Date.parse(trigger.expires) - now;
  return html`<li class=${`row ${selected ? "selected" : ""} ${fresh ? "fresh" : ""}`}
      data-trigger=${trigger.id} onClick=${() => select(trigger.id)}>
    <div class="head">
      <h2><button class="name" aria-current=${selected ? "true" : undefined}
        onClick=${(event) => { event.stopPropagation(); select(trigger.id, true); }}>${nameOf(trigger)}</button></h2>
      ${fresh && html`<span class="chip hot">new</span>`}
      ${trigger.state === "raised" && html`<span class="chip hot">hotter</span>`}
      <span class="worth"><small>worth</small> ${amount(trigger.expected_value)}</span>
    </div>
    <div class="level">
      <${Track} stages=${trigger.stages} stage=${level.stage} progress=${level.progress} />
      <span>${capital(level.stage)}, <b>${percent(level.progress)}</b> of the way</span>
      ${chance && html`<span class="chance"><b>${chanceWords(chance.probability)}</b> buy ${horizonWords(chance.within)}${
        movedWords(trigger, chance) && html` <small>${movedWords(trigger, chance)}</small>`}</span>`}
      <span class="kind">${[`${capital(trigger.sale)} sale`, trigger.segment, ...standing(item.now)].filter(Boolean).join(" · ")}</span>
    </div>
    <${Why} trigger=${trigger} now=${now} />
    <p class="group">${groupWords(trigger)}</p>
    <p class="meta">
      <span>opened ${ago(trigger.opened, now)}</span>
      ${trigger.state === "snoozed"
        ? html`<span>wakes ${until(trigger.snoozed_until, now)}</span>`
        : trigger.state === "accepted" ? html`<span>accepted ${ago(trigger.as_of, now)}${byWhom(trigger, alias)}</span>`
        : html`<span class=${end < 864e5 ? "soon" : ""}>expires ${until(trigger.expires, now)}</span>`}
      ${trigger.reason && html`<span>${reasonName(trigger.reason)}</span>`}
    </p>
    ${selected && html`<${Actions} item=${item} act=${act} />`}
  </li>`;
}

export function List({items, now, alias, selected, fresh, select, act}) {
  return html`<ul class="rows">${items.map((item) => html`
    <${Row} key=${item.trigger.id} item=${item} now=${now} alias=${alias} selected=${item.trigger.id === selected}
      fresh=${fresh.has(item.trigger.id)} select=${select} act=${act} />`)}</ul>`;
}
