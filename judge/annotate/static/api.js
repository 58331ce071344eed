// Talk to the server. A failure is an object with `status` (0: no answer) and what the server said.

export class Failed extends Error {
  constructor(status, body) {
    super(body.problem || "The server does not answer.");
    this.status = status;
    this.problems = body.problems || [];
    this.stale = body.stale || false;
  }
}

async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", ...options });
  } catch {
    throw new Failed(0, {});
  }
  if (response.ok) return response.json();
  const text = await response.text();
  let body = { problem: text.trim() };
  try {
    body = JSON.parse(text);
  } catch {
    // the guard answers in plain text
  }
  throw new Failed(response.status, body);
}

const post = (path, data, more = {}) =>
  ask(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(data),
    ...more,
  });

export const desk = () => ask("/api/desk");
export const work = (name) => ask(`/api/work/${name}`);
export const draft = (name, answer, base, leaving) =>
  post(`/api/draft/${name}`, { answer, base }, { keepalive: leaving });
export const commit = (name, answer, base) => post(`/api/commit/${name}`, { answer, base });
export const seen = (name) => post(`/api/seen/${name}`, {});
export const link = (name) => post(`/api/link/${name}`, {});

const texts = new Map();

/** A transcript. It never changes while the server runs, so the last few are kept, and the next can be asked for early. */
export function text(name) {
  if (!texts.has(name)) {
    const asked = ask(`/api/text/${name}`);
    asked.catch(() => texts.delete(name));
    texts.set(name, asked);
    if (texts.size > 4) texts.delete(texts.keys().next().value);
  }
  return texts.get(name);
}
