// The browser's half of network_choice.py: remembers which network was chosen, for this visit, and
// asks for the page to be drawn anew. Whatever changes the versions (publishing, deleting) does the
// same by `window.dispatchEvent(new Event('renew'))`.

element.addEventListener('change', (event) => {
  try {
    sessionStorage.setItem('network', event.target.value);
  } catch { /* then it is forgotten when the page is loaded anew */ }
  trigger('input');
  window.dispatchEvent(new Event('network'));
});
window.addEventListener('renew', () => trigger('input'));
