// Step 3: the new version against the one in use, and which of all versions answers.

import { button, count, displayName, icon, make, percent, sureness, tidy } from './dom.js';
import { get, imageUrl } from './requests.js';

const LET_THROUGH = ['published', 'first'];
const FIRST_SHOWN = 9; // pictures on which they differ

export function makeCompare(state) {
  return new Compare(state).elements;
}

class Compare {
  constructor(state) {
    Object.assign(this, { state, shown: null });
    this.report = make('div', { class: 'report' });
    this.versions = make('div', { on: { click: (event) => this.press(event) } });
    this.elements = [this.report, make('section', { class: 'all-versions' }, make('h4', {}, 'Versions'), this.versions)];
    state.watch('versions', () => state.attempt(() => this.load()));
    window.addEventListener('renew', ({ detail }) => state.attempt(() => this.follow(detail)));
  }

  // The newest version that was compared is what was just trained.
  async load(preferred = null) {
    const { model } = this.state;
    const { html } = await get('../versions', { model });
    if (model !== this.state.model) return;
    this.versions.innerHTML = html; // drawn and escaped by web/model/versions.py
    const compared = [...this.versions.querySelectorAll('[data-compared]')].map((row) => Number(row.dataset.number));
    await this.show(compared.includes(preferred) ? preferred : compared[0] ?? null);
  }

  // `sentence`: what became of a version here; without it something else changed.
  async follow(sentence) {
    await this.load(sentence ? this.shown : null);
    if (!sentence) return;
    this.state.say(sentence);
    await this.state.refresh();
  }

  press(event) {
    const button = event.target.closest('[data-act="compare"]');
    if (button) this.show(Number(button.closest('[data-number]').dataset.number));
  }

  async show(version) {
    this.shown = version;
    if (version === null) return this.report.replaceChildren(makeEmpty());
    const { model } = this.state;
    const found = await this.state.attempt(() => get('comparison', { model, version }));
    if (found && this.shown === version) this.report.replaceChildren(...this.draw(found));
    return undefined;
  }

  draw(found) {
    return [
      drawHeadline(found),
      this.drawGate(found),
      drawClasses(found),
      this.drawDifferences(found),
      ...['old', 'new'].filter((side) => found[side]?.confusion?.flat().some(Boolean)).map((side) => this.drawMatrix(found, side)),
    ].filter(Boolean);
  }

  // What is so now stands first; what the gate said when the version was made is kept under it.
  drawGate(found) {
    const { symbol, tone, words } = judge(found);
    const data = { tone, model: found.model, number: found.version };
    return make('div', { class: 'gate', data }, icon(symbol), make('div', {},
      words && make('p', { class: 'now' }, words), make('p', { class: `sentence ${words ? 'soft' : ''}` }, tidy(found.sentence)),
      make('p', { class: 'said', role: 'status' }), make('div', { class: 'line' }, makeActs(found))));
  }


  // ---- pictures ---------------------------------------------------------------------------------

  drawDifferences(found) {
    if (!found.old) return null;
    const differing = listDifferences(found);
    if (!differing.length && !found.hidden) return make('p', { class: 'soft' }, 'Both answer the same on every picture.');
    const open = button('Show all', () => this.openPictures('Pictures on which they differ', differing, found.hidden), { kind: 'link' });
    return make('section', {}, make('h4', {}, 'Pictures on which they differ', differing.length > FIRST_SHOWN && open),
      makeShots(differing.slice(0, FIRST_SHOWN)), makeHidden(found.hidden, differing.length));
  }

  openPictures(title, shots, hidden) {
    this.state.openDialog(title, 'gallery-dialog', make('div', { class: 'scrolled' }, makeShots(shots), makeHidden(hidden, shots.length)));
  }

