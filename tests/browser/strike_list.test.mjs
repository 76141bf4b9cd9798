// What a rep does with the strike list, in a real browser on a running demo.
import assert from "node:assert/strict";
import {mkdtempSync, writeFileSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {after, before, describe, it} from "node:test";
import {need, startDemo, until} from "./demo.mjs";

const {chromium} = need("playwright-core");
const axe = need("axe-core");
const SHOTS = process.env.HOTIRON_SHOTS;  // a folder: pictures of the page are kept there

const launch = () => chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]});

// A page that fails the test when it logs an error or breaks its own security policy.
async function open(browser, url, options = {}) {
  const context = await browser.newContext({viewport: {width: 1280, height: 900}, ...options});
  const page = await context.newPage();
  page.problems = [];
  page.on("pageerror", (error) => page.problems.push(error.message));
  page.on("console", (message) => {
    const expected = /status of (401|403|429)/.test(message.text());
    if (message.type() === "error" && !expected) page.problems.push(message.text());
  });
  await page.goto(url);
  return page;
}

async function violations(page) {
  await page.evaluate(axe.source);
  const found = await page.evaluate(() => axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}));
  return found.violations.map((each) => `${each.id}: ${each.nodes.map((node) => node.html).join(" | ")}`);
}

const rowIds = (page) => page.$$eval(".row", (rows) => rows.map((row) => row.dataset.trigger));

