// Calls the routes of web/teach, relative to this file: the page may lie under any root.

const ROOT = new URL('../', import.meta.url);

export class RequestError extends Error {
  constructor(sentence, status) {
    super(sentence);
    this.status = status; // 0: no answer came
  }
}

const NO_ANSWER = 'No answer came. Check the connection, then try again.';

export function locate(path, values = {}) {
  const address = new URL(path, ROOT);
  for (const [name, value] of Object.entries(values)) address.searchParams.set(name, value);
  return address.href;
}

export const imageUrl = (sha256, size) => locate(`images/${sha256}`, { size });

export const get = (path, values) => call(locate(path, values), {});

export const post = (path, values = {}) =>
  call(locate(path), { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(values) });

export const upload = (path, values, body) => call(locate(path, values), asBody(body));

const asBody = (body) => ({ method: 'POST', headers: { 'Content-Type': 'application/octet-stream' }, body });

async function call(address, options) {
  const response = await fetchOrFail(address, options);
  const answer = await response.json().catch(() => null);
  if (!response.ok || answer === null) throw makeError(response, answer);
  return answer;
}

// Calls `onLine` with each line of an answer that comes line by line, each a JSON object.
export async function stream(path, values, body, onLine) {
  const response = await fetchOrFail(locate(path, values), asBody(body));
  if (!response.ok) throw makeError(response, await response.json().catch(() => null));
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read().catch(() => { throw new RequestError(NO_ANSWER, 0); });
    if (done) return;
    const lines = (rest + value).split('\n');
    rest = lines.pop();
    lines.filter(Boolean).forEach((line) => onLine(JSON.parse(line)));
  }
}

async function fetchOrFail(address, options) {
  try {
    return await fetch(address, options);
  } catch {
    throw new RequestError(NO_ANSWER, 0);
  }
}

const makeError = (response, answer) =>
  new RequestError(answer?.error || `The page answered ${response.status}. Try again in a moment.`, response.status);
