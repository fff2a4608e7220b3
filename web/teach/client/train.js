// Step 2: Quick or Deep, how far it is, and what came of it.

import { button, count, displayName, make, percent, tidy } from './dom.js';
import { plot } from './plots.js';
import { get, post } from './requests.js';
import { TrainingProgress, nameStage } from './training_progress.js';

const RUNNING_EVERY = 700; // milliseconds between two looks
const IDLE_EVERY = 5000;
const REMEMBERED = 'training-kind';
const KINDS = {
  head: { name: 'Quick', words: 'A new last layer on what the model sees already.' },
  finetune: { name: 'Deep', words: 'The whole model learns. Better with many pictures.' },
};

export function makeTrain(state) {
  return new Train(state).elements;
}

class Train {
  constructor(state) {
    Object.assign(this, { state, kind: recallKind(), seen: null, progress: new TrainingProgress() });
    this.options = make('div', { class: 'ways', role: 'radiogroup', 'aria-label': 'How to train' });
    this.start = button('Train', () => this.press(), { kind: 'main large' });
    this.why = make('p', { class: 'note', role: 'status' });
    this.report = make('div', { class: 'training-progress', 'aria-live': 'polite' });
    this.elements = [this.options, this.start, this.why, this.report];
    this.makeOptions();
    this.makeProgress();
    state.watch('details', () => {
      this.showPlans();
      if (this.seen) this.show(this.seen); // it may be another model that is in training
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
    this.report.replaceChildren(this.running, this.result, this.plots);
  }

  showPlans() {
    const { plans } = this.state.details;
    this.plans.forEach(({ kind, input, estimate, element }) => {
      estimate.textContent = plans[kind].obstacle || plans[kind].estimate;
      element.classList.toggle('missing', Boolean(plans[kind].obstacle));
      input.checked = kind === this.kind;
    });
    this.showButton();
  }

  showButton() {
    if (!this.state.details) return;
    const busy = this.pressed || this.seen?.state === 'running';
    const other = busy && !this.pressed && this.seen.model !== this.state.model;
    const { obstacle } = this.state.details.plans[this.kind];
    this.start.disabled = Boolean(busy || obstacle);
    this.start.lastChild.textContent = !busy ? 'Train' : other ? `Training ${displayName(this.seen.model)}…` : 'Training…';
    this.why.textContent = busy ? '' : obstacle;
  }

  // What is seen until the answer comes: a training that was just cancelled may take a while to go.
  async press() {
    const { model } = this.state;
    const before = this.seen;
    this.pressed = true; // a second press finds the button off at once, and no look comes between
    this.take({ state: 'running', model, kind: this.kind, pid: null, curve: [], cancelling: false });
    const seen = await this.state.attempt(() => post('training', { model, kind: this.kind }));
    this.pressed = false;
    if (!seen) this.seen = null; // else the end of one that never began would be shown
    if (seen || before) this.take(seen || before);
    this.showButton();
    this.again(RUNNING_EVERY);
  }

  async stop() {
    this.cancel.disabled = true;
    const seen = await this.state.attempt(() => post('training/cancel'));
    if (seen) this.take(seen);
  }

  async look() {
    const { frame } = this.state;
    if (frame.isConnected && !document.hidden && frame.offsetParent && !this.pressed) {
      const seen = await get('training').catch(() => null);
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
    if (seen.model === this.state.model) this.state.attempt(() => this.state.refresh());
    if (seen.state === 'done') this.state.say(tidy(seen.sentence) || 'The training is done.');
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
    const key = [seen.state, seen.pid, seen.version, this.state.model].join();
    if (this.result.dataset.key === key) return;
    this.result.replaceChildren(...describe(seen), ...this.makeOpener(seen.state === 'running' ? null : seen));
    Object.assign(this.result.dataset, { key, state: seen.state });
  }

  showStage(seen) {
    this.whose.replaceChildren(make('b', {}, `Training ${seen.model ? displayName(seen.model) : ''}`), ...this.makeOpener(seen));
    this.stage.textContent = seen.cancelling ? 'Cancelling…' : seen.stage ? nameStage(seen) : 'Starting';
    this.cancel.disabled = Boolean(seen.cancelling || this.pressed);
    this.bar.value = this.progress.follow(seen);
  }

  // Leads to the model that is or was trained, where another one is open.
  makeOpener(seen) {
    if (!seen?.model || !this.state.details?.models.includes(seen.model) || seen.model === this.state.model) return [];
    return [' ', button(`Open ${displayName(seen.model)}`, () => this.state.attempt(() => this.state.open(seen.model)), { kind: 'link' })];
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
  const of = seen.model ? ` of ${displayName(seen.model)}` : '';
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
