// Uploads pictures, a few at a time, and keeps count for each class.

import { count, displayName } from './dom.js';
import { upload } from './requests.js';

const MAX_SENDING = 3; // pictures at the same time
const REFRESH_EVERY = 1500; // milliseconds

// What was given for one class in one go, or in several before it was finished.
export class Batch {
  constructor(model, label) {
    Object.assign(this, { model, label, sent: 0, total: 0, near: 0, existed: 0, changes: [], rejected: [], held: false });
  }

  get done() { return this.sent === this.total && !this.held; }

  get added() { return this.changes.length; }

  take(name, answer) {
    if (answer.existed) this.existed += 1;
    else this.changes.push(answer.change);
    if (answer.near && !answer.existed) this.near += 1;
  }

  summarise() {
    const parts = [`Added ${count(this.added, 'picture')} to ${displayName(this.label)}.`];
    if (this.near) parts.push(`${this.near} look${this.near === 1 ? 's' : ''} like pictures that were here: look-alikes count once.`);
    if (this.existed) parts.push(`${this.existed} ${this.existed === 1 ? 'was' : 'were'} here already.`);
    if (this.rejected.length) parts.push(`${this.rejected.length} could not be taken.`);
    return parts.join(' ');
  }
}

export class Uploads {
  constructor(state, show) {
    Object.assign(this, { state, show, batches: new Map(), waiting: [], sending: 0, refreshed: 0 });
    window.addEventListener('beforeunload', (event) => { if (this.sending) event.preventDefault(); });
  }

  find(label) {
    const batch = this.batches.get(label);
    return batch?.model === this.state.model ? batch : null;
  }

  // A batch that is held goes on: all that a camera takes is reported, and undone, as one.
  hold(label) {
    const batch = this.find(label) || new Batch(this.state.model, label);
    this.batches.set(label, batch);
    batch.held = true;
    return batch;
  }

  release(batch) {
    batch.held = false;
    if (batch.done) this.finish(batch);
  }

  add(label, files) {
    const batch = this.find(label) || new Batch(this.state.model, label);
    this.batches.set(label, batch);
    batch.total += files.length;
    this.waiting.push(...files.map((file) => ({ batch, file })));
    this.show(batch);
    while (this.sending < MAX_SENDING && this.waiting.length) this.start();
  }

  async start() {
    this.sending += 1;
    while (this.waiting.length) await this.sendNext(this.waiting.shift());
    this.sending -= 1;
  }

  async sendNext({ batch, file }) {
    const { model, label } = batch;
    try {
      batch.take(file.name, await upload('images', { model, label, name: file.name }, file));
    } catch (error) {
      batch.rejected.push({ name: file.name, sentence: error.message });
      if (error.status === 0) this.drop(batch);
    }
    batch.sent += 1;
    if (batch.done) this.finish(batch);
    else this.progress(batch);
  }

  // Without a connection every other picture would fail the same way.
  drop(batch) {
    const left = this.waiting.filter((waiting) => waiting.batch === batch).length;
    this.waiting = this.waiting.filter((waiting) => waiting.batch !== batch);
    batch.total -= left;
    if (left) batch.rejected.push({ name: count(left, 'more picture'), sentence: 'Not sent. Add all of them again: those that are here are not added twice.' });
  }

  progress(batch) {
    this.show(batch);
    if (performance.now() - this.refreshed < REFRESH_EVERY) return;
    this.refreshed = performance.now();
    this.state.refresh().catch(() => {}); // the next picture says what is wrong
  }

  finish(batch) {
    this.batches.delete(batch.label);
    if (!batch.total) return;
    this.show(batch);
    this.state.sayUndoable(batch.summarise(), batch.changes);
    this.state.attempt(() => this.state.refresh());
  }
}
