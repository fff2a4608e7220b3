// The Teach tab: which network, and the three steps. Called by web/teach/tab.js when it is opened.

import { makeCollect } from './collect.js';
import { makeCompare } from './compare.js';
import { button, make, nameOf } from './dom.js';
import { makeHome, openNewNetwork } from './projects.js';
import { makeReviewButton } from './review.js';
import { Room } from './state.js';
import { makeTrain } from './train.js';

export async function mount(frame) {
  const room = new Room(frame);
  const parts = [
    makeHead(room),
    make('div', { class: 'steps' },
      makeStep(1, 'Collect', 'collect', makeCollect(room)),
      makeStep(2, 'Train', 'train', makeTrain(room)),
      makeStep(3, 'Compare and publish', 'compare', makeCompare(room))),
    makeHome(room),
  ];
  frame.addEventListener('dragover', (event) => event.preventDefault());
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && frame.offsetParent) room.attempt(() => room.refresh());
  });
  try {
    await room.openRemembered();
  } catch (error) {
    frame.dataset.state = 'failed';
    frame.querySelector('.waiting-words').textContent = error.message;
    return;
  }
  frame.querySelector('.waiting-words').remove();
  frame.prepend(...parts);
  frame.dataset.state = 'ready';
}

function makeStep(number, title, name, parts) {
  return make('section', { class: `step ${name}`, 'aria-labelledby': `teach-${name}` },
    make('h3', { id: `teach-${name}` }, make('span', { class: 'step-number', 'aria-hidden': 'true' }, number), title), parts);
}

function makeHead(room) {
  const select = make('select', { 'aria-label': 'Network', on: { change: () => room.attempt(() => room.open(select.value)) } });
  room.watch('network', () => {
    const { networks, model } = room.network;
    if (networks.join() !== select.dataset.names) {
      select.dataset.names = networks.join();
      select.replaceChildren(...networks.map((name) => make('option', { value: name }, nameOf(name))));
    }
    select.value = model;
  });
  return make('div', { class: 'line teach-head' }, make('label', {}, make('span', {}, 'Network '), select),
    button('New network', () => openNewNetwork(room), { kind: 'soft', symbol: 'plus' }), make('span', { class: 'gap' }), makeReviewButton(room));
}
