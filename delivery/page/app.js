// The strike list: what is known (list, freshness), what is chosen, what was done and can be undone.
import {h, render} from "./vendor/preact.mjs";
import {useCallback, useEffect, useMemo, useRef, useState} from "./vendor/hooks.mjs";
import htm from "./vendor/htm.mjs";
import * as server from "./server.js";
import {Account} from "./account.js";
import {Dismiss, Help, LogIn, Mine, Outcome, Snooze} from "./dialogs.js";
import {List} from "./list.js";
import {capital, nameOf, span, worthNow} from "./words.js";

const html = htm.bind(h);

const PAGE = 50;                // triggers asked for at a time
const PAGE_MAX = 200;
const UNDO_MS = 10_000;
const FRESH_MS = 8_000;         // a new trigger is marked for this long
const REFETCH_MS = 4_000;       // counts are brought up to date this long after news
const SENT_MS = 20_000;         // an action that had no effect by then had none
const FIND_MS = 250;            // of no typing, before an account is looked for
const BEHIND_SECONDS = 5;
const QUIET_MS = 120_000;       // nothing new for so long is said
const STATES = [["open", "Open"], ["accepted", "Accepted"], ["snoozed", "Snoozed"]];
const DONE = {accept: "Accepted", snooze: "Snoozed", dismiss: "Dismissed", outcome: "Closed", undo: "Undone"};

const isIn = (state, trigger) =>
  state === "open" ? trigger.state === "opened" || trigger.state === "raised" : trigger.state === state;

// What an undo leads back to: the action was one revision, its undo is another.
const isBack = (before, trigger) => trigger.revision >= before.revision + 2 &&
  (trigger.state === before.state || (isIn("open", trigger) && isIn("open", before)));

const passes = (filter, trigger) => isIn(filter.state, trigger) &&
  ["owner", "team", "segment", "sale"].every((name) => !filter[name] || filter[name] === trigger[name]);

// A trigger that says what all of them go by; nothing where they differ.
const alike = (items) => items.every(({trigger}) => ["policy", "measure", "within", "threshold"]
  .every((name) => trigger[name] === items[0].trigger[name])) ? items[0]?.trigger : undefined;

// As the server does. What moves while one reads is put in its new place when a trigger comes or goes.
const byWorth = (a, b) => worthNow(b) - worthNow(a) || (a.trigger.id < b.trigger.id ? -1 : 1);

function Freshness({line, status, now}) {
  if (line === "lost") {
    return html`<span class="fresh-state bad" role="status">Not connected. Trying again; what you see may be old</span>`;
  }
  if (!status) return html`<span class="fresh-state" role="status">Connecting</span>`;
  if (!status.connected) {
    return html`<span class="fresh-state bad" role="status">Kafka does not answer: data is ${span(status.behind_seconds * 1000)} old</span>`;
  }
  if (!status.complete) return html`<span class="fresh-state bad" role="status">Still reading, the list is not complete</span>`;
  if (status.behind_seconds >= BEHIND_SECONDS) {
    return html`<span class="fresh-state bad" role="status">Data is ${status.behind_seconds < 60 ? `${status.behind_seconds} s` : span(status.behind_seconds * 1000)} behind</span>`;
  }
  // Nobody can tell from here whether nothing happens or nothing is processed.
  const newest = Date.parse(status.newest);
  const quiet = newest > 0 ? now - newest : 0;
  return quiet < QUIET_MS ? html`<span class="fresh-state good" role="status">Live</span>`
    : html`<span class="fresh-state" role="status">Live, nothing new for ${span(quiet)}</span>`;
}

function Select({name, label, values, filter, change}) {
  const known = values.some((each) => each.value === filter[name]);
  return html`<select aria-label=${label} value=${filter[name]} class=${filter[name] ? "set" : ""}
      onChange=${(event) => change(name, event.target.value)}>
    <option value="">${label}</option>
    ${filter[name] && !known && html`<option value=${filter[name]}>${filter[name]}</option>`}
    ${values.filter((each) => each.value).map(({value, count}) => html`
      <option key=${value} value=${value}>${capital(value)} (${count})</option>`)}
  </select>`;
}

