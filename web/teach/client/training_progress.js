// How far a training is, from the stage that it is in: one bar for the whole, and the stage in words.

const WORDS = {
  reading: 'Reading the pictures',
  embedding: 'Looking at the pictures',
  fitting: 'Learning',
  probe: 'Learning the last layer first',
  validation: 'Checking on pictures it does not learn from',
  predicting: 'Measuring the new version',
  corruptions: 'Measuring on blurred and noisy pictures',
  unrelated: 'Measuring on unrelated pictures',
  comparing: 'Comparing it with the one in use',
  proving: 'Proving that the frozen model answers the same',
  writing: 'Writing it down',
  checking_labels: 'Checking the labels',
};

// Where on the bar a stage begins and ends, about as long as each takes.
const PLACES = {
  head: { reading: [0.05, 0.1], embedding: [0.1, 0.6], fitting: [0.6, 0.85], comparing: [0.85, 0.9], proving: [0.9, 0.96], writing: [0.96, 1] },
  finetune: { reading: [0, 0.02], probe: [0.02, 0.1], predicting: [0.82, 0.97], proving: [0.82, 0.97], comparing: [0.97, 0.99], writing: [0.99, 1] },
};
const EPOCHS = [0.1, 0.75];
const STARTED = 0.02; // so that a bar is seen before the first stage is known

export function nameStage({ stage, epoch, epochs }) {
  return stage === 'epoch' ? `Learning, round ${epoch} of ${epochs}` : WORDS[stage];
}

// Remembers how far a training was, for the stages whose place on the bar is not known.
export class TrainingProgress {
  constructor() { Object.assign(this, { pid: null, share: 0 }); }

  follow(status) {
    if (status.pid !== this.pid) Object.assign(this, { pid: status.pid, share: STARTED });
    this.share = Math.max(this.share, findShare(status));
    return this.share;
  }
}

export function findShare({ kind, stage, done, total, epoch, epochs }) {
  const within = total ? Math.min(1, done / total) : 0;
  const trained = epochs ? { epoch: (epoch - 1 + within) / epochs, validation: epoch / epochs }[stage] : undefined;
  const [from, to] = trained === undefined ? PLACES[kind]?.[stage] || [0, 0] : EPOCHS;
  return from + (trained ?? within) * (to - from);
}
