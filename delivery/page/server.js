// What the page says to the server and hears from it (/api/v1/openapi.yaml).

export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || body.title || `The server answered ${status}`);
    this.status = status;
    this.title = body.title;
  }
}

async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(`/api/v1/${path}`, {credentials: "same-origin", ...options});
  } catch {
    throw new Problem(0, {detail: "The server cannot be reached."});
  }
  if (response.status === 204) return null;
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Problem(response.status, body);
  return body;
}

const post = (path, body) => ask(path, {
  method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body)});

export const session = () => ask("session");
export const logIn = (token, name) => post("session", {token, name});
export const logOut = () => ask("session", {method: "DELETE"});
export const status = () => ask("status");
export const account = (key) => ask(`accounts/${encodeURIComponent(key)}`);

export const find = (text) => ask(`accounts?${new URLSearchParams({q: text})}`);

export function triggers(filter, limit) {
  const query = new URLSearchParams({limit: String(limit)});
  for (const [name, value] of Object.entries(filter)) {
    if (value) query.set(name, value);
  }
  return ask(`triggers?${query}`);
}

// Ours to choose, so that sending it again is the same feedback.
export const newId = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");

export const feedback = (trigger, body) =>
  post(`triggers/${encodeURIComponent(trigger)}/feedback`, body);

const SILENCE_MS = 25_000;  // the server says something at least every 10 seconds

// Calls handlers[type] with each event; `onState` hears "open" and "lost". The browser comes back by
// itself, with the id of the last event; where it has given up, or does not notice that nothing comes
// any more, we begin anew.
export function listen(handlers, onState) {
  let source;
  let heard = 0;
  const open = (anew) => {
    source?.close();
    heard = performance.now();
    source = new EventSource("/api/v1/events");
    source.onopen = () => {
      heard = performance.now();
      onState("open");
      if (anew) handlers.reset();
      anew = false;
    };
    source.onerror = () => onState("lost");
    for (const [type, handle] of Object.entries(handlers)) {
      source.addEventListener(type, (event) => {
        heard = performance.now();
        handle(JSON.parse(event.data));
      });
    }
  };
  open(false);
  const timer = setInterval(() => {
    if (source.readyState === EventSource.CLOSED || performance.now() - heard > SILENCE_MS) {
      onState("lost");
      open(true);
    }
  }, 3000);
  return () => {
    clearInterval(timer);
    source.close();
  };
}
