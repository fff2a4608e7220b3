// What is taught at the moment: one network and its classes. All parts of the tab look
// at this and are told when it changes.

import { button, make, openDialog } from './dom.js';
import { ask, tell } from './requests.js';

const REMEMBERED = 'taught-network';
const SECONDS_SHOWN = 10;
const MOST = 500; // changes that are undone in one go

export class Room {
  constructor(frame) {
    this.frame = frame;
    this.network = null;
    this.watchers = { network: [], versions: [] };
    this.snackbar = make('div', { class: 'snackbar', role: 'status' });
    frame.append(this.snackbar);
    frame.addEventListener('click', (event) => {
      const pressed = event.target.closest('button, a, label');
      if (pressed) this.touched = { pressed, place: pressed.getBoundingClientRect() };
    }, true);
  }

  watch(what, act) { this.watchers[what].push(act); }

  announce(what) { this.watchers[what].forEach((act) => act()); }

  get model() { return this.network?.model; }

  isKnown(label) { return this.network.classes.some((found) => found.label === label && found.known); }

  get labels() { return this.network.classes.map(({ label }) => label); }

  async open(model) {
    this.take(await ask('state', { model }));
    sessionStorage.setItem(REMEMBERED, this.model);
    this.announce('versions');
  }

  async openRemembered() {
    const model = sessionStorage.getItem(REMEMBERED);
    try {
      await this.open(model || '');
    } catch (error) {
      if (!model || error.status !== 400) throw error;
      await this.open(''); // it is gone
    }
  }

  async refresh() {
    const { model } = this;
    const network = await ask('state', { model });
    if (model === this.model) this.take(network);
  }

  take(network) {
    this.network = network;
    this.announce('network');
  }

  // Runs what may be refused; the sentence stands in the snackbar, or where `place` says.
  async attempt(act, place = null) {
    if (place) place.textContent = '';
    try {
      return await act();
    } catch (error) {
      if (error.status === undefined) throw error;
      if (place) place.textContent = error.message;
      else this.say(error.message);
      return null;
    }
  }

  say(words, undo = null) {
    clearTimeout(this.hiding);
    const parts = [make('span', {}, words)];
    if (undo) parts.push(button('Undo', undo, { kind: 'link' }));
    this.snackbar.replaceChildren(...parts);
    this.snackbar.classList.add('shown');
    // A snackbar outside an open dialog would lie under it.
    const dialogs = this.frame.querySelectorAll('dialog[open]');
    (dialogs.length ? dialogs[dialogs.length - 1] : this.frame).append(this.snackbar);
    this.makeWay();
    this.hiding = setTimeout(() => this.hush(), 1000 * SECONDS_SHOWN);
  }

  // What was just pressed, or was drawn anew in its place, may be pressed again: it is never covered.
  makeWay() {
    this.snackbar.classList.remove('above-all');
    if (!this.touched) return;
    const { pressed, place } = this.touched;
    const its = pressed.isConnected ? pressed.getBoundingClientRect() : place;
    const mine = this.snackbar.getBoundingClientRect();
    const apart = mine.bottom < its.top || mine.top > its.bottom || mine.right < its.left || mine.left > its.right;
    this.snackbar.classList.toggle('above-all', !apart);
  }

  openDialog(title, names, ...children) {
    this.hush();
    const dialog = openDialog(this.frame, title, names, ...children);
    dialog.addEventListener('close', () => {
      if (dialog.contains(this.snackbar)) this.frame.append(this.snackbar);
    });
    return dialog;
  }

  hush() {
    this.snackbar.classList.remove('shown');
    this.snackbar.replaceChildren();
    this.frame.append(this.snackbar);
  }

  sayUndoable(words, changes, after) {
    if (!changes.length) return this.say(words);
    return this.say(words, () => this.attempt(async () => {
      for (let end = changes.length; end > 0; end -= MOST) {
        await tell('gallery/undo', { changes: changes.slice(Math.max(0, end - MOST), end) });
      }
      this.say('Undone.');
      await this.refresh();
      after?.();
    }));
  }
}
