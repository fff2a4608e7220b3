() => {
  // Remembers which model was chosen, for this visit. What changes versions or models elsewhere asks
  // for the page to be drawn anew by `window.dispatchEvent(new Event('renew'))`; what leads to a
  // model's answers chooses it by `new CustomEvent('choose-model', { detail: 'pets' })`.

  let chosen = ''; // where nothing can be stored, as in a frame of another site

  window.readModel = () => {
    try {
      return sessionStorage.getItem('model') || chosen;
    } catch {
      return chosen;
    }
  };

  window.chooseModel = (model) => {
    chosen = model;
    try {
      sessionStorage.setItem('model', model);
    } catch { /* then it is forgotten when the page is loaded anew */ }
    window.dispatchEvent(new Event('model'));
    return model;
  };

  const renew = () => document.getElementById('renew').click();

  window.addEventListener('renew', renew);
  window.addEventListener('choose-model', (event) => {
    window.chooseModel(event.detail);
    renew();
  });
}
