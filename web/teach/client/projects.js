// Taking everything home, and making new models.

import { button, displayName, make } from './dom.js';
import { locate, post } from './requests.js';
import { makeTakeZip } from './zips.js';

export function makeHome(state) {
  return make('section', { class: 'home' }, make('h3', {}, 'Take your data home'),
    make('p', { class: 'soft' }, 'One zip with all labelled pictures, and of each model taught here the version in use. Another installation takes it in and goes on from there.'),
    make('div', { class: 'line' }, make('a', { class: 'plain', href: locate('bundle'), download: '' }, 'Download everything'),
      makeTakeZip(state, 'Take in a zip from elsewhere', { kind: 'plain', asking: true })));
}

// What the server takes for a name: a blank is written _, and shown as one again.
export const makeName = (typed) => typed.normalize('NFKD').replace(/\p{M}/gu, '').trim()
  .replace(/[^A-Za-z0-9_-]+/g, '_').replace(/^[_-]+|_+$/g, '');

function tellName(typed) {
  const name = makeName(typed);
  return name && name !== typed ? `It will be called ${name}.` : 'Letters, digits, - and _.';
}

export function openNewModel(state) {
  const field = (words, attributes, hint) => {
    const input = make('input', { type: 'text', autocomplete: 'off', ...attributes });
    return { input, element: make('label', { class: 'field' }, make('span', {}, words), input, hint && make('small', {}, hint)) };
  };
  const name = field('Name', { required: true, maxlength: 64, placeholder: 'pets', on: { input: () => { taken.textContent = tellName(name.input.value); } } });
  const taken = make('small', { role: 'status' }, tellName(''));
  name.element.append(taken);
  const classes = make('div', { class: 'class-fields' });
  const addField = (focus) => {
    const number = classes.children.length + 1;
    const { input, element } = field(`Class ${number}`, { maxlength: 40, required: number <= 2, placeholder: ['cat', 'dog', ''][Math.min(number - 1, 2)] });
    classes.append(element);
    if (focus) input.focus();
  };
  addField(false);
  addField(false);
  const other = make('input', { type: 'checkbox' });
  const problem = make('p', { class: 'problem', role: 'alert' });

  async function submit(event) {
    event.preventDefault();
    const labels = [...classes.querySelectorAll('input')].map((input) => input.value).filter((value) => value.trim());
    const made = await state.attempt(() => post('models', { model: makeName(name.input.value), labels, catch_all: other.checked ? 'none of these' : '' }), problem);
    if (!made) return;
    dialog.close();
    await state.open(made.model);
    state.say(`${displayName(made.model)} is ready for its first pictures.`);
  }

  const form = make('form', { on: { submit } }, name.element, classes, button('One more class', () => addField(true), { kind: 'link' }),
    make('label', { class: 'check-line' }, other, make('span', {}, 'Add a class “None of these”', make('small', {}, 'For whatever is neither: else every picture must be one of the others.'))),
    problem, make('div', { class: 'line' }, make('button', { type: 'submit', class: 'main' }, 'Make it'), button('Cancel', () => dialog.close())));
  const dialog = state.openDialog('New model', 'narrow', form);
  name.input.focus();
}
