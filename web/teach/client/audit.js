// What was done here: read anew whenever it is unfolded.

import { make } from './dom.js';
import { get } from './requests.js';

const DAY = { day: 'numeric', month: 'short' };
const HOUR = { hour: '2-digit', minute: '2-digit', hour12: false };

export function makeAudit(state) {
  const problem = make('p', { class: 'problem', role: 'alert' });
  const list = make('ol', { class: 'audit-lines' });
  const folded = make('details', { class: 'audit', on: { toggle: show } }, make('summary', {}, 'What was done here, and by whom'), problem, list);

  async function show() {
    if (!folded.open) return;
    const found = await state.attempt(() => get('audit'), problem);
    if (!found) return;
    const lines = found.acts.map(([time, who, words]) => make('li', {}, make('time', { datetime: time }, tellTime(time)), make('span', {}, make('b', {}, who), ` ${words}`)));
    list.replaceChildren(...(lines.length ? lines : [make('li', {}, 'Nothing yet.')]));
  }

  return folded;
}

// 12 Nov 14:03, by this browser's clock; with the year where it is another.
function tellTime(time) {
  const when = new Date(time);
  const year = when.getFullYear() === new Date().getFullYear() ? {} : { year: 'numeric' };
  return `${when.toLocaleDateString('en-GB', { ...DAY, ...year })} ${when.toLocaleTimeString('en-GB', HOUR)}`;
}