describe("the strike list", () => {
  let demo;
  let browser;
  let page;

  const get = async (path) => (await fetch(`${demo.page}api/v1/${path}`)).json();

  // Feedback that intake has read from <app>.feedback.
  async function feedbackTaken() {
    const text = await (await fetch(demo.metrics)).text();
    const line = text.split("\n").find((each) =>
      each.startsWith("hotiron_input_records_total{") && each.includes('source="feedback"'));
    return Number(line.split(" ").pop());
  }

  // Its row, selected; the last to expire, so that it stays for the test.
  async function chooseTrigger() {
    const {items} = await get("triggers?limit=200");
    items.sort((a, b) => Date.parse(b.trigger.expires) - Date.parse(a.trigger.expires));
    const {trigger} = items[0];
    await page.waitForSelector(`[data-trigger="${trigger.id}"]`);
    await page.click(`[data-trigger="${trigger.id}"] .name`);
    return trigger;
  }

  before(async () => {
    demo = await startDemo("--days", "8", "--companies", "1200");
    browser = await launch();
    page = await open(browser, demo.page);
  });

  after(async () => {
    await browser?.close();
    await demo?.stop();
  });

  it("is honest about being empty, and fills without a reload", async () => {
    await page.waitForSelector(".row, .empty");
    await page.evaluate(() => { window.sameDocument = true; });
    const there = new Set(await rowIds(page));
    await until("a new row", async () => (await rowIds(page)).some((id) => !there.has(id)));
    assert.equal(await page.evaluate(() => window.sameDocument), true);
    await page.waitForSelector(".fresh-state.good");
    // From here on the market goes slowly.
    await until("the market has caught up", async () =>
      Date.now() - Date.parse((await get("status")).now) < 864e5, 150);
    await until("enough to work with", async () => (await get("triggers")).total >= 4);
  });

  it("is ranked by what a trigger is worth", async () => {
    await until("the list is as the server says", async () => {
      const {items} = await get("triggers");
      return JSON.stringify(await rowIds(page)) === JSON.stringify(items.map((item) => item.trigger.id));
    });
  });

  it("shows the account: why, what to ask, how it went, who", async () => {
    await chooseTrigger();
    for (const title of ["Why now", "Progress", "Where they are", "Buying group", "What they did"]) {
      await page.waitForSelector(`.panel h3:has-text("${title}")`);
    }
    await page.waitForSelector(".panel canvas");
    if (SHOTS) await page.screenshot({path: join(SHOTS, "strike-list.png")});
    const group = await page.$$eval(".panel tbody tr", (rows) => rows.length);
    const texts = (selector) => page.$$eval(selector, (found) => found.map((each) => each.firstChild?.data));
    const known = new Set(await texts(".panel tbody td:first-child"));
    const acting = (await texts(".timeline small")).filter(Boolean);
    if (group < 12) assert.deepEqual(acting.filter((name) => !known.has(name)), []);
    await page.click('nav button:has-text("Snoozed")');  // where this trigger is not
    await page.waitForSelector(".panel.hint");
    await page.click('nav button:has-text("Open")');
    await page.waitForSelector(".row");
  });

  it("accepts, dismisses with a reason, and both are there after a reload", async () => {
    const taken = await feedbackTaken();
    const accepted = await chooseTrigger();
    await page.click(".panel .actions .primary");
    await page.waitForSelector(".undo");
    await until("accepted", async () =>
      (await get(`triggers/${accepted.id}`)).trigger?.state === "accepted");
    assert.equal(await page.$(`[data-trigger="${accepted.id}"]`), null);

    const dismissed = await chooseTrigger();
    assert.notEqual(dismissed.id, accepted.id);
    await page.click('.panel .actions button:has-text("Dismiss")');
    await page.click('dialog button:has-text("Wrong timing")');
    const {past} = await until("dismissed", async () => {
      const answer = await get(`triggers/${dismissed.id}`);
      return answer.past && answer;
    });
    assert.equal(past.state, "dismissed");
    assert.equal(past.reason, "wrong_timing");
    assert.equal(await until("both records were read from the feedback topic",
      async () => (await feedbackTaken()) - taken >= 2 && (await feedbackTaken()) - taken), 2);

    await page.reload();
    await page.waitForSelector(".row");
    const ids = await rowIds(page);
    assert(!ids.includes(accepted.id) && !ids.includes(dismissed.id));
    await page.click('nav button:has-text("Accepted")');
    await page.waitForSelector(`[data-trigger="${accepted.id}"]`);
    await page.click('nav button:has-text("Open")');
    await page.waitForSelector(".row");
  });

  it("takes back what was done last", async () => {
    const trigger = await chooseTrigger();
    await page.click(".panel .actions .primary");
    await until("accepted", async () =>
      (await get(`triggers/${trigger.id}`)).trigger?.state === "accepted");
    await page.click(".undo button");
    await until("as it was", async () =>
      /opened|raised/.test((await get(`triggers/${trigger.id}`)).trigger?.state));
    await page.waitForSelector(`[data-trigger="${trigger.id}"]`);
    assert.equal(await page.$(".undo"), null);
  });

  it("works by the keyboard alone", async () => {
    await page.reload();
    await page.waitForSelector(".row");
    await page.keyboard.press("j");
    await page.waitForSelector(".row.selected .name:focus");
    await page.keyboard.press("j");
    const ids = await rowIds(page);
    await page.waitForSelector(`.selected[data-trigger="${ids[1]}"]`);
    await page.keyboard.press("k");
    await page.waitForSelector(`.selected[data-trigger="${ids[0]}"]`);
    await page.keyboard.press("?");
    await page.waitForSelector("dialog[open]");
    await page.keyboard.press("Escape");
    await page.waitForSelector("dialog", {state: "detached"});
    await page.keyboard.press("s");
    await page.waitForSelector("dialog[open]");
    await page.keyboard.press("3");
    const snoozed = await until("snoozed", async () => {
      const {trigger} = await get(`triggers/${ids[0]}`);
      return trigger?.state === "snoozed" && trigger;
    });
    const days = (Date.parse(snoozed.snoozed_until) - Date.parse(snoozed.as_of)) / 864e5;
    assert(days > 2.5 && days < 3.5, `snoozed for ${days} days`);
    await page.keyboard.press("u");
    await until("as it was", async () =>
      /opened|raised/.test((await get(`triggers/${ids[0]}`)).trigger?.state));
  });

  it("keeps to filters", async () => {
    const {facets} = await get("triggers");
    const {value, count} = facets.segment[0];
    await page.selectOption('select[aria-label="All segments"]', value);
    await until("only that segment", async () => {
      const answer = await get(`triggers?segment=${encodeURIComponent(value)}`);
      return JSON.stringify(await rowIds(page)) ===
        JSON.stringify(answer.items.map((item) => item.trigger.id));
    });
    assert(count > 0);
    await page.selectOption('select[aria-label="All segments"]', "");
  });

  it("knows whose accounts are mine, and can be told otherwise", async () => {
    const owner = () => page.inputValue('select[aria-label="All owners"]');
    await until("a trigger with an owner", async () =>
      (await get("triggers")).facets.owner.some((each) => each.value));
    await page.reload();
    await page.waitForSelector(".row");
    await page.click('button:has-text("My accounts")');
    await page.click("dialog .choices button");
    await page.waitForSelector('button:has-text("Not mine?")');
    assert.notEqual(await owner(), "");
    await page.click('button:has-text("Not mine?")');
    await page.waitForSelector("dialog[open] .choices button");
    await page.keyboard.press("Escape");
    await page.waitForSelector("dialog", {state: "detached"});
    await page.click('button:has-text("My accounts")');
    await until("all owners", async () => (await owner()) === "");
  });

  for (const scheme of ["light", "dark"]) {
    it(`has no accessibility violations, ${scheme}`, async () => {
      const other = await open(browser, demo.page, {colorScheme: scheme, reducedMotion: "reduce"});
      await other.waitForSelector(".row");
      await other.keyboard.press("j");
      await other.waitForSelector(".panel canvas");
      await other.waitForSelector(".panel table");
      assert.deepEqual(await violations(other), []);
      if (SHOTS) await other.screenshot({path: join(SHOTS, `list-${scheme}.png`)});
      await other.keyboard.press("d");
      await other.waitForSelector("dialog[open]");
      assert.deepEqual(await violations(other), []);
      await other.keyboard.press("Escape");
      assert.deepEqual(other.problems, []);
      await other.context().close();
    });
  }

  it("fits a phone", async () => {
    const phone = await open(browser, demo.page,
      {viewport: {width: 360, height: 740}, reducedMotion: "reduce", hasTouch: true});
    await phone.waitForSelector(".row");
    const wide = () => phone.evaluate(() => document.documentElement.scrollWidth > innerWidth);
    assert.equal(await wide(), false);
    if (SHOTS) await phone.screenshot({path: join(SHOTS, "phone.png")});
    assert.deepEqual(await violations(phone), []);
    await phone.tap(".row .name");
    await phone.waitForSelector(".panel canvas");
    assert.equal(await wide(), false);
    assert.equal(await phone.isVisible(".row"), false);
    await phone.tap(".panel .close");
    await phone.waitForSelector(".row");
    assert.deepEqual(phone.problems, []);
    await phone.context().close();
  });

  it("says when nothing comes any more", async () => {
    const lost = await open(browser, demo.page);
    await lost.waitForSelector(".fresh-state.good");
    demo.halt();
    try {
      await lost.waitForSelector('.fresh-state.bad:has-text("Not connected")', {timeout: 60_000});
      assert((await rowIds(lost)).length > 0);  // what was known is still shown
    } finally {
      demo.goOn();
    }
    await lost.waitForSelector(".fresh-state.good", {timeout: 60_000});
    await lost.context().close();
  });

  it("logged no error and kept to its security policy", () => {
    assert.deepEqual(page.problems, []);
  });
});

