() => {
  // Publishes, resets and deletes versions, wherever a button says so by `data-act`: around it stand
  // the model, the version's number and a place for what became of it. Whatever shows versions draws
  // them anew at the event `renew`, whose `detail` is the sentence to say.

  const ACTS = ['publish', 'reset', 'delete'];
  const FAILED = { error: 'This did not arrive. Check the connection and try again.' };

  async function post(act, values) {
    try {
      const response = await fetch(`versions/${act}`, {
        method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(values),
      });
      return await response.json();
    } catch {
      return FAILED;
    }
  }

  async function change(button, act) {
    const list = button.closest('[data-model]');
    const version = Number(button.closest('[data-number]')?.dataset.number || 0);
    button.disabled = true;
    const answer = await post(act, { model: list.dataset.model, version });
    button.disabled = false;
    list.querySelector('.said').textContent = answer.error || answer.sentence;
    if (!answer.error) window.dispatchEvent(new CustomEvent('renew', { detail: answer.sentence }));
  }

  function make(words, attributes = {}) {
    const button = Object.assign(document.createElement('button'), { type: 'button', textContent: words });
    for (const [name, value] of Object.entries(attributes)) button.setAttribute(name, value);
    return button;
  }

  function confirmDelete(button) {
    const row = button.parentElement;
    const kept = [...row.childNodes];
    const { number } = button.closest('[data-number]').dataset;
    const sure = make('Delete for good', { class: 'danger', 'aria-label': `Delete version ${number} for good` });
    const cancel = make('Keep it');
    sure.addEventListener('click', () => change(sure, 'delete'));
    cancel.addEventListener('click', () => {
      row.replaceChildren(...kept);
      button.focus();
    });
    row.replaceChildren('It cannot be brought back. The pictures stay.', sure, cancel);
    cancel.focus();
  }

  document.addEventListener('click', (event) => {
    const button = event.target.closest('[data-model] button');
    const act = button?.dataset.act;
    if (act === 'delete') confirmDelete(button);
    else if (ACTS.includes(act)) change(button, act);
  });
}
