// One picture at a time: visitors' suggestions, or stored pictures that the network doubts.

import { button, count, make, nameOf, sureness } from './elements.js';
import { ask, picture, tell } from './requests.js';

const KINDS = {
  pending: { words: 'Suggestions', query: { state: 'pending', order: 'unsure' }, empty: 'No suggestions wait. When a visitor says “That’s wrong” on Try it, the picture comes here.' },
  unsure: { words: 'Least sure first', query: { order: 'unsure' }, empty: 'There are no stored pictures yet.' },
};
const PRELOADED = 2;

export function makeReviewButton(room) {
  const badge = make('b', { class: 'mark' });
  const open = make('button', { type: 'button', class: 'plain', on: { click: () => new Review(room).start() } }, make('span', {}, 'Review'), badge);
  room.watch('network', () => {
    const { pending } = room.network;
    badge.textContent = pending;
    badge.hidden = !pending;
    open.setAttribute('aria-label', pending ? `Review, ${count(pending, 'suggestion')} waiting` : 'Review');
  });
  return open;
}

class Review {
  constructor(room) {
    Object.assign(this, { room, model: room.model, kind: room.network.pending ? 'pending' : 'unsure', changes: [] });
    this.image = make('img', { alt: 'The picture to review' });
    this.position = make('p', { class: 'note', role: 'status' });
    this.facts = make('div', { class: 'told' });
    this.acts = make('div', { class: 'acts' });
    this.labels = make('div', { class: 'labels', role: 'group', 'aria-label': 'Relabel' });
    this.tabs = make('div', { class: 'kinds', role: 'group', 'aria-label': 'What to review' });
    this.stage = make('div', { class: 'viewer' }, this.image);
    this.side = make('div', { class: 'side' }, this.facts, this.acts, this.labels);
    this.body = make('div', { class: 'reviewed' }, this.stage, this.side);
    this.dialog = room.openDialog('Review', 'review-dialog', make('div', { class: 'line above' }, this.tabs, this.position), this.body);
    this.dialog.addEventListener('keydown', (event) => this.press(event));
    this.dialog.addEventListener('close', () => room.attempt(() => room.refresh()));
  }

  async start() {
    this.tabs.replaceChildren(...Object.entries(KINDS).map(([kind, { words }]) =>
      button(words, () => { this.kind = kind; this.start(); }, { kind: 'pick', 'aria-pressed': String(kind === this.kind) })));
    Object.assign(this, { queue: [], done: 0, exhausted: false });
    await this.fetch();
    this.show();
  }

  async fetch() {
    if (this.exhausted) return;
    // Suggestions that were decided are no longer in the list; stored pictures stay in it.
    const offset = this.kind === 'pending' ? this.queue.length : this.queue.length + this.done;
    const found = await this.room.attempt(() => ask('gallery', { model: this.model, offset, ...KINDS[this.kind].query }));
    const known = new Set(this.queue.map(({ id }) => id));
    this.queue.push(...(found?.entries || []).filter(({ id }) => !known.has(id)));
    this.exhausted = !found?.more;
  }

  show() {
    const [entry] = this.queue;
    this.body.hidden = !entry;
    this.position.textContent = entry ? `${this.queue.length}${this.exhausted ? '' : '+'} to look at` : KINDS[this.kind].empty;
    if (!entry && (this.done || this.changes.length)) this.position.textContent = 'All looked at.';
    if (!entry) return this.tabs.querySelector('[aria-pressed=true]').focus();
    this.image.src = picture(entry.sha256, 1024);
    this.describe(entry);
    this.showActs(entry);
    this.acts.firstChild.focus(); // what had it is gone, and without it no key arrives
    this.queue.slice(1, 1 + PRELOADED).forEach(({ sha256 }) => { new Image().src = picture(sha256, 1024); });
    return undefined;
  }

  describe(entry) {
    const [said, probability, certainty] = entry.answer || [];
    const doubt = { unsure: ' It was not sure.', unfamiliar: ' It had seen nothing like it.' }[certainty] || '';
    this.facts.replaceChildren(...[
      make('p', { class: 'soft' }, entry.state === 'pending' ? 'Suggested' : 'Labelled'),
      make('p', { class: 'class-name' }, nameOf(entry.label)),
      this.isNew(entry) && make('p', { class: 'warned' }, `This makes a new class, ${nameOf(entry.label)}.`),
      make('p', { class: 'soft' }, said ? `The network said ${nameOf(said)}, ${sureness(probability)}${doubt ? '' : ' sure'}.${doubt}` : 'The network was not asked.'),
    ].filter(Boolean));
  }

  isNew(entry) { return !this.room.labels.includes(entry.label); }

  showActs(entry) {
    const pending = entry.state === 'pending';
    const keyed = (words, key, act, kind) => button(words, act, { kind, 'aria-keyshortcuts': key, data: { key } });
    this.acts.replaceChildren(
      keyed(pending ? (this.isNew(entry) ? 'Approve as a new class' : 'Approve') : 'Right', 'A', () => this.decide('approve'), 'main'),
      keyed('Reject', 'R', () => this.decide('reject'), 'plain'),
      keyed('Undo', 'Z', () => this.undo(), 'soft'),
    );
    this.acts.lastChild.disabled = !this.changes.length;
    this.choices = [...new Set([...this.room.labels, entry.label])];
    this.labels.replaceChildren(make('p', { class: 'soft' }, 'It is rather'), ...this.choices.map((label, i) =>
      button(nameOf(label), () => this.decide('approve', label), { kind: 'pick', data: i < 9 ? { key: i + 1 } : {}, 'aria-pressed': String(label === entry.label) })));
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches('input, select')) return;
    const key = event.key.toUpperCase();
    const label = /^[1-9]$/.test(key) ? this.choices?.[Number(key) - 1] : null;
    if (key === 'Z') this.undo();
    else if (!this.queue.length) return;
    else if (key === 'A') this.decide('approve');
    else if (key === 'R') this.decide('reject');
    else if (label) this.decide('approve', label);
    else return;
    event.preventDefault();
  }

  async decide(act, label = null) {
    if (this.deciding) return;
    this.deciding = true;
    const [entry] = this.queue;
    const answer = await this.room.attempt(() => this.send(act, entry, label));
    this.deciding = false;
    if (!answer) return;
    this.changes.push({ entry, changes: answer.changes });
    this.queue.shift();
    this.done += act === 'reject' ? 0 : 1;
    if (act === 'approve' && this.isNew({ label: label || entry.label })) await this.room.attempt(() => this.room.refresh());
    if (!this.queue.length) await this.fetch();
    this.show();
  }

  // A stored picture that is right needs no change.
  send(act, entry, label) {
    const right = act === 'approve' && entry.state === 'approved' && (label === null || label === entry.label);
    if (right) return { changes: [] };
    return tell(`gallery/${act}`, { ids: [entry.id], ...(label ? { label } : {}) });
  }

  async undo() {
    const last = this.changes.at(-1);
    if (!last || this.deciding) return;
    if (last.changes.length && !await this.room.attempt(() => tell('gallery/undo', { changes: last.changes }))) return;
    this.changes.pop();
    this.queue.unshift(last.entry);
    this.done = Math.max(0, this.done - 1);
    this.show();
  }
}
