// Step 2: Quick or Deep, how far it is, and what came of it.

import { button, count, draw, make, nameOf, percent } from './elements.js';
import { ask, tell } from './requests.js';

const RUNNING_EVERY = 700; // milliseconds between two looks
const IDLE_EVERY = 5000;
const KINDS = {
  quick: { name: 'Quick', words: 'A new last layer on what the network sees already.' },
  deep: { name: 'Deep', words: 'The whole network learns. Better with many pictures.' },
};
const STAGES = [
  [/^reading/, 'Reading the pictures'],
  [/^embedding/, 'Looking at the pictures'],
  [/^fitting/, 'Learning'],
  [/^prob/, 'Learning the last layer'],
  [/^epoch (\d+)\D+(\d+)/, 'Learning, round $1 of $2'],
  [/^validation.*/, 'Checking on pictures it does not learn from'],
  [/^comparing/, 'Comparing it with the one in use'],
  [/^(frozen network|proving).*/, 'Proving that the frozen network answers the same'],
  [/^writing/, 'Writing it down'],
];

export function makeTrain(room) {
  return new Train(room).elements;
}

class Train {
  constructor(room) {
    Object.assign(this, { room, kind: 'quick', seen: null });
    this.options = make('div', { class: 'ways', role: 'radiogroup', 'aria-label': 'How to train' });
    this.start = button('Train', () => this.press(), { kind: 'main large' });
    this.why = make('p', { class: 'note', role: 'status' });
    this.progress = make('div', { class: 'course', 'aria-live': 'polite' });
    this.elements = [this.options, this.start, this.why, this.progress];
    this.makeOptions();
    this.makeProgress();
    room.watch('network', () => this.showPlans());
    this.look();
  }

  makeOptions() {
    this.plans = Object.entries(KINDS).map(([kind, { name, words }]) => {
      const input = make('input', { type: 'radio', name: 'training-kind', value: kind, checked: kind === 'quick', on: { change: () => { this.kind = kind; this.showPlans(); } } });
      const estimate = make('span', { class: 'estimate' });
      const element = make('label', { class: 'way' }, input, make('span', {}, make('b', {}, name), ' ', estimate, make('small', {}, words)));
      return { kind, input, estimate, element };
    });
    this.options.replaceChildren(...this.plans.map(({ element }) => element));
  }

  makeProgress() {
    this.bar = make('progress', { max: 1, 'aria-label': 'How far the training is' });
    this.stage = make('p', { class: 'stage-words' });
    this.cancel = button('Cancel', () => this.stop(), { kind: 'soft' });
    this.plots = make('div', { class: 'plots' });
    this.result = make('div', { class: 'outcome' });
    this.running = make('div', { class: 'at-work', hidden: true }, make('div', { class: 'line' }, this.stage, this.cancel), this.bar);
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
    const busy = this.seen?.state === 'running';
    const { obstacle } = this.room.network.plans[this.kind];
    this.start.disabled = busy || this.pressed || Boolean(obstacle);
    this.start.lastChild.textContent = busy || this.pressed ? 'Training…' : 'Train';
    this.why.textContent = busy ? '' : obstacle;
  }

