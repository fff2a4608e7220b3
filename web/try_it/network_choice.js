// The browser's half of network_choice.py: remembers which network was chosen, for this visit, and
// asks for the page to be drawn anew. Whatever changes the versions (publishing, deleting) does the
// same by `window.dispatchEvent(new Event('renew'))`; what leads to a network's answers chooses it
// by `window.dispatchEvent(new CustomEvent('choose-network', { detail: 'pets' }))`.

function choose(model) {
  try {
    sessionStorage.setItem('network', model);
  } catch { // then it is forgotten when the page is loaded anew
    const select = element.querySelector('select');
    if (select) select.value = model;
  }
  trigger('input');
  window.dispatchEvent(new Event('network'));
}

element.addEventListener('change', (event) => choose(event.target.value));
window.addEventListener('choose-network', (event) => choose(event.detail));
window.addEventListener('renew', () => trigger('input'));
