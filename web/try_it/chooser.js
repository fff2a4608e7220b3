// The browser's half of chooser.py: shows what was chosen at once, sends it, and lays the heatmap
// of the answer over it. Gradio calls this with `element`, `props`, `trigger` and `upload`.

const find = (selector) => element.querySelector(selector);
const stage = find('.stage');
const picture = find('.picture');
const heat = find('.heat');
const video = find('video');
const SHEET = 9; // thumbnails of several pictures
const SENDERS = 3; // pictures on their way at the same time

let token = 0; // counts the choices; an answer to an earlier one is passed over
let whyOpen = false;
let latest = []; // files of the last choice, to be asked again where another model is chosen

// ---- choosing ------------------------------------------------------------------------------

async function take(files) {
  if (!files.length) return;
  stopCamera();
  const mine = ++token;
  latest = files;
  wait('Looking…');
  const shown = await show(files);
  const images = files.map((file) => ({ name: file.name, size: file.size, shown, file: null }));
  if (files.length <= props.max_images) await sendAll(files, images, mine);
  if (mine !== token) return;
  if (files.length <= props.max_images && images.every(isLost)) return fail();
  const seen = document.querySelector('.chip')?.dataset.version || '';
  props.value = { token: mine, images, model: window.readModel(), seen };
  trigger('upload');
}

const isLost = (sent) => sent.file === null && sent.size <= props.max_bytes;

async function sendAll(files, images, mine) {
  let next = 0;
  const sender = async () => {
    while (next < files.length && mine === token) {
      const i = next++;
      images[i].file = await send(files[i]);
      if (files.length > 1 && mine === token) wait(`Sent ${Math.min(next, files.length)} of ${files.length}`);
    }
  };
  await Promise.all(Array.from({ length: SENDERS }, sender));
}

async function send(file) {
  if (file.size > props.max_bytes) return null; // the server says so in a sentence
  try {
    const { path } = await upload(file);
    return { path, orig_name: file.name, size: file.size, meta: { _type: 'gradio.FileData' } };
  } catch {
    return null;
  }
}

// ---- showing -------------------------------------------------------------------------------

async function show(files) {
  heat.removeAttribute('src');
  if (files.length > 1) return showSheet(files);
  stage.dataset.shows = 'nothing';
  return showPicture(URL.createObjectURL(files[0]));
}

async function showPicture(source) {
  if (picture.src.startsWith('blob:')) URL.revokeObjectURL(picture.src);
  picture.src = source;
  try {
    await picture.decode();
  } catch {
    return false; // HEIC, TIFF: the answer brings a picture that can be shown
  }
  find('.frame').style.setProperty('--ratio', picture.naturalWidth / picture.naturalHeight);
  stage.dataset.shows = 'picture';
  return true;
}

function showSheet(files) {
  const sheet = find('.sheet');
  sheet.querySelectorAll('img').forEach((image) => URL.revokeObjectURL(image.src));
  sheet.replaceChildren(...files.slice(0, SHEET).map((file) => {
    const image = new Image();
    image.alt = '';
    image.src = URL.createObjectURL(file);
    image.onerror = () => image.remove();
    return image;
  }));
  stage.dataset.shows = 'sheet';
  return true;
}

const side = () => document.getElementById('answer-side');

function wait(words, state = 'busy') {
  side().dataset.state = state;
  document.querySelector('#waiting .words').textContent = words;
}

function fail() {
  wait('No answer came. Check the connection, then choose the picture again.', 'failed');
}

// ---- the answer ----------------------------------------------------------------------------

async function receive() {
  const answer = document.querySelector('#answer .answer');
  if (!answer || Number(answer.dataset.token) !== token) return;
  side().dataset.state = answer.classList.contains('working') ? 'working' : 'answered';
  if (answer.dataset.preview) await showPicture(answer.dataset.preview);
  const why = answer.querySelector('.why');
  if (why) layHeat(why);
}

function layHeat(why) {
  const [left, top, width, height] = why.dataset.place.split(' ').map((percent) => `${percent}%`);
  Object.assign(heat.style, { left, top, width, height });
  heat.src = why.dataset.heat;
  why.open = whyOpen;
  stage.classList.toggle('why', whyOpen);
}

function observeAnswer() {
  const answer = document.getElementById('answer');
  if (!answer) return void requestAnimationFrame(observeAnswer);
  new MutationObserver(receive).observe(answer, { childList: true, subtree: true });
}

observeAnswer();
window.addEventListener('model', () => take(latest));
window.addEventListener('unanswered', () => {
  if (['busy', 'working'].includes(side().dataset.state)) fail();
});
document.addEventListener('toggle', (event) => {
  if (!event.target.classList?.contains('why')) return;
  whyOpen = event.target.open;
  stage.classList.toggle('why', whyOpen);
}, true);
document.addEventListener('input', (event) => {
  if (event.target.closest?.('.strength')) {
    stage.style.setProperty('--strength', event.target.value / 100);
  }
});

// ---- the camera ----------------------------------------------------------------------------

const onTouch = () => matchMedia('(pointer: coarse)').matches;

async function startCamera() {
  if (onTouch() || !navigator.mediaDevices) return find('[data-input=camera]').click();
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { width: 1280 } });
  } catch {
    token += 1;
    return wait('No camera could be used. Allow it in the browser, or choose a picture.', 'failed');
  }
  await video.play();
  stage.dataset.shows = 'video';
  element.classList.add('filming');
  find('[data-do=shoot]').focus();
}

function stopCamera() {
  video.srcObject?.getTracks().forEach((track) => track.stop());
  video.srcObject = null;
  element.classList.remove('filming');
  if (stage.dataset.shows === 'video') {
    stage.dataset.shows = picture.getAttribute('src') ? 'picture' : 'prompt';
  }
}

function shoot() {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  canvas.getContext('2d').drawImage(video, 0, 0);
  canvas.toBlob((blob) => take([new File([blob], 'camera.jpg', { type: blob.type })]), 'image/jpeg', 0.95);
}

// ---- what a visitor may press, drop or paste -----------------------------------------------

async function tryExample(address) {
  const response = await fetch(address);
  const name = address.split('/').pop();
  await take([new File([await response.blob()], name, { type: 'image/webp' })]);
}

const actions = {
  camera: startCamera,
  choose: () => find('[data-input=choose]').click(),
  shoot,
  stop: stopCamera,
};

element.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (button?.dataset.example) tryExample(button.dataset.example);
  else if (button) actions[button.dataset.do]?.();
  else if (event.target.closest('.prompt')) actions.choose();
});
element.addEventListener('change', (event) => {
  if (!event.target.dataset.input) return;
  take([...event.target.files]);
  event.target.value = '';
});
document.addEventListener('dragover', (event) => {
  event.preventDefault();
  stage.classList.add('over');
});
document.addEventListener('dragleave', () => stage.classList.remove('over'));
document.addEventListener('drop', (event) => {
  event.preventDefault();
  stage.classList.remove('over');
  if (element.offsetParent) take([...event.dataTransfer.files]);
});
document.addEventListener('paste', (event) => {
  if (element.offsetParent) take([...event.clipboardData.files]);
});
