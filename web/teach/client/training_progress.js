// How far a training is, from the stage that it is in: one bar for the whole, and the stage in words.

import { nameOf } from './dom.js';

const WORDS = [
  [/^reading.*$/, 'Reading the pictures'],
  [/^embedding.*$/, 'Looking at the pictures'],
  [/^fitting.*$/, 'Learning'],
  [/^probe.*$/, 'Learning the last layer first'],
  [/^epoch (\d+)\D+(\d+).*$/, 'Learning, round $1 of $2'],
  [/^validation.*$/, 'Checking on pictures it does not learn from'],
  [/^comparing.*$/, 'Comparing it with the one in use'],
  [/^(frozen network|freezing|proving).*$/, 'Proving that the frozen network answers the same'],
  [/^writing.*$/, 'Writing it down'],
];

// Where on the bar a stage begins and ends, about as long as each takes.
const PLACES = {
  quick: [[/^reading/, 0.05, 0.1], [/^embedding/, 0.1, 0.6], [/^fitting/, 0.6, 0.85], [/^comparing/, 0.85, 0.9], [/^proving/, 0.9, 0.96], [/^writing/, 0.96, 1]],
  deep: [[/^reading/, 0, 0.02], [/^probe, train/, 0.02, 0.09], [/^probe/, 0.09, 0.1], [/^(frozen network|freezing|proving)/, 0.82, 0.97], [/^comparing/, 0.97, 0.99], [/^writing/, 0.99, 1]],
};
const ROUNDS = [0.1, 0.75];
const USUAL_ROUNDS = 8;
const BEGUN = 0.02; // so that a bar is seen before the first stage is told

export function nameStage(stage) {
  const found = WORDS.find(([known]) => known.test(stage));
  return found ? stage.replace(...found) : nameOf(stage);
}

// Remembers how far a training was: what a stage that is not known, or a check in between, does not tell.
export class Course {
  constructor() { Object.assign(this, { pid: null, share: 0 }); }

  follow(seen) {
    if (seen.pid !== this.pid) Object.assign(this, { pid: seen.pid, share: BEGUN });
    this.share = Math.max(this.share, findShare(seen));
    return this.share;
  }
}

export function findShare({ kind, stage, done, total, curve }) {
  const within = total ? Math.min(1, done / total) : 0;
  const round = /^epoch (\d+)\D+(\d+)/.exec(stage || '');
  if (round) return placeRounds((round[1] - 1 + within) / round[2]);
  if (/^validation/.test(stage)) return placeRounds((curve?.at(-1)?.step || 0) / USUAL_ROUNDS);
  const [, from, to] = PLACES[kind]?.find(([known]) => known.test(stage)) || [null, 0, 0];
  return from + within * (to - from);
}

const placeRounds = (share) => ROUNDS[0] + Math.min(1, share) * (ROUNDS[1] - ROUNDS[0]);
