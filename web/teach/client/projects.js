// Saves a model as one file, opens such a file, and makes new models.

import { button, displayName, make } from './dom.js';
import { locate, post, stream } from './requests.js';

export function makeProjects(state) {
  const save = make('a', { class: 'plain', download: '' }, 'Save this model as a file');
  state.watch('details', () => { save.href = locate('project', { model: state.model }); });
  const input = make('input', { type: 'file', accept: '.zip,application/zip', hidden: true, 'aria-label': 'A project file', on: { change: choose } });

  function choose() {
    const [file] = input.files;
    input.value = '';
    if (file) openProject(state, file);
  }

  return make('section', { class: 'projects' }, make('h3', {}, 'Keep or share this model'),
    make('p', { class: 'soft' }, 'A project file holds one model: its labelled pictures and the version in use. Opened here or elsewhere, it becomes a model beside the others.'),
    make('div', { class: 'line' }, save, button('Open a project file', () => input.click()), input));
}

function openProject(state, file) {
  const hint = make('small', { role: 'status' }, 'Needed only where the name in the file is taken.');
  const name = make('input', { type: 'text', autocomplete: 'off', maxlength: 64, placeholder: 'as in the file' });
  name.addEventListener('input', () => { hint.textContent = tellName(name.value); });
  const problem = make('p', { class: 'problem', role: 'alert' });
  const note = make('p', { class: 'note', role: 'status' });
  const open = make('button', { type: 'submit', class: 'main' }, 'Open it');
  const form = make('form', { on: { submit } }, make('p', {}, file.name), make('label', { class: 'field' }, make('span', {}, 'Name'), name, hint),
    problem, note, make('div', { class: 'line' }, open, button('Cancel', () => dialog.close())));
  const dialog = state.openDialog('Open a project file', 'narrow', form);

  async function submit(event) {
    event.preventDefault();
    open.disabled = true;
    note.textContent = `Sending ${file.name}…`;
    const restored = await state.attempt(() => restore(file, makeName(name.value), note), problem);
    open.disabled = false;
    note.textContent = '';
    if (restored?.error) problem.textContent = restored.error;
    else if (restored) await show(restored);
  }

  async function show({ model, sentence }) {
    dialog.close();
    await state.attempt(() => state.open(model));
    state.say(sentence);
    window.dispatchEvent(new Event('renew')); // there is one model more
  }
}

// Returns the last line of the answer: the model that was added, or what is wrong with the file.
async function restore(file, model, note) {
  let last = {};
  await stream('project', { model }, file, (line) => {
    last = line;
    note.textContent = line.sentence || '';
  });
  return last;
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
