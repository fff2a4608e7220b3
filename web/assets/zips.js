// A zip of class folders for this network, or all that another installation has taught.

import { makeComplaints } from './complaints.js';
import { button, count, make } from './elements.js';
import { follow } from './requests.js';

export function makeTakeZip(room, words, kind) {
  const input = make('input', { type: 'file', accept: '.zip,application/zip', hidden: true, 'aria-label': 'A zip of class folders', on: { change: take } });
  const choose = button(words, () => input.click(), { kind });
  const note = make('p', { class: 'note', role: 'status' });
  const bar = make('progress', { 'aria-label': 'Pictures of the zip that were added', hidden: true });
  const complaints = make('div', { class: 'complaints' });

  async function take() {
    const [file] = input.files;
    input.value = '';
    if (!file) return;
    choose.disabled = true;
    complaints.replaceChildren();
    note.textContent = `Sending ${file.name}…`;
    bar.hidden = false;
    bar.removeAttribute('value');
    const done = await room.attempt(() => addZip(room, file, show), note);
    choose.disabled = false;
    bar.hidden = true;
    if (done) note.textContent = summarise(done);
    if (done?.refused.length) complaints.append(makeComplaints(done.refused));
    await room.attempt(() => room.refresh());
  }

  function show(seen) {
    note.textContent = seen.sentence || `Adding ${seen.done} of ${seen.total}…`;
    if (!seen.total) return;
    bar.max = seen.total;
    bar.value = seen.done;
  }

  return make('div', { class: 'take-zip' }, choose, bar, note, complaints, input);
}

async function addZip(room, file, show) {
  const seen = { done: 0, total: 0, added: 0, existed: 0, near: 0, refused: [], sentence: '' };
  await follow('zip', { model: room.model, name: file.name }, file, (line) => {
    tally(seen, line, file.name);
    show(seen);
  });
  return seen;
}

function tally(seen, line, fallback) {
  if (line.total !== undefined) seen.total = line.total;
  if (line.sentence) seen.sentence = line.sentence;
  if (line.error) seen.refused.push({ name: line.name || line.left_out || fallback, sentence: line.error });
  if (line.name === undefined) return;
  seen.done += 1;
  if (line.error) return;
  if (line.existed) seen.existed += 1;
  else seen.added += 1;
  if (line.near && !line.existed) seen.near += 1;
}

const summarise = ({ sentence, added, existed, near }) => sentence || [
  `Added ${count(added, 'picture')}.`,
  near ? `${near} look like pictures that were here: look-alikes count once.` : '',
  existed ? `${existed} were here already.` : '',
].filter(Boolean).join(' ');
