// Step 2: Quick or Deep, how far it is, and what came of it.

import { Course, nameStage } from './training_progress.js';
import { button, count, make, nameOf, percent, tidy } from './dom.js';
import { plot } from './plots.js';
import { ask, tell } from './requests.js';

const RUNNING_EVERY = 700; // milliseconds between two looks
const IDLE_EVERY = 5000;
const REMEMBERED = 'training-kind';
const KINDS = {
  head: { name: 'Quick', words: 'A new last layer on what the network sees already.' },
  finetune: { name: 'Deep', words: 'The whole network learns. Better with many pictures.' },
};

export function makeTrain(room) {
  return new Train(room).elements;
}

class Train {
  constructor(room) {
    Object.assign(this, { room, kind: recallKind(), seen: null, course: new Course() });
    this.options = make('div', { class: 'ways', role: 'radiogroup', 'aria-label': 'How to train' });
    this.start = button('Train', () => this.press(), { kind: 'main large' });
    this.why = make('p', { class: 'note', role: 'status' });
    this.progress = make('div', { class: 'course', 'aria-live': 'polite' });
    this.elements = [this.options, this.start, this.why, this.progress];
    this.makeOptions();
    this.makeProgress();
    room.watch('network', () => {
      this.showPlans();
      if (this.seen) this.show(this.seen); // another network may be the one in training
    });
    this.look();
  }

  makeOptions() {
    this.plans = Object.entries(KINDS).map(([kind, { name, words }]) => {
      const input = make('input', { type: 'radio', name: 'training-kind', value: kind, checked: kind === this.kind, on: { change: () => this.choose(kind) } });
      const estimate = make('span', { class: 'estimate' });
      const element = make('label', { class: 'way' }, input, make('span', {}, make('b', {}, name), ' ', estimate, make('small', {}, words)));
      return { kind, input, estimate, element };
    });
    this.options.replaceChildren(...this.plans.map(({ element }) => element));
  }

  choose(kind) {
    this.kind = kind;
    sessionStorage.setItem(REMEMBERED, kind);
    this.showPlans();
  }

  makeProgress() {
    this.bar = make('progress', { max: 1, 'aria-label': 'How far the training is' });
    this.whose = make('p', { class: 'whose' });
    this.stage = make('p', { class: 'stage-words soft' });
    this.cancel = button('Cancel', () => this.stop(), { kind: 'soft' });
    this.plots = make('div', { class: 'plots' });
    this.result = make('div', { class: 'outcome' });
    this.running = make('div', { class: 'at-work', hidden: true }, make('div', { class: 'line' }, this.whose, this.cancel), this.bar, this.stage);
    this.progress.replaceChildren(this.running, this.result, this.plots);
  }

  showPlans() {
    const { plans } = this.room.network;
    this.plans.forEach(({ kind, input, estimate, element }) => {
      estimate.textContent = plans[kind].obstacle || plans[kind].estimate;
      element.classList.toggle('missing', Boolean(plans[kind].obstacle));
      input.checked = kind === this.kind;
    });
    this.showButton();
  }

  showButton() {
    if (!this.room.network) return;
    const busy = this.pressed || this.seen?.state === 'running';
    const other = busy && !this.pressed && this.seen.model !== this.room.model;
    const { obstacle } = this.room.network.plans[this.kind];
    this.start.disabled = Boolean(busy || obstacle);
    this.start.lastChild.textContent = !busy ? 'Train' : other ? `Training ${nameOf(this.seen.model)}…` : 'Training…';
    this.why.textContent = busy ? '' : obstacle;
  }

  // What is seen until the answer comes: a training that was just cancelled may take a while to go.
  async press() {
    const { model } = this.room;
    const before = this.seen;
    this.pressed = true; // a second press finds the button off at once, and no look comes between
    this.take({ state: 'running', model, kind: this.kind, pid: null, curve: [], cancelling: false });
    const seen = await this.room.attempt(() => tell('training', { model, kind: this.kind }));
    this.pressed = false;
    if (!seen) this.seen = null; // else the end of one that never began would be told
    if (seen || before) this.take(seen || before);
    this.showButton();
    this.again(RUNNING_EVERY);
  }

  async stop() {
    this.cancel.disabled = true;
    const seen = await this.room.attempt(() => tell('training/cancel'));
    if (seen) this.take(seen);
  }

  async look() {
    const { frame } = this.room;
    if (frame.isConnected && !document.hidden && frame.offsetParent && !this.pressed) {
      const seen = await ask('training').catch(() => null);
      if (seen && !this.pressed) this.take(seen);
      else if (!seen) this.lose();
    }
    this.again(this.seen?.state === 'running' ? RUNNING_EVERY : IDLE_EVERY);
  }

