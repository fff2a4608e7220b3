// A curve: what it shows, axes with their names and ends.

import { draw } from './dom.js';

const WIDTH = 320;
const HEIGHT = 132;
const BOX = { left: 44, right: 8, top: 24, bottom: 30 };

// `lines`: lists of [x, y]; the first is what is meant, a second is drawn dashed, for comparing.
export function plot(title, axis, lines, format) {
  const known = lines.map((points) => points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y)));
  if (known[0].length < 2) return null;
  const [x0, x1] = range(known.flat().map(([x]) => x));
  const [y0, y1] = range(known.flat().map(([, y]) => y));
  const bottom = HEIGHT - BOX.bottom;
  const middle = (BOX.top + bottom) / 2;
  const place = ([x, y]) => [
    BOX.left + (WIDTH - BOX.left - BOX.right) * (x - x0) / (x1 - x0 || 1),
    y1 === y0 ? middle : bottom - (bottom - BOX.top) * (y - y0) / (y1 - y0),
  ];
  const join = (points) => points.map(place).map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' ');
  const text = (x, y, words, anchor) => draw('text', { x, y, 'text-anchor': anchor }, words);
  const ends = y1 === y0 ? [[middle + 4, y0]] : [[BOX.top + 8, y1], [bottom, y0]];
  const heading = `${title}, by ${axis}`;
  const last = format(known[0].at(-1)[1]);
  return draw('svg', { class: 'curve', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': `${heading}, now ${last}` },
    draw('path', { class: 'axis', d: `M${BOX.left} ${BOX.top}V${bottom}H${WIDTH - BOX.right}` }),
    known.map((points, i) => draw('polyline', { points: join(points), class: i ? 'other' : '' })).reverse(),
    ends.map(([y, value]) => text(BOX.left - 6, y, format(value), 'end')),
    text(BOX.left, bottom + 14, x0, 'start'), text(WIDTH - BOX.right, bottom + 14, x1, 'end'),
    text((BOX.left + WIDTH - BOX.right) / 2, HEIGHT - 3, axis, 'middle'),
    draw('text', { class: 'title', x: 0, y: 12, 'text-anchor': 'start' }, `${heading}: ${last}`));
}

const range = (values) => [Math.min(...values), Math.max(...values)];
