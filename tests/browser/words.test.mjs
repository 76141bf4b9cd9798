// How the page says things, without a browser.
import assert from "node:assert/strict";
import {readFileSync} from "node:fs";
import {it} from "node:test";

const source = readFileSync(new URL("../../delivery/page/words.js", import.meta.url), "utf8");
const words = await import(`data:text/javascript,${encodeURIComponent(source)}`);

const MINUTE = 60e3;
const HOUR = 60 * MINUTE;
const NOW = Date.parse("2026-03-03T10:00:00Z");

it("says spans as people do", () => {
  assert.equal(words.span(1), "a moment");
  assert.equal(words.span(14.4 * MINUTE), "14 min");
  assert.equal(words.span(35 * HOUR), "35 h");
  assert.equal(words.span(72 * HOUR), "3 days");
  assert.equal(words.ago("2026-03-03T09:59:30Z", NOW), "just now");
  assert.equal(words.ago("2026-03-03T08:00:00Z", NOW), "2 h ago");
  assert.equal(words.until("2026-03-03T12:00:00Z", NOW), "in 2 h");
  assert.equal(words.until("2026-03-03T09:00:00Z", NOW), "over");
});

it("says chances and odds, also at their ends", () => {
  assert.deepEqual([0, 0.004, 0.384, 0.996, 1].map(words.chanceWords), ["0 %", "<1 %", "38 %", ">99 %", "100 %"]);
  assert.deepEqual([0.034, 0.5, 2.41, 12.4].map(words.oddsWords), ["×0.03", "×0.5", "×2.4", "×12"]);
  assert.deepEqual(["1d", "14d", "6h", "ever"].map(words.horizonWords),
    ["within 1 day", "within 14 days", "within 6 hours", "ever"]);
});

it("says what somebody did, how often and by how many", () => {
  assert.equal(words.reasonWords({label: "looked at prices", count: 1, people: 1}), "looked at prices");
  assert.equal(words.reasonWords({label: "looked at prices", count: 4, people: 2}), "looked at prices, 4 times by 2 people");
});

it("shows a chance only where the model has shown skill, for the trigger's own horizon", () => {
  const chances = [["7d", 0.1, true], ["14d", 0.2, true], ["ever", 0.6, true]]
    .map(([within, probability, skill]) => ({within, probability, skill}));
  assert.equal(words.chanceOf({chances}).within, "14d");
  assert.equal(words.chanceOf({chances, within: "7d"}).within, "7d");
  assert.equal(words.chanceOf({chances, within: "7d"}, {chances: [{...chances[0], probability: 0.3}]}).probability, 0.3);
  assert.equal(words.chanceOf({chances: chances.map((each) => ({...each, skill: false}))}), null);
  assert.equal(words.chanceOf({}), null);
});

it("says where the chance has moved since the alert", () => {
  const chance = {within: "14d", probability: 0.36, skill: true};
  const trigger = {measure: "probability", within: "14d", value: 0.42};
  assert.equal(words.movedWords(trigger, chance), "42 % when alerted");
  assert.equal(words.movedWords({...trigger, value: 0.37}, chance), "");
  assert.equal(words.movedWords({...trigger, threshold: 0.35}, chance), "42 % when alerted");
  assert.equal(words.movedWords({...trigger, threshold: 0.4}, chance), "cooled down, 42 % when alerted");
  assert.equal(words.movedWords({...trigger, measure: "progress"}, chance), "");
  assert.equal(words.movedWords(trigger, null), "");
});

it("says why now by what they did, with the odds that it raised, and apart from it what else counts", () => {
  const reasons = [{signal: "p", label: "looked at prices", last: "2026-03-03T09:00:00Z"}, {signal: "q", label: "asked"}];
  const raised = {of: "signal", signal: "p", label: "looked at prices", odds: 2.4};
  const slight = {of: "signal", signal: "q", label: "asked", odds: 1.01};
  const silent = {of: "silence", label: "it has fallen silent", odds: 0.8};
  assert.deepEqual(words.whyNow({reasons}), reasons);
  assert.deepEqual(words.whyNow({reasons, factors: [raised, slight, silent]}), [{...reasons[0], odds: 2.4}, reasons[1]]);
  assert.deepEqual(words.besides({reasons, factors: [raised, slight, silent]}), [silent]);
  assert.deepEqual(words.whyNow({reasons: [], factors: [silent]}), [silent]);
  assert.deepEqual(words.besides({reasons: [], factors: [silent]}), []);
});

it("says who takes part, and who does not yet", () => {
  const trigger = (roles, more = {}) => ({people: roles.map((role) => ({role})), people_active: roles.length,
    people_new: 0, sale: "solution", ...more});
  assert.equal(words.groupWords(trigger([])), "nobody known to be active");
  assert.equal(words.groupWords(trigger(["CTO"], {people_new: 1})), "1 person active of late, 1 new this week; nobody from finance yet");
  assert.equal(words.groupWords(trigger(["CTO", ""])), "2 people active of late; nobody known from finance yet");
  assert.equal(words.groupWords(trigger(["CTO"], {sale: "service"})), "1 person active of late");
  assert.equal(words.missing(trigger(["CFO", "CTO", "Procurement", "CEO"])), "");
});

it("says what a rep must know before a call", () => {
  assert.deepEqual(words.standing({customer: true, opportunity: "Proposal"}), ["customer", "opportunity: Proposal"]);
  assert.deepEqual(words.standing({customer: false}), []);
  assert.deepEqual(words.standing(null), []);
});

it("ranks by what a trigger is worth now", () => {
  const trigger = {expected_value: 1000, progress: 80, within: "14d", chances: [{within: "14d", probability: 0.5, skill: true}]};
  assert.equal(words.worthNow({trigger, now: null}), 500);
  assert.equal(words.worthNow({trigger, now: {progress: 20, chances: [{within: "14d", probability: 0.1, skill: true}]}}), 100);
  assert.equal(words.worthNow({trigger, now: {progress: 20, chances: [{within: "14d", probability: 0.1, skill: false}]}}), 200);
  assert.equal(words.worthNow({trigger, now: {progress: 20}}), 200);
});

it("says whether it was you, where that is known", () => {
  assert.equal(words.byWhom({by: "ab"}, "ab"), " by you");
  assert.equal(words.byWhom({by: "cd"}, "ab"), " by a colleague");
  assert.equal(words.byWhom({}, "ab") + words.byWhom({by: "ab"}, ""), "");
});
