// Every path, and every answer that can be had without breaking the machine, is as
// delivery/openapi.yaml says.
import assert from "node:assert/strict";
import {mkdtempSync, writeFileSync} from "node:fs";
import {request} from "node:http";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {after, before, it} from "node:test";
import {need, startDemo, until} from "./demo.mjs";

const Ajv = need("ajv/dist/2020").default;
const formats = need("ajv-formats").default;
const yaml = need("yaml");

let demo;
let spec;
let ajv;
const seen = new Set();  // "GET /triggers 200"

before(async () => {
  demo = await startDemo("--days", "10", "--companies", "1200");
  const text = await (await fetch(`${demo.page}api/v1/openapi.yaml`)).text();
  spec = yaml.parse(text);
  ajv = new Ajv({strict: false, allErrors: true});
  formats(ajv);
  ajv.addSchema(spec, "spec");
});

after(() => demo?.stop());

// The place in the description, as a JSON pointer.
const pointer = (...parts) =>
  "spec#" + parts.map((part) => "/" + encodeURIComponent(part.replace(/~/g, "~0").replace(/\//g, "~1"))).join("");

async function check(method, path, {status = 200, values = {}, query = "", body, headers = {}} = {}) {
  const filled = path.replace(/{(\w+)}/g, (_, name) => encodeURIComponent(values[name]));
  const response = await fetch(`${demo.page}api/v1${filled}${query}`, {
    method, body: body === undefined ? undefined : JSON.stringify(body),
    headers: body === undefined ? headers : {"Content-Type": "application/json", ...headers}});
  assert.equal(response.status, status, `${method} ${filled}${query}`);
  const operation = spec.paths[path][method.toLowerCase()];
  assert(operation, `${method} ${path} is not described`);
  let described = operation.responses[String(status)];
  assert(described, `${method} ${path} ${status} is not described`);
  let where = ["paths", path, method.toLowerCase(), "responses", String(status)];
  if (described.$ref) {
    where = described.$ref.slice(2).split("/");
    described = where.reduce((at, part) => at[part], spec);
  }
  seen.add(`${method} ${path} ${status}`);
  const text = await response.text();
  if (!described.content) {
    assert.equal(text, "");
    return response;
  }
  const [type] = Object.keys(described.content);
  assert.equal(response.headers.get("content-type").split(";")[0], type);
  if (!type.includes("json")) return text;
  const validate = ajv.compile({$ref: pointer(...where, "content", type, "schema")});
  const answer = JSON.parse(text);
  assert(validate(answer), `${method} ${filled}: ${ajv.errorsText(validate.errors)}`);
  return answer;
}

it("answers as described", async () => {
  await until("triggers", async () =>
    (await (await fetch(`${demo.page}api/v1/triggers?state=all`)).json()).total >= 3);
  await until("the market has caught up", async () =>
    Date.now() - Date.parse((await check("GET", "/status")).now) < 864e5, 150);
  await check("GET", "/session");
  await check("POST", "/session", {status: 204, body: {token: ""}});
  await check("POST", "/session", {status: 400, body: []});
  await check("POST", "/session", {status: 413, body: "x".repeat(100_000)});
  await check("DELETE", "/session", {status: 204});
  await check("GET", "/openapi.yaml");

  const page = await check("GET", "/triggers", {query: "?state=all"});
  assert(page.items.length >= 2);
  for (const state of ["open", "snoozed", "accepted", "all"]) {
    await check("GET", "/triggers", {query: `?state=${state}&limit=2&offset=1`});
  }
  await check("GET", "/triggers", {query: "?limit=201", status: 400});
  const byExpiry = page.items.map((item) => item.trigger)
    .sort((a, b) => Date.parse(b.expires) - Date.parse(a.expires));
  const [first, second] = byExpiry;
  for (const {trigger} of page.items) {
    await check("GET", "/triggers/{trigger}", {values: {trigger: trigger.id}});
    const {summary} = await until("the account's summary, which follows at an interval", async () => {
      const account = await check("GET", "/accounts/{account}", {values: {account: trigger.account}});
      return account.summary && account;
    });
    assert(summary.curve.seconds.length > 0);
    assert(summary.curve.chances.length > 0, "a model is in force");
    assert(summary.forecast.chances.some((chance) => chance.skill));
  }
  await check("GET", "/triggers/{trigger}", {values: {trigger: "none"}, status: 404});
  await check("GET", "/accounts/{account}", {values: {account: "a:none"}, status: 404});
  const {name} = byExpiry.find((trigger) => trigger.name);  // a web domain has none
  const part = encodeURIComponent(name.slice(0, 4).toLowerCase());
  const {accounts} = await check("GET", "/accounts", {query: `?q=${part}`});
  assert(accounts.length > 0 && accounts[0].live > 0);
  await check("GET", "/accounts", {query: "?q=", status: 400});

  const feedback = "/triggers/{trigger}/feedback";
  await check("POST", feedback, {values: {trigger: first.id}, status: 202, body: {action: "accept", id: "one"}});
  await check("POST", feedback, {values: {trigger: second.id}, status: 202,
    body: {action: "dismiss", reason: "bad_data"}});
  await check("POST", feedback, {values: {trigger: first.id}, status: 400, body: {action: "like"}});
  await check("POST", feedback, {values: {trigger: "none"}, status: 404, body: {action: "accept"}});
  await check("POST", feedback, {values: {trigger: first.id}, status: 413, body: "x".repeat(100_000)});
  await check("POST", feedback, {values: {trigger: first.id}, status: 403, body: {action: "accept"},
    headers: {Origin: "https://elsewhere.example"}});
  await until("the accepted one is listed", async () =>
    (await check("GET", "/triggers", {query: "?state=accepted"})).total > 0);
  await until("the dismissed one is history", async () =>
    (await check("GET", "/triggers/{trigger}", {values: {trigger: second.id}})).past);
  const account = await check("GET", "/accounts/{account}", {values: {account: second.account}});
  assert.equal(account.past[0].reason, "bad_data");
});

it("does not send again what the client has", async () => {
  const [{trigger}] = (await check("GET", "/triggers", {query: "?state=all"})).items;
  const paths = {"/triggers": "triggers", "/triggers/{trigger}": `triggers/${trigger.id}`,
    "/accounts": "accounts?q=a", "/accounts/{account}": `accounts/${encodeURIComponent(trigger.account)}`};
  for (const [path, filled] of Object.entries(paths)) {
    await until(`${path} is as it was`, async () => {  // it may change in between
      const url = `${demo.page}api/v1/${filled}`;
      const etag = (await fetch(url)).headers.get("etag");
      return (await fetch(url, {headers: {"If-None-Match": etag}})).status === 304;
    });
    seen.add(`GET ${path} 304`);
  }
});

it("says which methods there are", async () => {
  const problem = ajv.compile({$ref: pointer("components", "schemas", "Problem")});
  for (const [method, path, allowed] of [["POST", "triggers", "GET, HEAD"], ["PUT", "session", "GET, HEAD, POST, DELETE"],
    ["GET", "triggers/a/feedback", "POST"]]) {
    const answer = await fetch(`${demo.page}api/v1/${path}`, {method});
    assert.equal(answer.status, 405, path);
    assert.equal(answer.headers.get("allow"), allowed);
    assert(problem(await answer.json()));
  }
});

it("streams what is described", async () => {
  const response = await fetch(`${demo.page}api/v1/events`, {headers: {"Last-Event-ID": "other-1"}});
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  seen.add("GET /events 200");
  const schema = (name) => ajv.compile({$ref: pointer("components", "schemas", name)});
  const validate = {status: schema("Status"), progress: schema("Now"), trigger: schema("News"), reset: ajv.compile({})};
  await until("news of a trigger", async () => {  // the market's own people may be quicker
    const {items} = await check("GET", "/triggers", {query: "?state=all"});
    for (const {trigger} of items) {  // what was accepted stays until something comes of it
      const answer = await fetch(`${demo.page}api/v1/triggers/${trigger.id}/feedback`, {
        method: "POST", headers: {"Content-Type": "application/json"},
        body: JSON.stringify({action: "outcome", reason: "meeting"})});
      if (answer.status === 202) return true;
    }
    return false;
  });
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body) {
    text += decoder.decode(chunk, {stream: true});
    if (/event: status\ndata: .*\n\n/.test(text) && /event: trigger\ndata: .*\n\n/.test(text)) break;
  }
  assert.match(text, /event: reset\n/);
  for (const [, type, data] of text.matchAll(/event: (\w+)\ndata: (.*)\n\n/g)) {
    const parts = type === "progress" ? JSON.parse(data) : [JSON.parse(data)];
    for (const part of parts) assert(validate[type](part), ajv.errorsText(validate[type].errors));
  }
});

// Every operation that needs a log-in: ["GET", "/status"].
const secured = () => Object.entries(spec.paths).flatMap(([path, operations]) =>
  ["get", "post"].filter((method) => operations[method] && !operations[method].security)
    .map((method) => [method.toUpperCase(), path]));

it("answers nobody who asks for another host, or from another site", async () => {
  const problem = ajv.compile({$ref: pointer("components", "schemas", "Problem")});
  for (const [method, path] of secured()) {
    const [status, type, text] = await new Promise((resolve, reject) => {
      const asked = request(`${demo.page}api/v1${path.replace(/{\w+}/g, "a:b")}`,
        {method, headers: {Host: "elsewhere.example"}}, async (response) => {
          let body = "";
          for await (const chunk of response) body += chunk;
          resolve([response.statusCode, response.headers["content-type"], body]);
        });
      asked.on("error", reject);
      asked.end();
    });
    assert.equal(status, 403, `${method} ${path}`);
    assert.equal(type, "application/problem+json");
    assert(problem(JSON.parse(text)));
    assert(spec.paths[path][method.toLowerCase()].responses["403"], `${method} ${path} 403 is not described`);
    seen.add(`${method} ${path} 403`);
  }
  await check("DELETE", "/session", {status: 403, headers: {Origin: "https://elsewhere.example"}});
});

it("refuses who has no token, and who guesses", async () => {
  const open = demo;
  const file = join(mkdtempSync(join(tmpdir(), "hotiron-openapi-")), "token");
  writeFileSync(file, "a token that nobody guesses\n");
  demo = await startDemo("--history", "0", "--companies", "50", "--days", "2", "--serve-token-file", file);
  try {
    assert(secured().length >= 7);
    const ask = (status, headers = {}) => Promise.all(secured().map(([method, path]) =>
      check(method, path, {status, headers, values: {trigger: "t", account: "a:b"}, body: method === "POST" ? {} : undefined})));
    await ask(401);
    await check("POST", "/session", {status: 403, body: {token: "a guess"}});
    const wrong = {Authorization: "Bearer a guess"};
    await until("that is too many guesses", async () =>
      (await fetch(`${demo.page}api/v1/status`, {headers: wrong})).status === 429);
    await ask(429, wrong);
    await check("POST", "/session", {status: 429, body: {token: "a guess"}});
  } finally {
    await demo.stop();
    demo = open;
  }
});

it("has no path that was not tried", () => {
  for (const [path, operations] of Object.entries(spec.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      if (!operation.responses) continue;
      for (const status of Object.keys(operation.responses)) {
        if (status === "503") continue;  // a broker that is away or 1,000 listeners: tests/delivery has them
        assert(seen.has(`${method.toUpperCase()} ${path} ${status}`), `${method} ${path} ${status}`);
      }
    }
  }
});
