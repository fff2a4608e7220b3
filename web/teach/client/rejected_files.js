// The files that were not added, each with the reason.

import { breakable, button, count, make } from './dom.js';

export function listRejected(rejected) {
  const lines = rejected.map(({ name, sentence }) => make('li', {}, make('b', {}, ...breakable(name)), ` ${leaveOut(name, sentence)}`));
  const close = button('Dismiss', () => box.remove(), { kind: 'link' });
  const box = make('div', { class: 'rejected', role: 'alert' }, make('p', {}, `${count(rejected.length, 'file')} could not be taken`, close), make('ul', {}, lines));
  return box;
}

// Some sentences begin with the file's name.
const leaveOut = (name, sentence) => (sentence.startsWith(`${name} `) ? sentence.slice(name.length + 1) : sentence);