  async press() {
    this.pressed = true; // a second press finds the button off at once
    this.showButton();
    const { model } = this.room;
    const seen = await this.room.attempt(() => tell('training', { model, kind: this.kind }));
    this.pressed = false;
    if (seen) this.take(seen);
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
    if (frame.isConnected && !document.hidden && frame.offsetParent) {
      await ask('training').then((seen) => this.take(seen)).catch(() => this.lose());
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
    if (seen.state === 'done') this.room.say(seen.sentence || 'The training is done.');
  }

  show(seen) {
    const running = seen.state === 'running';
    this.running.hidden = !running;
    if (running) this.showStage(seen);
    this.result.replaceChildren(...describe(seen));
    this.result.dataset.state = seen.state;
    this.showPlots(seen.curve);
  }

  showStage(seen) {
    const words = seen.stage ? nameStage(seen.stage) : `Starting${seen.model ? ` on ${seen.model}` : ''}`;
    this.stage.textContent = seen.cancelling ? 'Cancelling…' : words;
    this.cancel.disabled = seen.cancelling;
    if (seen.total) this.bar.value = seen.done / seen.total;
    else this.bar.removeAttribute('value');
  }

  showPlots(curve) {
    const key = `${curve.length}`;
    if (this.plots.dataset.key === key) return;
    this.plots.dataset.key = key;
    this.plots.replaceChildren(...[
      plot('Loss', curve.map(({ step, loss }) => [step, loss]), (value) => value.toPrecision(2)),
      plot('Accuracy', curve.map(({ step, accuracy }) => [step, accuracy]), (value) => percent(value)),
    ].filter(Boolean));
  }
}

function nameStage(stage) {
  const [pattern, words] = STAGES.find(([known]) => known.test(stage)) || [];
  return pattern ? stage.replace(pattern, words) : nameOf(stage);
}

function describe(seen) {
  const kind = KINDS[seen.kind]?.name || 'The';
  const of = seen.model ? ` of ${seen.model}` : '';
  if (seen.state === 'done') {
    const seconds = seen.seconds ? ` in ${seen.seconds < 90 ? count(Math.max(1, Math.round(seen.seconds)), 'second') : count(Math.round(seen.seconds / 60), 'minute')}` : '';
    return [make('p', {}, make('b', {}, `${kind} training${of} made version ${seen.version}${seconds}.`))];
  }
  if (seen.state === 'failed') return [make('p', {}, make('b', {}, 'Not trained.'), ` ${seen.sentence || ''} What was live stays live.`)];
  if (seen.state === 'cancelled') return [make('p', {}, make('b', {}, 'Cancelled.'), ' What was live stays live.')];
  if (seen.state === 'died') return [make('p', {}, make('b', {}, 'The training ended without a result.'), ' What was live stays live. Train again.'), makeLog(seen.log)];
  return [];
}

function makeLog(lines) {
  if (!lines.length) return '';
  return make('details', {}, make('summary', {}, 'What it printed last'), make('pre', { tabindex: 0 }, lines.join('\n')));
}

// ---- a curve: axes with their names and ends ----------------------------------------------------

const WIDTH = 320;
const HEIGHT = 132;
const BOX = { left: 44, right: 8, top: 24, bottom: 30 };

export function plot(title, points, format) {
  const known = points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y));
  if (known.length < 2) return null;
  const [x0, x1] = range(known.map(([x]) => x));
  const [y0, y1] = range(known.map(([, y]) => y));
  const place = ([x, y]) => [
    BOX.left + (WIDTH - BOX.left - BOX.right) * (x - x0) / (x1 - x0 || 1),
    HEIGHT - BOX.bottom - (HEIGHT - BOX.top - BOX.bottom) * (y - y0) / (y1 - y0 || 1),
  ];
  const line = known.map(place).map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' ');
  const text = (x, y, words, anchor) => draw('text', { x, y, 'text-anchor': anchor }, words);
  const bottom = HEIGHT - BOX.bottom;
  const last = format(known.at(-1)[1]);
  return draw('svg', { class: 'curve', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': `${title} over steps, now ${last}` },
    draw('path', { class: 'axis', d: `M${BOX.left} ${BOX.top}V${bottom}H${WIDTH - BOX.right}` }),
    draw('polyline', { points: line }),
    text(BOX.left - 6, BOX.top + 8, format(y1), 'end'), text(BOX.left - 6, bottom, format(y0), 'end'),
    text(BOX.left, bottom + 14, x0, 'start'), text(WIDTH - BOX.right, bottom + 14, x1, 'end'),
    text((BOX.left + WIDTH - BOX.right) / 2, HEIGHT - 3, 'step', 'middle'),
    draw('text', { class: 'title', x: BOX.left, y: 12, 'text-anchor': 'start' }, `${title} ${last}`));
}

const range = (values) => [Math.min(...values), Math.max(...values)];
