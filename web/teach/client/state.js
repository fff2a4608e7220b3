// Which model is open on the tab, and what is known of it. The parts of the tab read this state
// and watch it for changes.

import { button, make, openDialog } from './dom.js';
import { get, post } from './requests.js';

const REMEMBERED = 'taught-model';
const SECONDS_SHOWN = 10;
const MAX_UNDONE = 500; // changes in one request

export class TeachState {
  constructor(frame) {
    this.frame = frame;
    this.details = null; // as `describe_model` of web/teach/collect.py returns it
    this.watchers = { details: [], versions: [] };
    this.snackbar = make('div', { class: 'snackbar', role: 'status' });
    frame.append(this.snackbar);
    frame.addEventListener('click', (event) => {
      const pressed = event.target.closest('button, a, label');
      if (pressed) this.touched = { pressed, place: pressed.getBoundingClientRect() };
    }, true);
  }

  watch(what, act) { this.watchers[what].push(act); }

  announce(what) { this.watchers[what].forEach((act) => act()); }

  get model() { return this.details?.model; }

  isKnown(label) { return this.details.classes.some((found) => found.label === label && found.known); }

  get labels() { return this.details.classes.map(({ label }) => label); }

  async open(model) {
    this.update(await get('state', { model }));
    sessionStorage.setItem(REMEMBERED, this.model);
    this.announce('versions');
  }

  async openRemembered() {
    const model = sessionStorage.getItem(REMEMBERED);
    try {
      await this.open(model || '');
    } catch (error) {
      if (!model || error.status !== 400) throw error;
      await this.open(''); // it is there no more
    }
  }

  async refresh() {
    const { model } = this;
    const details = await get('state', { model });
    if (model === this.model) this.update(details);
  }

  update(details) {
    this.details = details;
    this.announce('details');
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
    this.avoidPressed();
    this.hiding = setTimeout(() => this.hideSnackbar(), 1000 * SECONDS_SHOWN);
  }

  // Never covers what was just pressed, or was redrawn in its place: it may be pressed again.
  avoidPressed() {
    this.snackbar.classList.remove('above-all');
    if (!this.touched) return;
    const { pressed, place } = this.touched;
    const its = pressed.isConnected ? pressed.getBoundingClientRect() : place;
    const mine = this.snackbar.getBoundingClientRect();
    const apart = mine.bottom < its.top || mine.top > its.bottom || mine.right < its.left || mine.left > its.right;
    this.snackbar.classList.toggle('above-all', !apart);
  }

  openDialog(title, names, ...children) {
    this.hideSnackbar();
    const dialog = openDialog(this.frame, title, names, ...children);
    dialog.addEventListener('close', () => {
      if (dialog.contains(this.snackbar)) this.frame.append(this.snackbar);
    });
    return dialog;
  }

  hideSnackbar() {
    this.snackbar.classList.remove('shown');
    this.snackbar.replaceChildren();
    this.frame.append(this.snackbar);
  }

  sayUndoable(words, changes, after) {
    if (!changes.length) return this.say(words);
    return this.say(words, () => this.attempt(async () => {
      for (let end = changes.length; end > 0; end -= MAX_UNDONE) {
        await post('gallery/undo', { changes: changes.slice(Math.max(0, end - MAX_UNDONE), end) });
      }
      this.say('Undone.');
      await this.refresh();
      after?.();
    }));
  }
}
