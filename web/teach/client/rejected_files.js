// What could not be taken, a line a file.

import { breakable, button, count, make } from './dom.js';

export function makeComplaints(refused) {
  const lines = refused.map(({ name, sentence }) => make('li', {}, make('b', {}, ...breakable(name)), ` ${leaveOut(name, sentence)}`));
  const close = button('Dismiss', () => box.remove(), { kind: 'link' });
  const box = make('div', { class: 'refused', role: 'alert' }, make('p', {}, `${count(refused.length, 'file')} could not be taken`, close), make('ul', {}, lines));
  return box;
}

// Some sentences begin with the file's name.
const leaveOut = (name, sentence) => (sentence.startsWith(`${name} `) ? sentence.slice(name.length + 1) : sentence);
