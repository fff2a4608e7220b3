// Step 2: Quick or Deep, how far it is, and what came of it.

import { button, count, displayName, make, percent, tidy } from './dom.js';
import { plot } from './plots.js';
import { get, post } from './requests.js';
import { TrainingProgress, nameStage } from './training_progress.js';

const RUNNING_EVERY = 700; // milliseconds between two polls
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
    Object.assign(this, { state, kind: recallKind(), status: null, progress: new TrainingProgress() });
    this.options = make('div', { class: 'training-kinds', role: 'radiogroup', 'aria-label': 'How to train' });
    this.start = button('Train', () => this.startTraining(), { kind: 'main large' });
    this.why = make('p', { class: 'note', role: 'status' });
    this.report = make('div', { class: 'training-progress', 'aria-live': 'polite' });
    this.elements = [this.options, this.start, this.why, this.report];
    this.makeOptions();
    this.makeProgress();
    state.watch('details', () => {
      this.showPlans();
      if (this.status) this.show(this.status); // it may be another model that is in training
    });
    this.poll();
  }

  makeOptions() {
    this.plans = Object.entries(KINDS).map(([kind, { name, words }]) => {
      const input = make('input', { type: 'radio', name: 'training-kind', value: kind, checked: kind === this.kind, on: { change: () => this.choose(kind) } });
      const estimate = make('span', { class: 'estimate' });
      const element = make('label', { class: 'training-kind' }, input, make('span', {}, make('b', {}, name), ' ', estimate, make('small', {}, words)));
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
    this.title = make('p', { class: 'training-title' });
    this.stage = make('p', { class: 'stage-words soft' });
    this.cancel = button('Cancel', () => this.cancelTraining(), { kind: 'soft' });
    this.plots = make('div', { class: 'plots' });
    this.result = make('div', { class: 'outcome' });
    this.running = make('div', { class: 'running', hidden: true }, make('div', { class: 'line' }, this.title, this.cancel), this.bar, this.stage);
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
    const busy = this.pressed || this.status?.state === 'running';
    const other = busy && !this.pressed && this.status.model !== this.state.model;
    const { obstacle } = this.state.details.plans[this.kind];
    this.start.disabled = Boolean(busy || obstacle);
    this.start.lastChild.textContent = !busy ? 'Train' : other ? `Training ${displayName(this.status.model)}…` : 'Training…';
    this.why.textContent = busy ? '' : obstacle;
  }

  // Shown as running until the answer comes: a training that was just cancelled may take a while to end.
  async startTraining() {
    const { model } = this.state;
    const before = this.status;
    this.pressed = true; // a second press finds the button disabled, and no poll comes between
    this.update({ state: 'running', model, kind: this.kind, pid: null, curve: [], cancelling: false });
    const status = await this.state.attempt(() => post('training', { model, kind: this.kind }));
    this.pressed = false;
    if (!status) this.status = null; // else the end of a training that never began would be shown
    if (status || before) this.update(status || before);
    this.showButton();
    this.pollIn(RUNNING_EVERY);
  }

  async cancelTraining() {
    this.cancel.disabled = true;
    const status = await this.state.attempt(() => post('training/cancel'));
    if (status) this.update(status);
  }

  async poll() {
    const { frame } = this.state;
    if (frame.isConnected && !document.hidden && frame.offsetParent && !this.pressed) {
      const status = await get('training').catch(() => null);
      if (status && !this.pressed) this.update(status);
      else if (!status) this.showLost();
    }
    this.pollIn(this.status?.state === 'running' ? RUNNING_EVERY : IDLE_EVERY);
  }

  pollIn(milliseconds) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.poll(), milliseconds);
  }

  // The training goes on without this page, which goes on polling.
  showLost() {
    if (this.status?.state === 'running') this.stage.textContent = 'The connection is lost. The training goes on; this page looks again in a moment.';
  }

  update(status) {
    const before = this.status;
    this.status = status;
    this.show(status);
    this.showButton();
    if (before?.state === 'running' && status.state !== 'running') this.finish(status);
  }

  finish(status) {
    window.dispatchEvent(new Event('renew')); // the versions, and what is drawn around the tabs
    if (status.model === this.state.model) this.state.attempt(() => this.state.refresh());
    if (status.state === 'done') this.state.say(tidy(status.sentence) || 'The training is done.');
  }

  show(status) {
    const running = status.state === 'running';
    this.running.hidden = !running;
    if (running) this.showStage(status);
    this.showResult(status);
    this.showPlots(status);
  }

  // Drawn once: an opened log stays open.
  showResult(status) {
    const key = [status.state, status.pid, status.version, this.state.model].join();
    if (this.result.dataset.key === key) return;
    this.result.replaceChildren(...describe(status), ...this.makeOpener(status.state === 'running' ? null : status));
    Object.assign(this.result.dataset, { key, state: status.state });
  }

  showStage(status) {
    this.title.replaceChildren(make('b', {}, `Training ${status.model ? displayName(status.model) : ''}`), ...this.makeOpener(status));
    this.stage.textContent = status.cancelling ? 'Cancelling…' : status.stage ? nameStage(status) : 'Starting';
    this.cancel.disabled = Boolean(status.cancelling || this.pressed);
    this.bar.value = this.progress.follow(status);
  }

  // Leads to the model that is or was trained, where another one is open.
  makeOpener(status) {
    if (!status?.model || !this.state.details?.models.includes(status.model) || status.model === this.state.model) return [];
    return [' ', button(`Open ${displayName(status.model)}`, () => this.state.attempt(() => this.state.open(status.model)), { kind: 'link' })];
  }

  showPlots({ pid, kind, curve }) {
    const key = `${pid} ${curve.length}`;
    if (this.plots.dataset.key === key) return;
    this.plots.dataset.key = key;
    const axis = kind === 'finetune' ? 'round' : 'step';
    const train = curve.filter(({ split }) => split === 'train');
    const validation = curve.filter(({ split }) => split !== 'train');
    const trace = (name) => [validation, train].map((points) => points.map((point) => [point.step, point[name]]));
    this.plots.replaceChildren(...[
      plot('Right on held-out pictures', axis, trace('accuracy'), (value) => percent(value)),
      plot('Loss on held-out pictures', axis, trace('loss'), (value) => value.toPrecision(2)),
      validation.length > 1 && train.length > 1 && make('p', { class: 'note' }, 'Dashed: the same on the pictures that it learns from.'),
    ].filter(Boolean));
  }
}

