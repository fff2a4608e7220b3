// Step 1: the classes as cards, and how pictures get into them.

import { openCamera } from './camera.js';
import { button, count, displayName, icon, make } from './dom.js';
import { openGallery } from './gallery.js';
import { listRejected } from './rejected_files.js';
import { imageUrl, post } from './requests.js';
import { Uploads } from './uploads.js';
import { makeTakeZip } from './zips.js';

const THUMBNAILS = 4;

export function makeCollect(state) {
  const cards = new Map();
  const list = make('div', { class: 'cards' });
  const warnings = make('div', { class: 'warnings', role: 'status' });
  const uploads = new Uploads(state, (batch) => {
    if (batch.model === state.model) cards.get(batch.label)?.show();
    if (batch.rejected.length && batch.sent === batch.total) cards.get(batch.label)?.showRejected(batch.rejected);
  });

  function render() {
    const { details } = state;
    const labels = details.classes.map(({ label }) => `${details.model}/${label}`);
    for (const [key, card] of cards) {
      if (!labels.includes(card.key)) { card.element.remove(); cards.delete(key); }
    }
    details.classes.forEach((found) => {
      const key = `${details.model}/${found.label}`;
      if (!cards.has(found.label)) cards.set(found.label, new Card(state, uploads, key));
      const card = cards.get(found.label);
      card.update(found);
      list.append(card.element);
    });
    warnings.replaceChildren(...details.warnings.map((words) => make('p', {}, words)));
  }

  state.watch('details', () => keepFocus(list, render));
  return [list, warnings, makeAddClass(state), makeTakeZip(state, 'Add a zip of class folders', { kind: 'link' })];
}

// Moving a card in the page takes the focus from its buttons.
function keepFocus(list, render) {
  const focused = document.activeElement;
  const inside = list.contains(focused);
  render();
  if (inside && list.contains(focused)) focused.focus({ preventScroll: true });
}

class Card {
  constructor(state, uploads, key) {
    Object.assign(this, { state, uploads, key });
    this.title = make('span', { class: 'name' });
    this.total = make('span', { class: 'total' });
    this.open = make('button', { type: 'button', class: 'opener', on: { click: () => openGallery(state, this.found.label) } }, this.title, this.total, icon('right'));
    this.shots = make('div', { class: 'shots' });
    this.meter = make('div', { class: 'meter', role: 'img' }, make('i'), make('i'), make('i'));
    this.words = make('p', { class: 'note', 'aria-live': 'polite' });
    this.input = make('input', { type: 'file', accept: 'image/*,.heic,.heif', multiple: true, hidden: true, on: { change: () => this.chosen(this.input) } });
    this.phone = make('input', { type: 'file', accept: 'image/*', capture: 'environment', hidden: true, on: { change: () => this.chosen(this.phone) } });
    this.remove = button('Remove', () => this.forget(), { kind: 'soft' });
    this.rejected = make('div', { class: 'rejected-files' });
    this.add = button('Add pictures', () => this.input.click(), { symbol: 'plus' });
    this.film = button('Camera', () => openCamera(state, this.found.label, this.phone, uploads), { symbol: 'camera' });
    this.element = make('article', { class: 'card' }, this.open, this.shots, this.meter, this.words,
      make('div', { class: 'line' }, this.add, this.film, this.remove), this.rejected, this.input, this.phone);
    this.listenToDrops();
  }

  update(found) {
    this.found = found;
    const name = displayName(found.label);
    this.title.textContent = name;
    this.total.textContent = count(found.images, 'picture');
    this.open.setAttribute('aria-label', `${name}, ${count(found.images, 'picture')}: look at them`);
    this.open.disabled = found.images === 0;
    this.add.setAttribute('aria-label', `Add pictures to ${name}`);
    this.film.setAttribute('aria-label', `Take pictures of ${name} with the camera`);
    this.remove.hidden = found.known || found.images > 0;
    this.remove.setAttribute('aria-label', `Remove the class ${name}`);
    this.showShots(found.last);
    this.show();
  }

  showShots(last) {
    const shown = last.join();
    if (this.shots.dataset.shown === shown) return;
    this.shots.dataset.shown = shown;
    const images = last.map((sha256) => make('img', { src: imageUrl(sha256, 160), alt: '', loading: 'lazy', decoding: 'async' }));
    const blanks = Array.from({ length: THUMBNAILS - images.length }, () => make('span', { class: 'blank' }));
    this.shots.replaceChildren(...images, ...blanks);
    if (!last.length) this.shots.append(make('p', {}, make('span', { class: 'mouse' }, 'Drop pictures here'), make('span', { class: 'touch' }, 'No pictures yet')));
  }

  // While pictures come in, the meter is their progress: nothing moves.
  show() {
    const batch = this.uploads.find(this.found.label);
    const busy = batch && batch.sent < batch.total;
    this.element.classList.toggle('busy', Boolean(busy));
    const goals = [0, ...this.state.details.goals];
    [...this.meter.children].forEach((part, i) => {
      const share = busy ? 3 * batch.sent / batch.total - i : (this.found.groups - goals[i]) / (goals[i + 1] - goals[i]);
      part.style.setProperty('--full', Math.max(0, Math.min(1, share)));
    });
    this.meter.dataset.level = this.found.known && !this.found.groups ? 'known' : this.found.level;
    this.words.textContent = busy ? `Adding ${batch.sent} of ${batch.total}…` : this.found.sentence;
    this.meter.setAttribute('aria-label', this.words.textContent);
  }

  chosen(input) {
    this.give([...input.files]);
    input.value = '';
  }

  give(files) {
    this.rejected.replaceChildren();
    if (files.length) this.uploads.add(this.found.label, files);
  }

  showRejected(rejected) {
    this.rejected.replaceChildren(listRejected(rejected));
  }

  forget() {
    const { state, found } = this;
    state.attempt(async () => state.update(await post('classes/remove', { model: state.model, label: found.label })));
  }

  listenToDrops() {
    let depth = 0; // entering a child leaves the parent
    const over = (change) => {
      depth = change === 0 ? 0 : depth + change;
      this.element.classList.toggle('over', depth > 0);
    };
    this.element.addEventListener('dragenter', () => over(1));
    this.element.addEventListener('dragleave', () => over(-1));
    this.element.addEventListener('drop', (event) => {
      event.preventDefault();
      over(0);
      this.give([...event.dataTransfer.files]);
    });
  }
}

function makeAddClass(state) {
  const input = make('input', { type: 'text', maxlength: 40, required: true, placeholder: 'Name of a class', 'aria-label': 'Name of a new class', autocomplete: 'off' });
  const problem = make('p', { class: 'problem', role: 'alert' });
  async function submit(event) {
    event.preventDefault();
    const found = await state.attempt(() => post('classes', { model: state.model, label: input.value }), problem);
    if (!found) return;
    input.value = '';
    state.update(found);
  }
  return make('form', { class: 'add-class', on: { submit } },
    make('div', { class: 'line' }, input, make('button', { type: 'submit', class: 'plain' }, icon('plus'), make('span', {}, 'Add a class'))), problem);
}
