// How things are said: ages, amounts, the sentence that says why now, who takes part.

const MINUTE = 60e3;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export function span(ms) {
  if (ms < MINUTE) return "a moment";
  if (ms < HOUR) return `${Math.round(ms / MINUTE)} min`;
  if (ms < 36 * HOUR) return `${Math.round(ms / HOUR)} h`;
  return `${Math.round(ms / DAY)} days`;
}

export function ago(time, now) {
  const ms = now - Date.parse(time);
  return ms < MINUTE ? "just now" : `${span(ms)} ago`;
}

export function until(time, now) {
  const ms = Date.parse(time) - now;
  return ms <= 0 ? "over" : `in ${span(ms)}`;
}

export const amount = (value) => Math.round(value).toLocaleString("en");

export const percent = (value) => `${Math.round(value)} %`;

export const moment = (time) => {
  const date = new Date(time);
  return date.toLocaleString(undefined,
    {month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23"});
};

export const day = (time) =>
  new Date(time).toLocaleDateString(undefined, {weekday: "short", month: "short", day: "numeric"});

export const date = (time) =>
  new Date(time).toLocaleDateString(undefined, {year: "numeric", month: "short", day: "numeric"});

export const people = (count) => count === 1 ? "1 person" : `${count} people`;

export const capital = (text) => text ? text[0].toUpperCase() + text.slice(1) : text;

export const nameOf = (record) => record.name || record.account.slice(2);

// "compared us with others 4 times by 2 people"
export function reasonWords(reason) {
  let text = reason.label;
  if (reason.count > 1) text += `, ${reason.count} times`;
  if (reason.people > 1) text += ` by ${people(reason.people)}`;
  return text;
}

// ---- what a model of buying says, where there is one

const UNITS = {d: "day", h: "hour", m: "minute", s: "second", ms: "millisecond"};

// "within 14 days", of a horizon such as 14d; "ever".
export function horizonWords(within) {
  const [, count, unit] = within.match(/^(\d+)([a-z]+)$/) || [];
  return UNITS[unit] ? `within ${count} ${UNITS[unit]}${count === "1" ? "" : "s"}` : within;
}

export function chanceWords(probability) {
  if (probability > 0 && probability < 0.01) return "<1 %";
  if (probability > 0.99 && probability < 1) return ">99 %";
  return percent(100 * probability);
}

// "×2.4": the factor on the odds of buying.
export const oddsWords = (odds) =>
  `×${odds >= 9.95 ? Math.round(odds) : odds >= 0.095 ? odds.toFixed(1) : odds.toPrecision(1)}`;

// The chance that a trigger is about: within its policy's horizon, else within the longest that ends.
// Null without a model, or where it has shown no skill.
export function chanceOf(trigger, now) {
  const chances = (now || trigger).chances || [];
  const within = trigger.within || chances.filter((each) => each.within !== "ever").at(-1)?.within;
  const chance = chances.find((each) => each.within === within);
  return chance?.skill ? chance : null;
}

// What the list is ranked by.
export function worthNow({trigger, now}) {
  const chance = chanceOf(trigger, now);
  return trigger.expected_value * (chance ? chance.probability : (now || trigger).progress / 100);
}

const ODDS_SAID = 1.05;  // a smaller factor is "×1.0"

// "42 % when alerted", where the chance is another one by now; "cooled down, 42 % when alerted" where
// it would not open the trigger any more.
export function movedWords(trigger, chance) {
  if (!chance || trigger.measure !== "probability" || trigger.within !== chance.within ||
      Math.abs(trigger.value - chance.probability) < 0.03) return "";
  const cooled = chance.probability < trigger.threshold ? "cooled down, " : "";
  return `${cooled}${chanceWords(trigger.value)} when alerted`;
}

// Why now: what they did, the strongest first, with how often and when; where a model tells it, with
// what that did to the odds of buying. What else the model counts is said only where nothing was done.
export function whyNow(trigger) {
  const factors = trigger.factors || [];
  const odds = new Map(factors.filter((each) => each.signal && each.odds >= ODDS_SAID).map((each) => [each.signal, each.odds]));
  return trigger.reasons.length === 0 ? factors
    : trigger.reasons.map((reason) => odds.has(reason.signal) ? {...reason, odds: odds.get(reason.signal)} : reason);
}

// What the model counts besides: activity and silence, and signals that are not told already.
export function besides(trigger) {
  const told = new Set(trigger.reasons.map((reason) => reason.signal));
  return trigger.reasons.length === 0 ? []
    : (trigger.factors || []).filter((each) => !each.signal || !told.has(each.signal));
}

// What somebody must know before a call: they buy from us already, or one of us is talking to them.
export const standing = (now) => [now?.customer && "customer", now?.opportunity && `opportunity: ${now.opportunity}`].filter(Boolean);

// People are known by keyed hashes only, ourselves too: `alias`, where the server knows it.
export const byWhom = (trigger, alias) => !trigger.by || !alias ? "" : trigger.by === alias ? " by you" : " by a colleague";

// ---- who takes part

// Which parts of a company a purchase needs, by the titles that stand for them.
const FUNCTIONS = [
  ["finance", /financ|controll|cfo|fp&a|treasur|account(ing|ant)/i],
  ["IT", /\bit\b|information|cio\b|cto\b|technolog|engineer|architect|developer|software|systems|integration|security|data/i],
  ["purchasing", /procure|purchas|buyer|sourcing|legal|counsel/i],
  ["the management", /chief|\bc[eiofts]o\b|president|director|managing|vp\b|head of|owner|founder/i],
];

// What the roles that are known leave open; only sales that need more than one say are worth it.
export function missing(trigger) {
  const roles = trigger.people.map((person) => person.role).filter(Boolean);
  if (roles.length === 0 || trigger.sale === "service" || trigger.sale === "relationship") return "";
  const open = FUNCTIONS.filter(([, titles]) => !roles.some((role) => titles.test(role)));
  if (open.length === 0) return "";
  // Whose role is not known may well be from there.
  const certain = roles.length >= trigger.people_active;
  return `nobody ${certain ? "" : "known "}from ${open[0][0]} yet`;
}

export function groupWords(trigger) {
  if (trigger.people_active === 0) return "nobody known to be active";
  const parts = [`${people(trigger.people_active)} active of late`];
  if (trigger.people_new > 0) parts.push(`${trigger.people_new} new this week`);
  const gap = missing(trigger);
  return parts.join(", ") + (gap ? `; ${gap}` : "");
}

const STATES = {
  opened: "open", raised: "open, getting hotter", snoozed: "snoozed", accepted: "accepted",
  retracted: "taken back", dismissed: "dismissed", expired: "expired", closed: "closed",
};

export const stateWords = (state) => STATES[state] || state;

const SUPPRESSED = {
  buying_group: "too few people of the account are active",
  cooldown: "it had a trigger a short while ago",
  customer: "it is a customer",
  disqualified: "the CRM says that it is disqualified",
  open_opportunity: "somebody is at an open opportunity",
  closed_opportunity: "its opportunity has just been closed",
  contacted: "one of us has just been in touch",
};

export const suppressedWords = (reason) => SUPPRESSED[reason] || reason;

export const DISMISS_REASONS = [
  ["not_our_profile", "Not our profile"],
  ["in_opportunity", "Already in an opportunity"],
  ["wrong_timing", "Wrong timing"],
  ["bad_data", "The data is wrong"],
  ["duplicate", "Somebody else has it"],
];

export const OUTCOMES = [
  ["meeting", "We are meeting"],
  ["opportunity", "It is an opportunity now"],
  ["no_reply", "No reply"],
  ["disqualified", "Not for us after all"],
];

export const reasonName = (reason) =>
  (DISMISS_REASONS.concat(OUTCOMES).find(([key]) => key === reason) || ["", ""])[1] ||
  SUPPRESSED[reason] || reason;
