// One picture at a time: visitors' suggestions, label issues, or what the model is least sure of.

import { button, count, displayName, make, sureness } from './dom.js';
import { get, imageUrl, post } from './requests.js';

const KINDS = {
  pending: { words: 'Suggestions', path: 'gallery', query: { state: 'pending', order: 'unsure' }, empty: 'No suggestions wait. When a visitor says “That’s wrong” on Try it, the picture comes here.' },
  label_issues: { words: 'Looks mislabelled', path: 'label-issues', query: {}, empty: '' },
  unsure: { words: 'Least sure first', path: 'gallery', query: { order: 'unsure' }, empty: 'There are no stored pictures yet.' },
};
const COUNTED = ['pending', 'label_issues']; // what is decided leaves these lists
const PRELOADED = 2;

export function makeReviewButton(state) {
  const badge = make('b', { class: 'mark' });
  const open = make('button', { type: 'button', class: 'plain', on: { click: () => new Review(state).start() } }, make('span', {}, 'Review'), badge);
  state.watch('details', () => {
    const { pending, label_issues: issues } = state.details;
    badge.textContent = pending + issues;
    badge.hidden = !(pending + issues);
    const waiting = [pending && `${count(pending, 'suggestion')} waiting`, issues && `${count(issues, 'picture')} that ${issues === 1 ? 'looks' : 'look'} mislabelled`];
    open.setAttribute('aria-label', ['Review', ...waiting.filter(Boolean)].join(', '));
  });
  return open;
}

class Review {
  constructor(state) {
    Object.assign(this, { state, model: state.model, kind: COUNTED.find((kind) => state.details[kind]) || 'unsure', changes: [] });
    this.counts = Object.fromEntries(COUNTED.map((kind) => [kind, state.details[kind]]));
    this.image = make('img', { alt: 'The picture to review' });
    this.position = make('p', { class: 'note', role: 'status' });
    this.facts = make('div', { class: 'about-image' });
    this.decisions = make('div', { class: 'decisions' });
    this.labels = make('div', { class: 'labels', role: 'group', 'aria-label': 'Relabel' });
    this.tabs = make('div', { class: 'kinds', role: 'group', 'aria-label': 'What to review' });
    this.stage = make('div', { class: 'viewer' }, this.image);
    this.side = make('div', { class: 'side' }, this.facts, this.decisions, this.labels);
    this.body = make('div', { class: 'reviewed' }, this.stage, this.side);
    this.nothing = make('div', { class: 'empty', role: 'status', hidden: true });
    this.dialog = state.openDialog('Review', 'review-dialog', make('div', { class: 'line above' }, this.tabs, this.position), this.nothing, this.body);
    this.dialog.addEventListener('keydown', (event) => this.press(event));
    this.dialog.addEventListener('close', () => state.attempt(() => state.refresh()));
  }

  async start() {
    this.tabs.replaceChildren(...Object.entries(KINDS).map(([kind, { words }]) =>
      button(words, () => { this.kind = kind; this.start(); }, { kind: 'pick', 'aria-pressed': String(kind === this.kind), data: { kind } })));
    this.showCounts();
    Object.assign(this, { queue: [], done: 0, exhausted: false });
    await this.fetch();
    this.show();
  }

  async fetch() {
    if (this.exhausted) return;
    const { path, query } = KINDS[this.kind];
    const offset = this.queue.length + (COUNTED.includes(this.kind) ? 0 : this.done);
    const found = await this.state.attempt(() => get(path, { model: this.model, offset, ...query }));
    if (found?.check !== undefined) this.check = found.check;
    const known = new Set(this.queue.map(({ id }) => id));
    this.queue.push(...(found?.entries || []).filter(({ id }) => !known.has(id)));
    this.exhausted = !found?.more;
  }

  show() {
    const [entry] = this.queue;
    this.body.hidden = !entry;
    this.showCounts();
    this.showNothing(entry);
    this.position.textContent = entry ? `${this.queue.length}${this.exhausted ? '' : '+'} to look at` : KINDS[this.kind].empty;
    if (!entry && this.kind !== 'label_issues' && (this.done || this.changes.length)) this.position.textContent = 'All looked at.';
    if (!entry) return this.tabs.querySelector('[aria-pressed=true]').focus();
    this.image.src = imageUrl(entry.sha256, 1024);
    this.describe(entry);
    this.showDecisions(entry);
    this.decisions.firstChild.focus(); // what had it is gone, and without it no key arrives
    this.queue.slice(1, 1 + PRELOADED).forEach(({ sha256 }) => { new Image().src = imageUrl(sha256, 1024); });
    return undefined;
  }

  // How many wait for a person.
  showCounts() {
    COUNTED.forEach((kind) => {
      const tab = this.tabs.querySelector(`[data-kind=${kind}]`);
      tab.querySelector('.mark')?.remove();
      if (this.counts[kind]) tab.append(make('b', { class: 'mark' }, this.counts[kind].toLocaleString('en')));
    });
  }

  showNothing(entry) {
    this.nothing.hidden = Boolean(entry) || this.kind !== 'label_issues';
    if (this.nothing.hidden) return;
    const seen = this.changes.filter(({ kind }) => kind === 'label_issues');
    const [heading, ...lines] = seen.length ? describeEnd(seen) : describeCheck(this.check);
    this.nothing.replaceChildren(make('p', {}, heading), ...lines.map((line) => make('p', { class: 'soft' }, line)));
    if (seen.length) this.nothing.append(make('div', {}, button('Undo', () => this.undo(), { kind: 'plain', 'aria-keyshortcuts': 'Z', data: { key: 'Z' } })));
  }

