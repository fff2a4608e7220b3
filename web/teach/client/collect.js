// Step 1: the classes as cards, and how pictures get into them.

import { openCamera } from './camera.js';
import { makeComplaints } from './rejected_files.js';
import { button, count, icon, make, nameOf } from './dom.js';
import { openGallery } from './gallery.js';
import { picture, tell } from './requests.js';
import { Uploads } from './uploads.js';
import { makeTakeZip } from './zips.js';

const THUMBNAILS = 4;

export function makeCollect(room) {
  const cards = new Map();
  const list = make('div', { class: 'cards' });
  const warnings = make('div', { class: 'warnings', role: 'status' });
  const uploads = new Uploads(room, (batch) => {
    if (batch.model === room.model) cards.get(batch.label)?.show();
    if (batch.refused.length && batch.sent === batch.total) cards.get(batch.label)?.complain(batch.refused);
  });

  function render() {
    const { network } = room;
    const labels = network.classes.map(({ label }) => `${network.model}/${label}`);
    for (const [key, card] of cards) {
      if (!labels.includes(card.key)) { card.element.remove(); cards.delete(key); }
    }
    network.classes.forEach((found) => {
      const key = `${network.model}/${found.label}`;
      if (!cards.has(found.label)) cards.set(found.label, new Card(room, uploads, key));
      const card = cards.get(found.label);
      card.update(found);
      list.append(card.element);
    });
    warnings.replaceChildren(...network.warnings.map((words) => make('p', {}, words)));
  }

  room.watch('network', () => keepFocus(list, render));
  return [list, warnings, makeAddClass(room), makeTakeZip(room, 'Add a zip of class folders', { kind: 'link' })];
}

// Moving a card in the page takes the focus from its buttons.
function keepFocus(list, render) {
  const focused = document.activeElement;
  const inside = list.contains(focused);
  render();
  if (inside && list.contains(focused)) focused.focus({ preventScroll: true });
}

class Card {
  constructor(room, uploads, key) {
    Object.assign(this, { room, uploads, key });
    this.title = make('span', { class: 'name' });
    this.total = make('span', { class: 'total' });
    this.open = make('button', { type: 'button', class: 'opener', on: { click: () => openGallery(room, this.found.label) } }, this.title, this.total, icon('right'));
    this.shots = make('div', { class: 'shots' });
    this.meter = make('div', { class: 'meter', role: 'img' }, make('i'), make('i'), make('i'));
    this.words = make('p', { class: 'note', 'aria-live': 'polite' });
    this.input = make('input', { type: 'file', accept: 'image/*,.heic,.heif', multiple: true, hidden: true, on: { change: () => this.chosen(this.input) } });
    this.phone = make('input', { type: 'file', accept: 'image/*', capture: 'environment', hidden: true, on: { change: () => this.chosen(this.phone) } });
    this.remove = button('Remove', () => this.forget(), { kind: 'soft' });
    this.complaints = make('div', { class: 'complaints' });
    this.add = button('Add pictures', () => this.input.click(), { symbol: 'plus' });
    this.film = button('Camera', () => openCamera(room, this.found.label, this.phone, uploads), { symbol: 'camera' });
    this.element = make('article', { class: 'card' }, this.open, this.shots, this.meter, this.words,
      make('div', { class: 'line' }, this.add, this.film, this.remove), this.complaints, this.input, this.phone);
    this.listenToDrops();
  }

  update(found) {
    this.found = found;
    const name = nameOf(found.label);
    this.title.textContent = name;
    this.total.textContent = count(found.pictures, 'picture');
    this.open.setAttribute('aria-label', `${name}, ${count(found.pictures, 'picture')}: look at them`);
    this.open.disabled = found.pictures === 0;
    this.add.setAttribute('aria-label', `Add pictures to ${name}`);
    this.film.setAttribute('aria-label', `Take pictures of ${name} with the camera`);
    this.remove.hidden = found.known || found.pictures > 0;
    this.remove.setAttribute('aria-label', `Remove the class ${name}`);
    this.showShots(found.last);
    this.show();
  }

  showShots(last) {
    const shown = last.join();
    if (this.shots.dataset.shown === shown) return;
    this.shots.dataset.shown = shown;
    const images = last.map((sha256) => make('img', { src: picture(sha256, 160), alt: '', loading: 'lazy', decoding: 'async' }));
    const blanks = Array.from({ length: THUMBNAILS - images.length }, () => make('span', { class: 'blank' }));
    this.shots.replaceChildren(...images, ...blanks);
    if (!last.length) this.shots.append(make('p', {}, make('span', { class: 'mouse' }, 'Drop pictures here'), make('span', { class: 'touch' }, 'No pictures yet')));
  }

  // While pictures come in, the meter is their progress: nothing moves.
  show() {
    const batch = this.uploads.find(this.found.label);
    const busy = batch && batch.sent < batch.total;
    this.element.classList.toggle('busy', Boolean(busy));
    const steps = [0, ...this.room.network.steps];
    [...this.meter.children].forEach((part, i) => {
      const share = busy ? 3 * batch.sent / batch.total - i : (this.found.groups - steps[i]) / (steps[i + 1] - steps[i]);
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
    this.complaints.replaceChildren();
    if (files.length) this.uploads.add(this.found.label, files);
  }

  complain(refused) {
    this.complaints.replaceChildren(makeComplaints(refused));
  }

  forget() {
    const { room, found } = this;
    room.attempt(async () => room.take(await tell('classes/remove', { model: room.model, label: found.label })));
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

function makeAddClass(room) {
  const input = make('input', { type: 'text', maxlength: 40, required: true, placeholder: 'Name of a class', 'aria-label': 'Name of a new class', autocomplete: 'off' });
  const problem = make('p', { class: 'problem', role: 'alert' });
  async function submit(event) {
    event.preventDefault();
    const found = await room.attempt(() => tell('classes', { model: room.model, label: input.value }), problem);
    if (!found) return;
    input.value = '';
    room.take(found);
  }
  return make('form', { class: 'add-class', on: { submit } },
    make('div', { class: 'line' }, input, make('button', { type: 'submit', class: 'plain' }, icon('plus'), make('span', {}, 'Add a class'))), problem);
}