  drawMatrix(found, side) {
    const { class_names: names, confusion } = found[side];
    const rowNames = found[side].labels || names; // a class that this version lacks has a row too
    const version = side === 'new' ? `Version ${found.version}` : describeAgainst(found.against);
    const kept = countKept(found, side);
    let lacking = false;
    const cell = (row, column) => {
      const total = confusion[row][column];
      const share = total / (confusion[row].reduce((sum, value) => sum + value, 0) || 1);
      if (!total) return make('td', { class: 'none' }, '0');
      const [label, said] = [rowNames[row], names[column]];
      const shown = kept.get(`${label}/${said}`) || 0;
      lacking ||= shown < total;
      const look = { class: label === said ? 'hit' : 'miss', style: `--share: ${share.toFixed(3)}` };
      if (!shown) return make('td', look, make('span', {}, total.toLocaleString('en')));
      return make('td', look, make('button', {
        type: 'button', 'aria-label': `${count(total, 'picture')} of ${displayName(label)} answered ${displayName(said)}`,
        on: { click: () => this.openCell(found, side, label, said, total) },
      }, total.toLocaleString('en')));
    };
    const head = make('tr', {}, make('td', { class: 'corner' }, 'is ↓  said →'), names.map((name) => make('th', { scope: 'col' }, displayName(name))));
    const rows = rowNames.map((name, row) => make('tr', {}, make('th', { scope: 'row' }, displayName(name)), names.map((_, column) => cell(row, column))));
    const words = ['A row for what a picture is, a column for what was answered.', kept.size && 'Press a number to see the pictures.',
      lacking && 'Remembered pictures are kept as numbers only, so they cannot be shown.'].filter(Boolean).join(' ');
    return make('details', { class: 'matrix', open: side === 'new' }, make('summary', {}, `${version}: what was answered`),
      make('p', { class: 'soft' }, words),
      make('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': `${version}: what was answered` }, make('table', {}, make('thead', {}, head), make('tbody', {}, rows))));
  }

  openCell(found, side, label, said, total) {
    const shots = found.pictures.filter((shot) => shot.label === label && shot[side]?.[0] === said);
    this.openPictures(`${displayName(label)} answered ${displayName(said)}`, shots, total - shots.length);
  }
}

// ---- the parts of a comparison ------------------------------------------------------------------

function makeEmpty() {
  return make('div', { class: 'empty' }, make('p', {}, 'Nothing to compare yet.'),
    make('p', { class: 'soft' }, 'Train once. The new version is then measured here against the one in use, on the same pictures, which neither has learned from.'));
}

// Which icon and colour stand for a version, and what is so now where that is not what the gate said.
function judge({ outcome, in_use: inUse, new: now }) {
  const passed = LET_THROUGH.includes(outcome);
  if (inUse && !passed) return { symbol: 'check', tone: 'good', words: 'Published by a person.' };
  if (inUse && now?.top1?.n) return { symbol: 'check', tone: 'good', words: 'In use now.' };
  if (inUse) return { symbol: 'note', tone: 'plain', words: 'In use now; nothing is measured yet.' };
  if (passed) return { symbol: 'note', tone: 'plain', words: 'Not in use now.' };
  return outcome === 'held_back' ? { symbol: 'cross', tone: 'bad' } : { symbol: 'hold', tone: 'plain' };
}

// `versions.js` of the Model tab does what these buttons say.
function makeActs(found) {
  if (found.in_use) {
    const choose = () => window.dispatchEvent(new CustomEvent('choose-model', { detail: found.model }));
    return make('p', { class: 'soft' }, 'It answers on ', make('a', { href: '#try', on: { click: choose } }, 'Try it'), ' now.');
  }
  const act = (name, words, kind) => make('button', { type: 'button', class: kind, data: { act: name } }, words);
  return [act('publish', found.outcome === 'held_back' ? 'Publish anyway' : 'Publish', 'main'),
    found.taught && act('delete', 'Delete', 'plain danger')];
}

// How many pictures of a cell can be shown, by `is/said`.
function countKept(found, side) {
  const kept = new Map();
  for (const shot of found.pictures) {
    const key = `${shot.label}/${shot[side]?.[0]}`;
    kept.set(key, (kept.get(key) || 0) + 1);
  }
  return kept;
}

function drawHeadline(found) {
  const [before, after] = [found.old?.top1, found.new?.top1];
  const n = found.locked ?? after?.n ?? 0;
  if (!after?.n) {
    return make('div', { class: 'headline-numbers' }, make('p', { class: 'soft' }, 'No held-out pictures yet, so nothing can be measured. Add more pictures: from the fourth different one on, some are kept for comparing.'));
  }
  const digits = n >= 500 || (before && Math.round(100 * before.value) === Math.round(100 * after.value) && before.value !== after.value) ? 1 : 0;
  const number = (rate, words) => make('div', { class: 'number-block' }, make('b', {}, percent(rate.value, digits)),
    make('span', {}, words), make('small', {}, `${percent(rate.low, digits).slice(0, -1)}–${percent(rate.high, digits)}`));
  return make('div', { class: 'headline-numbers' },
    make('div', { class: 'pair' }, before?.n ? [number(before, describeAgainst(found.against)), make('i', { 'aria-label': 'became' }, '→')] : null, number(after, `Version ${found.version}`)),
    make('p', {}, `right on ${count(n, 'held-out picture')}, which ${before?.n ? 'neither' : 'it has not'} learned from. Below each number: its 95% interval.`),
    listTests(found).map((words) => make('p', {}, words)));
}

