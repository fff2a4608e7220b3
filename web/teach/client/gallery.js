// All pictures of a class: choose one or several, relabel, delete, undo.

import { button, count, displayName, icon, make, sureness } from './dom.js';
import { get, imageUrl, post } from './requests.js';

export function openGallery(state, label) {
  const gallery = new Gallery(state, label);
  gallery.load(true);
}

class Gallery {
  constructor(state, label) {
    Object.assign(this, { state, label, model: state.model, order: 'newest', entries: [], chosen: new Set() });
    this.grid = make('div', { class: 'tiles' });
    this.words = make('p', { class: 'note', role: 'status' }, 'Loading…');
    this.more = button('Show more', () => this.load(false));
    this.more.hidden = true;
    this.bar = this.makeBar();
    this.dialog = state.openDialog(displayName(label), 'gallery-dialog', make('div', { class: 'line above' }, this.makeOrder(), this.words),
      make('div', { class: 'scrolled' }, this.grid, this.more), this.bar);
    this.dialog.addEventListener('keydown', (event) => this.press(event));
  }

  makeOrder() {
    const options = [['newest', 'Newest first'], ['unsure', 'Least sure first']].map(([value, words]) => make('option', { value }, words));
    return make('label', {}, 'Order ', make('select', { on: { change: (event) => { this.order = event.target.value; this.load(true); } } }, options));
  }

  makeBar() {
    this.counted = make('span', { class: 'counted', role: 'status' });
    const others = this.state.labels.filter((label) => label !== this.label);
    const relabel = make('select', { 'aria-label': 'Relabel the chosen pictures', on: { change: (event) => this.relabel(event.target) } },
      make('option', { value: '' }, 'Relabel as…'), others.map((label) => make('option', { value: label }, displayName(label))));
    this.all = button('Choose all', () => this.chooseAll(), { kind: 'soft' });
    const bar = make('div', { class: 'line toolbar' }, this.counted, this.all, relabel, button('Delete', () => this.delete(), { kind: 'plain danger' }));
    this.acts = [relabel, bar.lastChild];
    return bar;
  }

  async load(anew) {
    const offset = anew ? 0 : this.entries.length;
    const found = await this.state.attempt(() => get('gallery', { model: this.model, label: this.label, order: this.order, offset }), this.words);
    if (!found) return;
    if (anew) {
      this.entries = [];
      this.chosen.clear();
      this.grid.replaceChildren();
    }
    this.entries.push(...found.entries);
    this.grid.append(...found.entries.map((entry) => this.makeTile(entry)));
    this.more.hidden = !found.more;
    this.describe(found.more);
  }

  describe(more) {
    const locked = this.entries.some(({ split }) => split === 'locked');
    const shown = more ? `The first ${this.entries.length}.` : `${count(this.entries.length, 'picture')}.`;
    const legend = locked ? [' ', icon('lock'), ' Kept for comparing: never learned from.'] : [];
    this.words.replaceChildren(this.entries.length ? shown : 'No pictures here any more.', ...legend);
    this.showChosen();
  }

  makeTile(entry) {
    const box = make('input', { type: 'checkbox', on: { change: () => this.choose(entry.id, box.checked) } });
    const differs = this.state.isKnown(entry.label) && entry.answer && entry.answer.label !== entry.label;
    const predicted = differs ? `Said ${displayName(entry.answer.label)}, ${sureness(entry.answer.probability)}` : '';
    const names = [entry.name || 'Picture', predicted, entry.split === 'locked' ? 'kept for comparing' : ''].filter(Boolean).join(', ');
    box.setAttribute('aria-label', names);
    return make('label', { class: 'tile', title: names, data: { id: entry.id } }, box,
      make('img', { src: imageUrl(entry.sha256, 320), alt: '', loading: 'lazy', decoding: 'async' }),
      entry.split === 'locked' && make('span', { class: 'locked' }, icon('lock')),
      predicted && make('span', { class: 'predicted' }, predicted), make('span', { class: 'tick' }, icon('check')));
  }

  choose(id, chosen) {
    if (chosen) this.chosen.add(id);
    else this.chosen.delete(id);
    this.showChosen();
  }

  chooseAll() {
    const every = this.chosen.size < this.entries.length;
    this.grid.querySelectorAll('input').forEach((box) => { box.checked = every; });
    this.chosen = new Set(every ? this.entries.map(({ id }) => id) : []);
    this.showChosen();
  }

  showChosen() {
    const { size } = this.chosen;
    this.counted.textContent = size ? `${size} chosen` : 'Choose pictures to correct them';
    this.all.textContent = size && size === this.entries.length ? 'Choose none' : 'Choose all';
    this.all.disabled = !this.entries.length;
    this.acts.forEach((act) => { act.disabled = !size; });
  }

  press(event) {
    if (event.target.matches('select')) return;
    if (['Delete', 'Backspace'].includes(event.key) && this.chosen.size) this.delete();
  }

  delete() {
    const done = (size) => `Deleted ${size}.`;
    return this.change('gallery/delete', {}, done);
  }

  relabel(select) {
    const label = select.value;
    select.value = '';
    if (!label) return null;
    return this.change('gallery/relabel', { label }, (size) => `Relabelled ${size} as ${displayName(label)}.`);
  }

  async change(path, values, words) {
    const ids = [...this.chosen];
    const answer = await this.state.attempt(() => post(path, { ids, ...values }));
    if (!answer) return;
    this.leave(ids);
    this.state.sayUndoable(words(ids.length), answer.changes, () => { if (this.dialog.open) this.load(true); });
    await this.state.attempt(() => this.state.refresh());
  }

  leave(ids) {
    this.entries = this.entries.filter(({ id }) => !ids.includes(id));
    ids.forEach((id) => this.grid.querySelector(`[data-id="${id}"]`)?.remove());
    this.chosen.clear();
    if (this.entries.length || this.more.hidden) this.describe(!this.more.hidden);
    else this.load(true);
    (this.grid.querySelector('input') || this.all).focus();
  }
}