function recallKind() {
  const kind = sessionStorage.getItem(REMEMBERED);
  return kind in KINDS ? kind : 'head';
}

function describe(status) {
  const kind = KINDS[status.kind]?.name || 'The';
  const of = status.model ? ` of ${displayName(status.model)}` : '';
  if (status.state === 'done') {
    const seconds = status.seconds ? ` in ${status.seconds < 90 ? count(Math.max(1, Math.round(status.seconds)), 'second') : count(Math.round(status.seconds / 60), 'minute')}` : '';
    return [make('p', {}, make('b', {}, `${kind} training${of} made version ${status.version}${seconds}.`))];
  }
  if (status.state === 'failed') return [make('p', {}, make('b', {}, 'Not trained.'), ` ${status.error || ''} What was live stays live.`)];
  if (status.state === 'cancelled') return [make('p', {}, make('b', {}, 'Cancelled.'), ' What was live stays live.')];
  if (status.state === 'died') return [make('p', {}, make('b', {}, 'The training ended without a result.'), ' What was live stays live. Train again.'), makeLog(status.log)];
  return [];
}

function makeLog(lines) {
  if (!lines.length) return '';
  return make('details', {}, make('summary', {}, 'What it printed last'), make('pre', { tabindex: 0 }, lines.join('\n')));
}
