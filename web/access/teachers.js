() => {
  // What only teachers press outside the Teach tab: signing in and out, and the Versions list.

  const FAILED = { error: 'This did not arrive. Check the connection and try again.' };

  async function post(place, body, type) {
    try {
      const response = await fetch(place, { method: 'POST', headers: { 'Content-Type': type }, body });
      return await response.json();
    } catch {
      return FAILED;
    }
  }

  // ---- signing in ----

  function openForm(button) {
    // In a frame of another site no cookie of ours is kept: sign in on the page itself.
    if (window.self !== window.top) return void window.open(location.href, '_blank');
    const form = button.parentElement.querySelector('form');
    form.hidden = !form.hidden;
    button.setAttribute('aria-expanded', String(!form.hidden));
    if (!form.hidden) form.querySelector('input').focus();
  }

  async function signIn(form) {
    const said = form.querySelector('[role=alert]');
    said.textContent = '';
    const body = new URLSearchParams(new FormData(form)).toString();
    const answer = await post('sign-in', body, 'application/x-www-form-urlencoded');
    if (!answer.error) return location.reload();
    said.textContent = answer.error;
    form.querySelector('input').select();
  }

  async function signOut() {
    await post('sign-out', '', 'text/plain');
    location.reload();
  }

  // ---- versions ----

  function confirmFirst(button) {
    const row = button.closest('.actions');
    const kept = [...row.childNodes];
    const make = (words, act, label) => {
      const made = Object.assign(document.createElement('button'), { type: 'button', className: 'small', textContent: words });
      made.dataset.act = act;
      if (label) made.setAttribute('aria-label', label);
      return made;
    };
    const { number } = button.closest('li').dataset;
    const cancel = make('Keep it', 'keep');
    row.replaceChildren(make('Delete for good', 'sure', `Delete version ${number} for good`), cancel);
    cancel.addEventListener('click', () => {
      row.replaceChildren(...kept);
      button.focus();
    });
    cancel.focus();
  }

  async function change(button, act) {
    const section = button.closest('section');
    const { model } = section.querySelector('.versions').dataset;
    const version = Number(button.closest('li')?.dataset.number || 0);
    button.disabled = true;
    const answer = await post(`versions/${act}`, JSON.stringify({ model, version }), 'application/json');
    button.disabled = false;
    section.querySelector('.said').textContent = answer.error || answer.sentence;
    if (!answer.error) window.dispatchEvent(new Event('renew'));
  }

  const acts = {
    use: (button) => change(button, 'use'),
    reset: (button) => change(button, 'reset'),
    delete: confirmFirst,
    sure: (button) => change(button, 'delete'),
  };

  document.addEventListener('click', (event) => {
    const button = event.target.closest('button');
    if (button?.dataset.sign === 'open') openForm(button);
    else if (button?.dataset.sign === 'out') signOut();
    else if (button?.closest('#versions')) acts[button.dataset.act]?.(button);
  });
  document.addEventListener('submit', (event) => {
    if (!event.target.closest('.sign-in')) return;
    event.preventDefault();
    signIn(event.target);
  });
}