// Any account, also one that is not on the list: why it is not, what became of its triggers.
function Find({open}) {
  const [text, setText] = useState("");
  const [found, setFound] = useState(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    setFound(null);
    setProblem("");
    if (text.trim().length < 2) return undefined;
    let current = true;
    const timer = setTimeout(() => server.find(text.trim()).then(
      (answer) => current && setFound(answer.accounts), (error) => current && setProblem(error.message)), FIND_MS);
    return () => { current = false; clearTimeout(timer); };
  }, [text]);
  const choose = (account) => { setText(""); open(account); };
  return html`<form class="find" role="search" onSubmit=${(event) => {
      event.preventDefault();
      if (found?.length > 0) choose(found[0].account);
    }}>
    <input type="search" aria-label="Find an account" placeholder="Find an account" value=${text} maxlength="100"
      onInput=${(event) => setText(event.target.value)}
      onKeyDown=${(event) => { if (event.key === "Escape") { event.stopPropagation(); setText(""); } }} />
    ${problem && html`<p class="found" role="alert">${problem}</p>`}
    ${found && html`<ul class="found">${found.map((each) => html`<li key=${each.account}>
      <button type="button" onClick=${() => choose(each.account)}>${nameOf(each)}
        <small>${each.stage ? `${each.stage}, ` : ""}${each.live > 0 ? "on the list" : "not on the list"}</small></button></li>`)}
      ${found.length === 0 && html`<li class="muted">No account of that name</li>`}</ul>`}
  </form>`;
}

function Empty({list, filter, status, clear}) {
  const filtered = ["owner", "team", "segment", "sale"].some((name) => filter[name]);
  if (filtered) {
    return html`<div class="empty"><p>Nothing here with these filters.</p><button onClick=${clear}>Show all</button></div>`;
  }
  if (status && !status.complete) {
    return html`<div class="empty"><p>Still reading what has happened.</p><p class="muted">The list is not complete yet.</p></div>`;
  }
  const watched = !status ? "" : status.accounts === 0 ? "No account has done anything yet."
    : `${status.accounts === 1 ? "1 account is" : `${status.accounts.toLocaleString("en")} accounts are`} being watched.`;
  return html`<div class="empty"><p>${filter.state === "open"
    ? "Nothing to strike right now." : `Nothing ${filter.state}.`}</p>
    <p class="muted">${filter.state === "open" && `${watched} A new trigger appears here by itself.`}</p></div>`;
}