function listTests({ p, better, worse, set_aside: aside }) {
  const value = p < 0.001 ? 'p under 0.001' : `p = ${Number(p?.toPrecision(2))}`;
  return [
    Number.isFinite(p) && `Better on ${better}, worse on ${worse} (exact McNemar test, two-sided ${value}).`,
    aside > 0 && (aside === 1 ? '1 held-out picture is set aside, since its label is in doubt.' : `${aside.toLocaleString('en')} held-out pictures are set aside, since their label is in doubt.`),
  ].filter(Boolean);
}

const describeAgainst = (against) => (against ? `Version ${against.version}` : 'Before');

function drawClasses(found) {
  if (!found.new?.per_class) return null;
  const names = found.new.class_names.filter((name) => found.new.per_class[name]?.n);
  if (!names.length) return null;
  const fresh = new Set(found.new_classes || []);
  const share = (rate) => (rate?.n ? percent(rate.value) : '–');
  const change = (old, now) => {
    if (!old?.n || !now?.n) return make('td', { class: 'number' }, '');
    const points = Math.round(100 * (now.value - old.value));
    const tone = points > 0 ? 'better' : points < 0 ? 'worse' : '';
    return make('td', { class: `number ${tone}` }, points > 0 ? `+${points}` : points < 0 ? `−${-points}` : '±0');
  };
  const row = (name) => make('tr', {}, make('th', { scope: 'row' }, displayName(name), fresh.has(name) && make('span', { class: 'mark' }, 'new')),
    found.old && make('td', { class: 'number' }, fresh.has(name) ? '–' : share(found.old.per_class?.[name])),
    make('td', { class: 'number' }, share(found.new.per_class[name])),
    found.old && (fresh.has(name) ? make('td') : change(found.old.per_class?.[name], found.new.per_class[name])),
    make('td', { class: 'number' }, found.new.per_class[name].n.toLocaleString('en')));
  const heads = ['', ...(found.old ? ['Before'] : []), 'Now', ...(found.old ? ['Points'] : []), 'Pictures'];
  const known = names.filter((name) => !fresh.has(name));
  const added = names.filter((name) => fresh.has(name));
  return make('section', {}, make('h4', {}, 'Found, by class'), make('div', { class: 'scroll' }, make('table', { class: 'figures' },
    make('thead', {}, make('tr', {}, heads.map((words) => make('th', { scope: 'col', class: words ? 'number' : '' }, words)))),
    make('tbody', {}, [...known, ...added].map(row)))));
}

// What got worse first; new classes last, since nothing but gain can be seen there.
function listDifferences(found) {
  const fresh = new Set(found.new_classes || []);
  const rank = (shot) => (fresh.has(shot.label) ? 2 : 0) + (shot.new[0] === shot.label ? 1 : 0);
  return found.pictures.filter((shot) => shot.old && shot.new && shot.old[0] !== shot.new[0]).sort((a, b) => rank(a) - rank(b));
}

function makeShots(shots) {
  const said = (answer, label) => make('span', { class: answer[0] === label ? 'better' : 'worse' }, icon(answer[0] === label ? 'check' : 'cross'), `${displayName(answer[0])}, ${sureness(answer[1])}`);
  return make('div', { class: 'shots-compared' }, shots.map((shot) => make('figure', {},
    make('img', { src: imageUrl(shot.sha256, 320), alt: displayName(shot.label), loading: 'lazy', decoding: 'async' }),
    make('figcaption', {}, make('b', {}, displayName(shot.label)), shot.old && make('div', {}, 'before ', said(shot.old, shot.label)), shot.new && make('div', {}, 'now ', said(shot.new, shot.label))))));
}

function makeHidden(hidden, shown) {
  if (!hidden) return null;
  return make('p', { class: 'soft' }, `${shown ? 'And ' : ''}${count(hidden, 'remembered one')}, of which no picture is kept.`);
}