  again(milliseconds) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.look(), milliseconds);
  }

  // The training goes on without us; so does the looking.
  lose() {
    if (this.seen?.state === 'running') this.stage.textContent = 'The connection is lost. The training goes on; this page looks again in a moment.';
  }

  take(seen) {
    const before = this.seen;
    this.seen = seen;
    this.show(seen);
    this.showButton();
    if (before?.state === 'running' && seen.state !== 'running') this.finish(seen);
  }

  finish(seen) {
    window.dispatchEvent(new Event('renew')); // the versions, and what stands around the tabs
    if (seen.model === this.room.model) this.room.attempt(() => this.room.refresh());
    if (seen.state === 'done') this.room.say(tidy(seen.sentence) || 'The training is done.');
  }

  show(seen) {
    const running = seen.state === 'running';
    this.running.hidden = !running;
    if (running) this.showStage(seen);
    this.showResult(seen);
    this.showPlots(seen);
  }

  // Drawn once: an opened log stays open.
  showResult(seen) {
    const key = [seen.state, seen.pid, seen.version, this.room.model].join();
    if (this.result.dataset.key === key) return;
    this.result.replaceChildren(...describe(seen), ...this.makeOpener(seen.state === 'running' ? null : seen));
    Object.assign(this.result.dataset, { key, state: seen.state });
  }

  showStage(seen) {
    this.whose.replaceChildren(make('b', {}, `Training ${seen.model ? nameOf(seen.model) : ''}`), ...this.makeOpener(seen));
    this.stage.textContent = seen.cancelling ? 'Cancelling…' : seen.stage ? nameStage(seen) : 'Starting';
    this.cancel.disabled = Boolean(seen.cancelling || this.pressed);
    this.bar.value = this.course.follow(seen);
  }

  // Leads to the network that is or was trained, where another one is looked at.
  makeOpener(seen) {
    if (!seen?.model || !this.room.network?.networks.includes(seen.model) || seen.model === this.room.model) return [];
    return [' ', button(`Open ${nameOf(seen.model)}`, () => this.room.attempt(() => this.room.open(seen.model)), { kind: 'link' })];
  }

  showPlots({ pid, kind, curve }) {
    const key = `${pid} ${curve.length}`;
    if (this.plots.dataset.key === key) return;
    this.plots.dataset.key = key;
    const axis = kind === 'finetune' ? 'round' : 'step';
    const [learned, held] = [true, false].map((wanted) => curve.filter(({ split }) => (split === 'train') === wanted));
    const trace = (name) => [held, learned].map((points) => points.map((point) => [point.step, point[name]]));
    this.plots.replaceChildren(...[
      plot('Right on pictures held out', axis, trace('accuracy'), (value) => percent(value)),
      plot('Loss on pictures held out', axis, trace('loss'), (value) => value.toPrecision(2)),
      held.length > 1 && learned.length > 1 && make('p', { class: 'note' }, 'Dashed: the same on pictures that it learns from.'),
    ].filter(Boolean));
  }
}

function recallKind() {
  const kind = sessionStorage.getItem(REMEMBERED);
  return kind in KINDS ? kind : 'head';
}

function describe(seen) {
  const kind = KINDS[seen.kind]?.name || 'The';
  const of = seen.model ? ` of ${nameOf(seen.model)}` : '';
  if (seen.state === 'done') {
    const seconds = seen.seconds ? ` in ${seen.seconds < 90 ? count(Math.max(1, Math.round(seen.seconds)), 'second') : count(Math.round(seen.seconds / 60), 'minute')}` : '';
    return [make('p', {}, make('b', {}, `${kind} training${of} made version ${seen.version}${seconds}.`))];
  }
  if (seen.state === 'failed') return [make('p', {}, make('b', {}, 'Not trained.'), ` ${seen.error || ''} What was live stays live.`)];
  if (seen.state === 'cancelled') return [make('p', {}, make('b', {}, 'Cancelled.'), ' What was live stays live.')];
  if (seen.state === 'died') return [make('p', {}, make('b', {}, 'The training ended without a result.'), ' What was live stays live. Train again.'), makeLog(seen.log)];
  return [];
}

function makeLog(lines) {
  if (!lines.length) return '';
  return make('details', {}, make('summary', {}, 'What it printed last'), make('pre', { tabindex: 0 }, lines.join('\n')));
}