function StrikeList({alias, logOut}) {
  const [filter, setFilter] = useState({state: "open", owner: "", team: "", segment: "", sale: ""});
  const [list, setList] = useState(null);
  const [limit, setLimit] = useState(PAGE);
  const [status, setStatus] = useState(null);
  const [line, setLine] = useState("");
  const [selected, setSelected] = useState(null);
  const [panel, setPanel] = useState(null);           // {account, trigger id}
  const [versions, setVersions] = useState(new Map());  // account -> changes seen
  const [fresh, setFresh] = useState(new Set());
  const [dialog, setDialog] = useState(null);         // {kind, item}
  const [last, setLast] = useState(null);             // what was done last, while it can be undone
  const [sent, setSent] = useState(new Map());        // trigger id -> {action, name, at, back}, until there is news of it
  const [problem, setProblem] = useState("");
  const [said, setSaid] = useState("");
  const [beats, beat] = useState(0);
  const [resets, setResets] = useState(0);
  const [mine, setMine] = useState(() => localStorage.getItem("mine") || "");
  const clock = useRef({now: Date.now(), at: performance.now()});
  const refetch = useRef(0);
  const lapsed = useRef(new Set());  // trigger ids of which the problem speaks
  const state = useRef();
  state.current = {filter, list, limit, sent};

  const now = clock.current.now + (performance.now() - clock.current.at);

  const load = useCallback(async () => {
    clearTimeout(refetch.current);
    refetch.current = 0;
    const asked = state.current.filter;
    try {
      const answer = await server.triggers(asked, state.current.limit);
      if (state.current.filter === asked) setList(answer);
    } catch (error) {
      if (error.status === 401) location.reload();
      else setProblem(error.message);
    }
  }, []);

  const loadSoon = useCallback(() => {
    refetch.current = refetch.current || setTimeout(load, REFETCH_MS);
  }, []);

  const changed = useCallback((...accounts) => {
    setVersions((old) => {
      const next = new Map(old);
      for (const account of accounts) next.set(account, (old.get(account) || 0) + 1);
      return next;
    });
  }, []);

  const note = (id, what) => setSent((old) => new Map(old).set(id, {...what, at: performance.now()}));

  const forget = useCallback((id) => setSent((old) => {
    const rest = new Map(old);
    rest.delete(id);
    return rest;
  }), []);

  useEffect(() => { load(); }, [filter, limit]);

  const tell = useCallback((answer) => {
    clock.current = {now: Date.parse(answer.now), at: performance.now()};
    setStatus(answer);
  }, []);

  // News, as it comes.
  useEffect(() => {
    server.status().then(tell, () => {});
    return server.listen({
      reset: () => { setSent(new Map()); load(); setResets((n) => n + 1); },
      status: tell,
      progress: (levels) => {
        const moved = new Map(levels.map((level) => [level.account, level]));
        setList((old) => old && ({...old, items: old.items.map((item) =>
          moved.has(item.trigger.account) ? {...item, now: moved.get(item.trigger.account)} : item)}));
        changed(...moved.keys());
      },
      trigger: (item) => {
        const trigger = item.trigger;
        const id = trigger ? trigger.id : item.past ? item.past.id : item.gone;
        const {filter: current, list: known} = state.current;
        const there = known && known.items.find((each) => each.trigger.id === id);
        const pending = state.current.sent.get(id);
        const undone = pending?.action === "undo" && trigger && isBack(pending.back, trigger);
        if (lapsed.current.delete(id)) setProblem("");
        if (undone) setSaid(`Undone: ${pending.name}`);
        if (undone || pending?.action !== "undo") forget(id);  // news of what is being undone may come first
        setList((old) => {
          if (!old) return old;
          const items = old.items.filter((each) => each.trigger.id !== id);
          if (trigger && passes(current, trigger)) items.push(item);
          const more = items.length - old.items.length;
          const states = {...old.states, [current.state]: Math.max(0, old.states[current.state] + more)};
          return {...old, total: old.total + more, states, items: items.sort(byWorth)};
        });
        if (trigger && trigger.revision === 1 && !there && passes(current, trigger)) {
          setFresh((old) => new Set(old).add(id));
          setSaid(`New: ${nameOf(trigger)}`);
          setTimeout(() => setFresh((old) => {
            const rest = new Set(old);
            rest.delete(id);
            return rest;
          }), FRESH_MS);
        }
        if (trigger || there) changed(trigger ? trigger.account : there.trigger.account);
        loadSoon();
      },
    }, (how) => {
      setLine(how);
      if (how === "lost") server.session().then((who) => who.logged_in || location.reload(), () => {});
    });
  }, []);

  // Ages grow by themselves.
  useEffect(() => {
    const timer = setInterval(() => beat((n) => n + 1), 15_000);
    return () => clearInterval(timer);
  }, []);

  // What was sent and had no effect shows again, and is said.
  useEffect(() => {
    const timer = setInterval(() => {
      for (const [id, {action, name, at}] of state.current.sent) {
        if (performance.now() - at < SENT_MS) continue;
        forget(id);
        lapsed.current.add(id);
        setProblem(`Not ${DONE[action].toLowerCase()}: ${name} has not changed. Somebody may have been quicker, or Hotiron is behind.`);
      }
    }, 1_000);
    return () => clearInterval(timer);
  }, []);

  useEffect(() => {
    if (!last) return undefined;
    const timer = setTimeout(() => setLast(null), UNDO_MS);
    return () => clearTimeout(timer);
  }, [last]);

  const items = useMemo(() =>
    list ? list.items.filter(({trigger}) => !sent.has(trigger.id) || sent.get(trigger.id).action === "undo") : [],
    [list, sent]);

  const change = (name, value) => {
    setFilter((old) => ({...old, [name]: value}));
    setLimit(PAGE);
    setList(null);
    setSelected(null);
    setPanel(null);  // it may be of a trigger that is not in the list any more
  };

  const select = useCallback((id, open) => {
    setSelected(id);
    const item = state.current.list?.items.find((each) => each.trigger.id === id);
    if (item && (open || matchMedia("(min-width: 62rem)").matches)) {
      setPanel({account: item.trigger.account, id});
    }
  }, []);

  const focusRow = (id) => requestAnimationFrame(() => {
    const row = document.querySelector(`[data-trigger="${CSS.escape(id)}"]`);
    row?.scrollIntoView({block: "nearest"});
    row?.querySelector(".name").focus({preventScroll: true});
  });

  const move = (step) => {
    if (items.length === 0) return;
    const at = items.findIndex((item) => item.trigger.id === selected);
    const next = items[at < 0 ? 0 : Math.max(0, Math.min(items.length - 1, at + step))];
    select(next.trigger.id);
    focusRow(next.trigger.id);
  };

  const send = async (action, item, more = {}) => {
    const {id} = item.trigger;
    const at = items.findIndex((each) => each.trigger.id === id);
    const follower = items[at + 1] || items[at - 1];
    const body = {id: server.newId(), action, ...more};
    setDialog(null);
    setProblem("");
    note(id, {action, name: nameOf(item.trigger)});
    // On to the next one; where the list is out of sight, back to it.
    if (selected === id) {
      setPanel(null);
      setSelected(null);
      if (follower) {
        select(follower.trigger.id);
        focusRow(follower.trigger.id);
      }
    }
    setLast({item, action, id: body.id, time: performance.now()});
    setSaid(`${DONE[action]}: ${nameOf(item.trigger)}`);
    try {
      await server.feedback(id, body);
    } catch (error) {
      setLast(null);
      forget(id);
      setProblem(`Not done: ${error.message}`);
    }
  };

  const undo = async () => {
    if (!last) return;
    const {item, id} = last;
    setLast(null);
    note(item.trigger.id, {action: "undo", name: nameOf(item.trigger), back: item.trigger});
    try {
      await server.feedback(item.trigger.id, {id: server.newId(), action: "undo", undoes: id});
      setSelected(item.trigger.id);
      setPanel((old) => old && {account: item.trigger.account, id: item.trigger.id});
    } catch (error) {
      forget(item.trigger.id);
      setProblem(`Not undone: ${error.message}`);
    }
  };

  const act = (action, item) => action === "accept" ? send(action, item) : setDialog({kind: action, item});

  const toggleMine = () => {
    if (filter.owner) change("owner", "");
    else if (mine) change("owner", mine);
    else setDialog({kind: "mine"});
  };

  // Keys, unless something is being typed or asked.
  const keys = useRef();
  keys.current = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || dialog) return;
    if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    const item = items.find((each) => each.trigger.id === selected);
    const accepted = item?.trigger.state === "accepted";
    const actions = {
      j: () => move(1), k: () => move(-1), u: undo, m: toggleMine,
      "?": () => setDialog({kind: "help"}),
      "/": () => document.querySelector(".find input").focus(),
      Escape: () => { setPanel(null); if (selected) focusRow(selected); },
      a: () => item && !accepted && act("accept", item),
      s: () => item && !accepted && act("snooze", item),
      d: () => item && act("dismiss", item),
      o: () => accepted && act("outcome", item),
    };
    if (actions[event.key]) {
      event.preventDefault();
      actions[event.key]();
    }
  };
  useEffect(() => {
    const onKey = (event) => keys.current(event);
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);

  const shown = panel && list?.items.find((item) => item.trigger.id === panel.id);
  const facets = list ? list.facets : {owner: [], team: [], segment: [], sale: []};
  const close = () => setDialog(null);
  const untilTime = (hours) => new Date(now + hours * 3600e3).toISOString();

  return html`
    <header class="bar">
      <h1><img src="/icon.svg" alt="" width="26" height="26" /> Hotiron</h1>
      <nav aria-label="Which triggers">${STATES.map(([key, name]) => html`
        <button key=${key} aria-pressed=${filter.state === key} onClick=${() => change("state", key)}>
          ${name} <span class="count">${list ? list.states[key] : ""}</span></button>`)}</nav>
      <${Freshness} line=${line} status=${status} now=${now} />
      <button class="plain" aria-label="Keys and help" onClick=${() => setDialog({kind: "help"})}>?</button>
      ${logOut && html`<button class="plain" onClick=${logOut}>Log out</button>`}
    </header>
    ${status?.notice && html`<aside class="notice" aria-label="About this server">${status.notice}</aside>`}
    <main class=${`columns ${panel ? "with-panel" : ""}`}>
    <section class="list" aria-label="Triggers">
      <div class="filters" role="group" aria-label="Filters">
        <button aria-pressed=${Boolean(mine) && filter.owner === mine} onClick=${toggleMine}>My accounts</button>
        ${mine && filter.owner === mine && html`<button class="plain" onClick=${() => setDialog({kind: "mine"})}>Not mine?</button>`}
        <${Select} name="owner" label="All owners" values=${facets.owner} filter=${filter} change=${change} />
        ${facets.team.some((team) => team.value) && html`
          <${Select} name="team" label="All teams" values=${facets.team} filter=${filter} change=${change} />`}
        <${Select} name="segment" label="All segments" values=${facets.segment} filter=${filter} change=${change} />
        <${Select} name="sale" label="All kinds of sale" values=${facets.sale} filter=${filter} change=${change} />
        <${Find} open=${(account) => { setSelected(null); setPanel({account}); }} />
      </div>
      ${problem && html`<p class="problem" role="alert">${problem} <button class="plain" onClick=${() => setProblem("")}>Close</button></p>`}
      ${!list ? html`<div class="empty"><p class="muted">Loading ...</p></div>`
        : items.length === 0 ? html`<${Empty} list=${list} filter=${filter} status=${status}
            clear=${() => { setFilter({state: filter.state, owner: "", team: "", segment: "", sale: ""}); }} />`
        : html`<p class="muted order">Ranked by what each is worth, times how likely it is now</p><${List} items=${items} now=${now} selected=${selected} alias=${alias} fresh=${fresh} select=${select} act=${act} />`}
      ${list && list.total > list.items.length && limit < PAGE_MAX &&
        html`<button class="more" onClick=${() => setLimit(Math.min(PAGE_MAX, limit + PAGE))}>
          Show more (${list.total - list.items.length})</button>`}
      ${list && list.total > list.items.length && limit >= PAGE_MAX &&
        html`<p class="muted more">The first ${list.items.length} of ${list.total}: choose an owner, a segment or a kind of sale</p>`}
    </section>
    ${panel
      ? html`<${Account} account=${panel.account} alias=${alias} like=${alike(items)} version=${`${resets} ${versions.get(panel.account) || 0} ${beats}`} trigger=${shown}
          now=${now} close=${() => { setPanel(null); if (panel.id) focusRow(panel.id); }} act=${act} />`
      : html`<section class="panel hint" aria-label="Account"><p>Choose a trigger to see the account: how it went, who takes part, what to ask.</p>
          <p class="muted"><kbd>j</kbd> <kbd>k</kbd> to move, <kbd>?</kbd> for all keys</p></section>`}
    </main>
    <p class="said" aria-live="polite">${said}</p>
    ${last && html`<div class="undo" role="group" aria-label="Undo" key=${last.id}>
      <span>${DONE[last.action]}: <b>${nameOf(last.item.trigger)}</b></span>
      <button onClick=${undo}>Undo <kbd>u</kbd></button><span class="time"></span></div>`}
    ${dialog?.kind === "help" && html`<${Help} close=${close} />`}
    ${dialog?.kind === "mine" && html`<${Mine} owners=${facets.owner} close=${close} choose=${(owner) => {
      localStorage.setItem("mine", owner); setMine(owner); setDialog(null); change("owner", owner); }} />`}
    ${dialog?.kind === "snooze" && html`<${Snooze} close=${close}
      choose=${(hours) => send("snooze", dialog.item, {until: untilTime(Number(hours))})} />`}
    ${dialog?.kind === "dismiss" && html`<${Dismiss} close=${close}
      choose=${(reason) => send("dismiss", dialog.item, {reason})} />`}
    ${dialog?.kind === "outcome" && html`<${Outcome} close=${close}
      choose=${(reason) => send("outcome", dialog.item, {reason})} />`}`;
}

function App() {
  const [who, setWho] = useState(null);
  const [problem, setProblem] = useState("");
  const ask = () => server.session().then(setWho, (error) => {
    setProblem(error.message);
    setTimeout(ask, 3000);
  });
  useEffect(() => { ask(); }, []);
  if (!who) return html`<main class="login"><p>${problem || "Loading ..."}</p></main>`;
  if (!who.logged_in) {
    return html`<${LogIn} submit=${(token, name) => server.logIn(token, name).then(ask, (error) =>
      error.status === 403 ? "That is not the token." : error.title || error.message)} />`;
  }
  return html`<${StrikeList} alias=${who.alias} logOut=${who.needs_token && (() => server.logOut().then(ask))} />`;
}

render(html`<${App} />`, document.getElementById("app"));