describe("the strike list with a token", () => {
  const token = "a token that nobody guesses";
  let demo;
  let browser;

  before(async () => {
    const file = join(mkdtempSync(join(tmpdir(), "hotiron-browser-")), "token");
    writeFileSync(file, `${token}\n`);
    demo = await startDemo("--companies", "50", "--days", "2", "--serve-token-file", file);
    browser = await launch();
  });

  after(async () => {
    await browser?.close();
    await demo?.stop();
  });

  it("refuses a wrong token and lets the right one in", async () => {
    const page = await open(browser, demo.page);
    await page.fill('input[name="token"]', "a guess");
    await page.click("form button");
    await page.waitForSelector('.problem:has-text("That is not the token")');
    assert.deepEqual(await violations(page), []);
    await page.fill('input[name="name"]', "rep@vendor.example");
    await page.fill('input[name="token"]', token);
    await page.click("form button");
    await page.waitForSelector(".bar nav");
    await page.waitForSelector(".fresh-state.good");
    await page.reload();
    await page.waitForSelector(".bar nav");
    const [cookie] = await page.context().cookies();
    assert.equal(cookie.httpOnly, true);
    assert.equal(cookie.sameSite, "Strict");
    await page.click('button:has-text("Log out")');
    await page.waitForSelector('input[name="token"]');
    assert.deepEqual(page.problems, []);
  });
});
