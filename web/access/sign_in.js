() => {
  // Signing in and out, at the foot of the page.

  const FAILED = { error: 'This did not arrive. Check the connection and try again.' };

  const TRIES = 60; // while others try to sign in too, about a minute

  async function post(place, body, type, crowded = () => {}) {
    try {
      for (let tries = 1; ; tries += 1) {
        const response = await fetch(place, { method: 'POST', headers: { 'Content-Type': type }, body });
        if (response.status !== 503 || tries === TRIES) return await response.json();
        crowded();
        await new Promise((done) => { setTimeout(done, 500 + 1000 * Math.random()); });
      }
    } catch {
      return FAILED;
    }
  }

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
    const crowded = () => { said.textContent = 'Others are trying to sign in too. Yours is next in a moment.'; };
    const answer = await post('sign-in', body, 'application/x-www-form-urlencoded', crowded);
    if (!answer.error) return location.reload();
    said.textContent = answer.error;
    form.querySelector('input').select();
  }

  async function signOut() {
    await post('sign-out', '', 'text/plain');
    location.reload();
  }

  document.addEventListener('click', (event) => {
    const button = event.target.closest('button');
    if (button?.dataset.sign === 'open') openForm(button);
    else if (button?.dataset.sign === 'out') signOut();
  });
  document.addEventListener('submit', (event) => {
    if (!event.target.closest('.sign-in')) return;
    event.preventDefault();
    signIn(event.target);
  });
}
