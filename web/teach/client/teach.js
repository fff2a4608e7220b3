// The Teach tab: the choice of the model, and the three steps. Called by web/teach/tab.js when it is opened.

import { makeAudit } from './audit.js';
import { makeCollect } from './collect.js';
import { makeCompare } from './compare.js';
import { button, displayName, make } from './dom.js';
import { makeProjects, openNewModel } from './projects.js';
import { makeReviewButton } from './review.js';
import { TeachState } from './state.js';
import { makeTrain } from './train.js';

export async function mount(frame) {
  const state = new TeachState(frame);
  const parts = [
    makeNotices(state),
    makeHeader(state),
    make('div', { class: 'steps' },
      makeStep(1, 'Collect', 'collect', makeCollect(state)),
      makeStep(2, 'Train', 'train', makeTrain(state)),
      makeStep(3, 'Compare and publish', 'compare', makeCompare(state))),
    makeProjects(state),
    makeAudit(state),
  ];
  frame.addEventListener('dragover', (event) => event.preventDefault());
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && frame.offsetParent) state.attempt(() => state.refresh());
  });
  try {
    await state.openRemembered();
  } catch (error) {
    frame.dataset.state = 'failed';
    frame.querySelector('.waiting-words').textContent = error.message;
    return;
  }
  frame.querySelector('.waiting-words').remove();
  frame.prepend(...parts);
  frame.dataset.state = 'ready';
}

// What was lost, or will not be kept: it stands there as long as that holds.
function makeNotices(state) {
  const notices = make('div', { class: 'notices' });
  state.watch('details', () => {
    const found = state.details.notices;
    if (found.join() === notices.dataset.shown) return; // so that it is not read out again
    notices.dataset.shown = found.join();
    notices.replaceChildren(...found.map((words) => make('p', { class: 'notice', role: 'alert' }, words)));
  });
  return notices;
}

function makeStep(number, title, name, parts) {
  return make('section', { class: `step ${name}`, 'aria-labelledby': `teach-${name}` },
    make('h3', { id: `teach-${name}` }, make('span', { class: 'step-number', 'aria-hidden': 'true' }, number), title), parts);
}

function makeHeader(state) {
  const select = make('select', { 'aria-label': 'Model', on: { change: () => state.attempt(() => state.open(select.value)) } });
  state.watch('details', () => {
    const { models, model } = state.details;
    if (models.join() !== select.dataset.names) {
      select.dataset.names = models.join();
      select.replaceChildren(...models.map((name) => make('option', { value: name }, displayName(name))));
    }
    select.value = model;
  });
  return make('div', { class: 'line teach-head' }, make('label', {}, make('span', {}, 'Model '), select),
    button('New model', () => openNewModel(state), { kind: 'soft', symbol: 'plus' }), make('span', { class: 'gap' }), makeReviewButton(state));
}
