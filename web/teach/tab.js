// Gradio calls this with `element` when the Teach tab is first opened. The tab itself is made of
// modules, which are asked for relative to the page, wherever a proxy has put it.

const frame = element.querySelector('.teach');
const find = (name) => new URL(`teach/client/${name}`, document.baseURI).href;

function loadStyle(address) {
  return new Promise((done, fail) => {
    const link = document.createElement('link');
    Object.assign(link, { rel: 'stylesheet', href: address, onload: done, onerror: fail });
    document.head.append(link);
  });
}

Promise.all([import(find('teach.js')), loadStyle(find('teach.css'))])
  .then(([{ mount }]) => mount(frame))
  .catch(() => {
    frame.dataset.state = 'failed';
    frame.querySelector('.waiting-words').textContent = 'This tab is for teachers, or it could not be loaded. Sign in, or reload the page.';
  });
