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
  const parts = [people(trigger.people_active)];
  if (trigger.people_new > 0) parts.push(`${trigger.people_new} new this week`);
  const gap = missing(trigger);
  return parts.join(", ") + (gap ? `; ${gap}` : "");
}

const STATES = {
  opened: "open", raised: "open, getting hotter", snoozed: "snoozed", accepted: "accepted",
  retracted: "cooled off", dismissed: "dismissed", expired: "expired", closed: "closed",
};

export const stateWords = (state) => STATES[state] || state;

const SUPPRESSED = {
  buying_group: "too few people of the account are active",
  cooldown: "it had a trigger a short while ago",
  customer: "it is a customer",
  disqualified: "the CRM says that it is disqualified",
  open_opportunity: "somebody is at an open opportunity",
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
