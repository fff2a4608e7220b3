// The camera of a class: press for one picture, hold for a burst.

import { button, count, displayName, make } from './dom.js';

const EVERY = 300; // milliseconds between pictures while the button is held
const LONGEST = 1280; // pixels
const STRIP = 8; // thumbnails of what was just taken

// Without HTTPS a browser gives no page the camera; a phone's own camera app it still opens.
export async function openCamera(state, label, phoneInput, uploads) {
  if (!navigator.mediaDevices?.getUserMedia) return phoneInput.click();
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: LONGEST }, facingMode: { ideal: 'environment' } } });
    return film(state, label, stream, uploads);
  } catch {
    if (matchMedia('(pointer: coarse)').matches) return phoneInput.click();
    return state.say('No camera could be used. Allow it in the browser, or add pictures.');
  }
}

async function film(state, label, stream, uploads) {
  const video = make('video', { playsinline: true, muted: true, 'aria-label': 'What the camera sees' });
  const taken = make('p', { class: 'note', role: 'status' }, 'Turn the thing while you hold: pictures that look alike count once.');
  const strip = make('div', { class: 'strip-taken' });
  const shutter = button('Hold to take many', () => {}, { kind: 'main shutter' });
  const dialog = state.openDialog(`Pictures of ${displayName(label)}`, 'camera-dialog', video, strip, taken,
    make('div', { class: 'line' }, shutter, button('Done', () => dialog.close())));
  const burst = new Burst(video, (file) => {
    if (!dialog.open) return; // closed while this frame was made into a file
    uploads.add(label, [file]);
    taken.textContent = `${count(burst.taken, 'picture')} taken.`;
    strip.prepend(make('img', { src: show(file), alt: '' }));
    while (strip.children.length > STRIP) forget(strip.lastChild);
  });
  const batch = uploads.hold(label);
  listen(shutter, burst);
  dialog.addEventListener('close', () => {
    burst.stop();
    uploads.release(batch);
    stream.getTracks().forEach((track) => track.stop());
    [...strip.children].forEach(forget);
  });
  video.srcObject = stream;
  await video.play();
  shutter.focus();
}

const show = (file) => URL.createObjectURL(file);

function forget(image) {
  URL.revokeObjectURL(image.src);
  image.remove();
}

function listen(shutter, burst) {
  shutter.addEventListener('pointerdown', (event) => {
    shutter.setPointerCapture(event.pointerId);
    burst.start();
  });
  for (const end of ['pointerup', 'pointercancel', 'blur']) shutter.addEventListener(end, () => burst.stop());
  shutter.addEventListener('contextmenu', (event) => event.preventDefault()); // a long press
  shutter.addEventListener('keydown', (event) => {
    if (![' ', 'Enter'].includes(event.key)) return;
    event.preventDefault();
    if (!event.repeat) burst.start();
  });
  shutter.addEventListener('keyup', () => burst.stop());
}

class Burst {
  constructor(video, keep) {
    Object.assign(this, { video, keep, taken: 0, timer: null });
  }

  start() {
    this.stop();
    this.shoot();
    this.timer = setInterval(() => this.shoot(), EVERY);
  }

  stop() { clearInterval(this.timer); }

  shoot() {
    const { video } = this;
    if (!video.videoWidth) return;
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    canvas.getContext('2d').drawImage(video, 0, 0);
    this.taken += 1;
    const name = `camera-${this.taken}.jpg`;
    canvas.toBlob((blob) => this.keep(new File([blob], name, { type: 'image/jpeg' })), 'image/jpeg', 0.92);
  }
}
