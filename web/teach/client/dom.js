// Makes elements. Text always becomes a text node: what people typed is never read as HTML.

const SVG = 'http://www.w3.org/2000/svg';

const ICONS = {
  plus: 'M12 5v14M5 12h14',
  camera: 'M4 8h3l1.6-2.5h6.8L17 8h3v11H4zM15.6 13.2a3.6 3.6 0 1 1-7.2 0a3.6 3.6 0 1 1 7.2 0',
  lock: 'M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3',
  check: 'M4 13l5 5L20 6',
  cross: 'M5 5l14 14M19 5L5 19',
  hold: 'M12 4v10M12 19v.5',
  note: 'M12 10.5v8.5M12 5v.5',
  right: 'M9 5l7 7-7 7',
};

export function make(tag, { on = {}, data = {}, ...attributes } = {}, ...children) {
  return fill(document.createElement(tag), on, data, attributes, children);
}

export function draw(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), {}, {}, attributes, children);
}

function fill(element, on, data, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  Object.assign(element.dataset, data);
  for (const [name, act] of Object.entries(on)) element.addEventListener(name, act);
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function icon(name) {
  return draw('svg', { class: 'icon', viewBox: '0 0 24 24', 'aria-hidden': 'true' }, draw('path', { d: ICONS[name] }));
}

export function button(words, act, { kind = 'plain', symbol = null, ...attributes } = {}) {
  const label = make('span', {}, words);
  return make('button', { type: 'button', class: kind, on: { click: act }, ...attributes }, symbol && icon(symbol), label);
}

export const displayName = (label) => {
  const words = label.replaceAll('_', ' ').trim();
  return words.slice(0, 1).toUpperCase() + words.slice(1);
};

// A file's name, which may break after what stands between its words.
export const breakable = (name) => name.split(/(?<=[_\-.\s/])/).flatMap((part, i) => (i ? [make('wbr'), part] : [part]));

// Never claims more than it is: 99.6% is "over 99%", as on Try it.
export function sureness(probability) {
  if (probability >= 0.995) return 'over 99%';
  if (probability < 0.005) return 'under 1%';
  return `${Math.round(100 * probability)}%`;
}

// Versions of before say "p = under 0.001".
export const tidy = (sentence) => (sentence || '').replace('p = under', 'p under');

export const percent = (value, digits = 0) => `${(100 * value).toFixed(digits)}%`;

export const count = (number, one, many = `${one}s`) => `${number.toLocaleString('en')} ${number === 1 ? one : many}`;

// A dialog that is there only while it is open.
export function openDialog(frame, title, names, ...children) {
  const close = button('Close', () => dialog.close(), { kind: 'soft', symbol: 'cross' });
  const heading = make('h2', {}, title);
  const dialog = make('dialog', { class: names, 'aria-label': title }, make('header', {}, heading, close), ...children);
  dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener('close', () => queueMicrotask(() => dialog.remove()));
  frame.append(dialog);
  dialog.showModal();
  return dialog;
}
