// Takes in a zip of class folders for this model.

import { button, count, make } from './dom.js';
import { listRejected } from './rejected_files.js';
import { stream } from './requests.js';

export function makeTakeZip(state, words, { kind }) {
  const input = make('input', { type: 'file', accept: '.zip,application/zip', hidden: true, 'aria-label': 'A zip of class folders', on: { change: take } });
  const choose = button(words, () => input.click(), { kind });
  const note = make('p', { class: 'note', role: 'status' });
  const bar = make('progress', { 'aria-label': 'Pictures of the zip that were added', hidden: true });
  const rejected = make('div', { class: 'rejected-files' });

  async function take() {
    const [file] = input.files;
    input.value = '';
    if (!file) return;
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
  }

  function show(seen) {
    note.textContent = `Adding ${seen.done} of ${seen.total}…`;
    if (!seen.total) return;
    bar.max = seen.total;
    bar.value = seen.done;
  }

  return make('div', { class: 'take-zip' }, choose, bar, note, rejected, input);
}

async function addZip(state, file, show) {
  const seen = { done: 0, total: 0, added: 0, existed: 0, near: 0, changes: [], rejected: [], failed: false };
  await stream('zip', { model: state.model, name: file.name }, file, (line) => {
    tally(seen, line, file.name);
    show(seen);
  });
  return seen;
}

function tally(seen, line, fallback) {
  if (line.total !== undefined) seen.total = line.total;
  if (line.error && !line.name && !line.left_out) seen.failed = true;
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

function summarise({ added, existed, near, failed }) {
  if (failed && !added) return '';
  return [
    `Added ${count(added, 'picture')}.`,
    near ? `${near} look like pictures that were here: look-alikes count once.` : '',
    existed ? `${existed} were here already.` : '',
  ].filter(Boolean).join(' ');
}
