// Takes in a zip: class folders for this model, or all that another installation has taught.

import { button, count, displayName, make } from './dom.js';
import { listRejected } from './rejected_files.js';
import { stream } from './requests.js';

const MANIFEST = 'manifest.json'; // of what "Download everything" made
const ENDING = 66_000; // bytes that a zip's last record has at most

// `asking`: ask first, where the place does not say into which model the pictures of class folders go.
export function makeTakeZip(state, words, { kind, asking = false }) {
  const input = make('input', { type: 'file', accept: '.zip,application/zip', hidden: true, 'aria-label': 'A zip of class folders', on: { change: take } });
  const choose = button(words, () => input.click(), { kind });
  const note = make('p', { class: 'note', role: 'status' });
  const bar = make('progress', { 'aria-label': 'Pictures of the zip that were added', hidden: true });
  const rejected = make('div', { class: 'rejected-files' });

  async function take() {
    const [file] = input.files;
    input.value = '';
    if (!file || (asking && !await isBundle(file) && !await confirmFolders(state, file))) return;
    choose.disabled = true;
    rejected.replaceChildren();
    note.textContent = `Sending ${file.name}…`;
    bar.hidden = false;
    bar.removeAttribute('value');
    const done = await state.attempt(() => addZip(state, file, show), note);
    choose.disabled = false;
    bar.hidden = true;
    if (done) report(done);
    await state.attempt(() => state.refresh());
  }

  function report(done) {
    const summary = summarise(done);
    note.textContent = summary;
    if (done.changes.length) state.sayUndoable(summary, done.changes, () => { note.textContent = ''; });
    if (done.rejected.length) rejected.append(listRejected(done.rejected));
    if (done.sentence) window.dispatchEvent(new Event('renew')); // models may have come with it
  }

  function show(seen) {
    note.textContent = seen.sentence || `Adding ${seen.done} of ${seen.total}…`;
    if (!seen.total) return;
    bar.max = seen.total;
    bar.value = seen.done;
  }

  return make('div', { class: 'take-zip' }, choose, bar, note, rejected, input);
}

// Tells by the list of names, which lies at a zip's end, what kind of zip it is.
async function isBundle(file) {
  const last = new DataView(await file.slice(-ENDING).arrayBuffer());
  let at = last.byteLength - 22;
  while (at >= 0 && last.getUint32(at, true) !== 0x06054b50) at -= 1;
  if (at < 0) return false;
  const [size, start] = [last.getUint32(at + 12, true), last.getUint32(at + 16, true)];
  return listNames(await file.slice(start, start + size).arrayBuffer()).includes(MANIFEST);
}

function listNames(buffer) {
  const [bytes, names] = [new DataView(buffer), []];
  for (let at = 0; at + 46 <= bytes.byteLength && bytes.getUint32(at, true) === 0x02014b50;) {
    const [name, extra, comment] = [28, 30, 32].map((place) => bytes.getUint16(at + place, true));
    names.push(new TextDecoder().decode(buffer.slice(at + 46, at + 46 + name)));
    at += 46 + name + extra + comment;
  }
  return names;
}

function confirmFolders(state, file) {
  const name = displayName(state.model);
  return new Promise((settle) => {
    const dialog = state.openDialog(`Add the pictures to ${name}?`, 'narrow',
      make('p', {}, `“Download everything” did not make ${file.name}. If it holds class folders, their pictures go into the model ${name}.`),
      make('div', { class: 'line' }, button(`Add to ${name}`, () => { settle(true); dialog.close(); }, { kind: 'main' }), button('Cancel', () => dialog.close())));
    dialog.addEventListener('close', () => settle(false));
  });
}

async function addZip(state, file, show) {
  const seen = { done: 0, total: 0, added: 0, existed: 0, near: 0, changes: [], rejected: [], sentence: '', failed: false };
  await stream('zip', { model: state.model, name: file.name }, file, (line) => {
    tally(seen, line, file.name);
    show(seen);
  });
  return seen;
}

function tally(seen, line, fallback) {
  if (line.total !== undefined) seen.total = line.total;
  if (line.sentence) seen.sentence = line.sentence;
  if (line.error && !line.name && !line.left_out) Object.assign(seen, { failed: true, sentence: '' });
  seen.changes.push(...(line.changes || []));
  if (line.error) seen.rejected.push({ name: line.name || line.left_out || fallback, sentence: line.error });
  if (line.name === undefined) return;
  seen.done += 1;
  if (line.error) return;
  if (line.existed) seen.existed += 1;
  else {
    seen.added += 1;
    seen.changes.push(line.change);
  }
  if (line.near && !line.existed) seen.near += 1;
}

function summarise({ sentence, added, existed, near, failed }) {
  if (sentence || (failed && !added)) return sentence;
  return [
    `Added ${count(added, 'picture')}.`,
    near ? `${near} look like pictures that were here: look-alikes count once.` : '',
    existed ? `${existed} were here already.` : '',
  ].filter(Boolean).join(' ');
}
