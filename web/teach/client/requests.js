// Talks to the routes of web/teach/teaching.py, relative to this file: the page may lie under any root.

const ROOT = new URL('../', import.meta.url);

export class Refusal extends Error {
  constructor(sentence, status) {
    super(sentence);
    this.status = status; // 0: no answer came
  }
}

const LOST = 'No answer came. Check the connection, then try again.';

export function locate(path, values = {}) {
  const address = new URL(path, ROOT);
  for (const [name, value] of Object.entries(values)) address.searchParams.set(name, value);
  return address.href;
}

export const picture = (sha256, size) => locate(`pictures/${sha256}`, { size });

export const ask = (path, values) => call(locate(path, values), {});

export const tell = (path, values = {}) =>
  call(locate(path), { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(values) });

export const send = (path, values, body) => call(locate(path, values), sending(body));

const sending = (body) => ({ method: 'POST', headers: { 'Content-Type': 'application/octet-stream' }, body });

async function call(address, options) {
  const response = await reach(address, options);
  const answer = await response.json().catch(() => null);
  if (!response.ok || answer === null) throw refuse(response, answer);
  return answer;
}

// Calls `tellOf` with each line of an answer that comes line by line.
export async function follow(path, values, body, tellOf) {
  const response = await reach(locate(path, values), sending(body));
  if (!response.ok) throw refuse(response, await response.json().catch(() => null));
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read().catch(() => { throw new Refusal(LOST, 0); });
    if (done) return;
    const lines = (rest + value).split('\n');
    rest = lines.pop();
    lines.filter(Boolean).forEach((line) => tellOf(JSON.parse(line)));
  }
}

async function reach(address, options) {
  try {
    return await fetch(address, options);
  } catch {
    throw new Refusal(LOST, 0);
  }
}

const refuse = (response, answer) =>
  new Refusal(answer?.error || `The page answered ${response.status}. Try again in a moment.`, response.status);