  describe(entry) {
    if (entry.issue) return this.describeIssue(entry);
    const { label: predicted, probability, certainty } = entry.answer || {};
    const qualified = { unsure: ' It was not sure.', unfamiliar: ' It had seen nothing like it.' }[certainty] || '';
    this.facts.replaceChildren(...[
      make('p', { class: 'soft' }, entry.state === 'pending' ? 'Suggested' : 'Labelled'),
      make('p', { class: 'class-name' }, displayName(entry.label)),
      this.isNew(entry) && make('p', { class: 'warned' }, `This makes a new class, ${displayName(entry.label)}.`),
      make('p', { class: 'soft' }, predicted ? `The model said ${displayName(predicted)}, ${sureness(probability)}${qualified ? '' : ' sure'}.${qualified}` : 'The model was not asked.'),
    ].filter(Boolean));
    return undefined;
  }

  describeIssue({ label, split, issue }) {
    this.facts.replaceChildren(...[
      make('p', { class: 'soft' }, 'Labelled'),
      make('p', { class: 'class-name' }, displayName(label)),
      make('p', { class: 'suspected' }, 'It looks like ', make('b', {}, displayName(issue.suggested)), `, ${howSure(issue.probability)}.`),
      split === 'locked' && make('p', { class: 'soft' }, 'Kept for comparing: versions are measured on it.'),
    ].filter(Boolean));
  }

  isNew(entry) { return !this.state.labels.includes(entry.label); }

  showDecisions(entry) {
    const pending = entry.state === 'pending';
    const right = pending ? (this.isNew(entry) ? 'Approve as a new class' : 'Approve') : entry.issue ? 'Keep it' : 'Right';
    const keyed = (words, key, act, kind) => button(words, act, { kind, 'aria-keyshortcuts': key, data: { key } });
    this.decisions.replaceChildren(
      keyed(right, 'A', () => this.decide('approve'), 'main'),
      keyed(entry.issue ? 'Remove' : 'Reject', 'R', () => this.decide('reject'), 'plain'),
      keyed('Undo', 'Z', () => this.undo(), 'soft'),
    );
    this.decisions.lastChild.disabled = !this.changes.length;
    this.choices = [...new Set([...this.state.labels, entry.label])];
    this.labels.replaceChildren(make('p', { class: 'soft' }, 'It is rather'), ...this.choices.map((label, i) =>
      button(displayName(label), () => this.decide('approve', label), { kind: label === entry.issue?.suggested ? 'pick likely' : 'pick', data: i < 9 ? { key: i + 1 } : {}, 'aria-pressed': String(label === entry.label) })));
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
    const answer = await this.state.attempt(() => this.send(act, entry, label));
    this.deciding = false;
    if (!answer) return;
    const kept = act === 'approve' && (label === null || label === entry.label);
    this.changes.push({ entry, changes: answer.changes, kind: this.kind, kept });
    if (COUNTED.includes(this.kind)) this.counts[this.kind] = Math.max(0, this.counts[this.kind] - 1);
    this.queue.shift();
    this.done += act === 'reject' ? 0 : 1;
    if (act === 'approve' && this.isNew({ label: label || entry.label })) await this.state.attempt(() => this.state.refresh());
    if (!this.queue.length) await this.fetch();
    this.show();
  }

  // A stored picture that is right needs no change.
  send(act, entry, label) {
    const values = { ids: [entry.id], ...(label ? { label } : {}) };
    if (entry.issue) return post(act === 'reject' ? 'gallery/delete' : 'gallery/confirm', values);
    const right = act === 'approve' && entry.state === 'approved' && (label === null || label === entry.label);
    if (right) return { changes: [] };
    return post(`gallery/${act}`, values);
  }

  async undo() {
    const last = this.changes.at(-1);
    if (!last || this.deciding) return;
    if (last.changes.length && !await this.state.attempt(() => post('gallery/undo', { changes: last.changes }))) return;
    this.changes.pop();
    if (COUNTED.includes(last.kind)) this.counts[last.kind] += 1;
    if (last.kind !== this.kind) {
      this.kind = last.kind;
      await this.start();
    }
    this.queue = [last.entry, ...this.queue.filter(({ id }) => id !== last.entry.id)];
    this.done = Math.max(0, this.done - 1);
    this.show();
  }
}

const howSure = (probability) => (probability >= 0.95 ? 'almost certainly' : probability >= 0.8 ? 'probably' : 'perhaps');

function describeEnd(seen) {
  const all = 'All looked at.';
  if (seen.every(({ kept }) => kept)) return [all, 'Every label was right. They are not asked about again.'];
  return [all, 'Train again, so that the model learns from what you put right.'];
}

// What there is to say where no label looks wrong: a heading, then lines.
function describeCheck(check) {
  if (!check) return ['The labels were not checked yet.', 'After each training every label is checked by a model that has not learned from its picture. What looks wrong comes here.'];
  const few = check.too_few.length && `Nothing can be said yet of ${check.too_few.map(displayName).join(', ')}: at least ${check.min_groups} different pictures are needed.`;
  if (!check.images) return ['Too few pictures to tell.', few || 'At least two classes are needed. The labels are checked after each training.'];
  return ['No label looks wrong.', `The last check looked at ${count(check.images, 'picture')}. The next one comes with the next training.`, few].filter(Boolean);
}
