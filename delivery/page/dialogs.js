// What is asked before something is done: for how long, why, with what outcome; help; the log-in.
import {h} from "./vendor/preact.mjs";
import {useEffect, useRef, useState} from "./vendor/hooks.mjs";
import htm from "./vendor/htm.mjs";
import {DISMISS_REASONS, OUTCOMES} from "./words.js";

const html = htm.bind(h);

const HOURS = [["4", "4 hours"], ["24", "A day"], ["72", "3 days"], ["168", "A week"],
               ["336", "2 weeks"]];

export const KEYS = [
  ["j", "next"], ["k", "previous"], ["Enter", "open the account"], ["a", "accept: I take it on"],
  ["s", "snooze: not now"], ["d", "dismiss, with the reason"], ["o", "outcome of what was accepted"],
  ["u", "undo, for 10 seconds"], ["m", "my accounts or all"], ["/", "find an account"], ["?", "this help"], ["Esc", "close"],
];

// The browser's own dialog: focus stays in it, Escape closes it.
function Dialog({title, close, children}) {
  const dialog = useRef();
  useEffect(() => { dialog.current.showModal(); }, []);
  return html`<dialog ref=${dialog} aria-labelledby="dialog-title" onClose=${close}
      onClick=${(event) => event.target === dialog.current && dialog.current.close()}>
    <h2 id="dialog-title">${title}</h2>${children}</dialog>`;
}

function Choice({title, note, choices, choose, close}) {
  const pick = (index) => choices[index] && choose(choices[index][0]);
  const onKey = (event) => {
    if (/^[1-9]$/.test(event.key)) {
      event.preventDefault();
      pick(Number(event.key) - 1);
    }
  };
  return html`<${Dialog} title=${title} close=${close}>
    ${note && html`<p class="muted">${note}</p>`}
    <ul class="choices" onKeyDown=${onKey}>${choices.map(([key, text], i) => html`<li key=${key}>
      <button onClick=${() => choose(key)}><kbd>${i + 1}</kbd> ${text}</button></li>`)}</ul>
  <//>`;
}

export function Snooze({choose, close}) {
  return html`<${Choice} title="Snooze for how long?" choices=${HOURS} choose=${choose} close=${close}
    note="It wakes earlier when the account goes a stage further." />`;
}

export function Dismiss({choose, close}) {
  return html`<${Choice} title="Why is it not worth acting on?" choices=${DISMISS_REASONS}
    choose=${choose} close=${close} note="The reason stays with the trigger, for everybody to see." />`;
}

export function Outcome({choose, close}) {
  return html`<${Choice} title="What came of it?" choices=${OUTCOMES} choose=${choose} close=${close} />`;
}

export function Mine({owners, choose, close}) {
  const known = owners.filter((owner) => owner.value).slice(0, 50);
  return html`<${Choice} title="Whose accounts are yours?" close=${close} choose=${choose}
    note=${known.length > 0 ? "By the owner in the CRM, of accounts with a trigger here. Kept in this browser."
      : "No account in this list has an owner in the CRM. Ask again when yours has a trigger."}
    choices=${known.map((owner) => [owner.value, `${owner.value} (${owner.count})`])} />`;
}

export function Help({close}) {
  return html`<${Dialog} title="Keys" close=${close}>
    <dl class="keys">${KEYS.map(([key, text]) => html`<div key=${key}><dt><kbd>${key}</kbd></dt><dd>${text}</dd></div>`)}</dl>
    <p class="muted">The list is ranked by what a trigger is worth now: the value expected of the sale, times the
      chance that they buy or, where no model has shown skill, how far the account has come. Each one says what
      has changed and who takes part. ×2.4 beside a reason: it has made the odds of buying 2.4 times as high
      since the last alert, or within a day; below ×1 it has lowered them.</p>
    <button autofocus class="primary" onClick=${(event) => event.target.closest("dialog").close()}>Close</button>
  <//>`;
}

export function LogIn({submit}) {
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const onSubmit = async (event) => {
    event.preventDefault();
    const fields = new FormData(event.target);
    setBusy(true);
    const failed = await submit(fields.get("token"), fields.get("name"));
    setBusy(false);
    setProblem(failed || "");
  };
  return html`<main class="login"><form onSubmit=${onSubmit}>
    <h1>Hotiron</h1><p>The accounts to act on now, and why.</p>
    <label>Your name or address <input name="name" autocomplete="username" maxlength="200" /></label>
    <label>Token <input name="token" type="password" autocomplete="current-password" required autofocus /></label>
    <p class="problem" role="alert">${problem}</p>
    <button class="primary" disabled=${busy}>Log in</button>
  </form></main>`;
}
