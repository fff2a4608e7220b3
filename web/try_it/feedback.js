() => {
  // The browser's half of feedback.py: what is it, may it be kept, thank you, undo.

  const UNDO = 10000; // milliseconds

  const part = (wrong, name) => wrong.querySelector(`.${name}`);

  function show(wrong, state) {
    wrong.dataset.state = state;
    part(wrong, 'quiet').setAttribute('aria-expanded', String(['ask', 'consent'].includes(state)));
    part(wrong, state)?.focus();
  }

  function ask(wrong, label, words) {
    wrong.dataset.label = label;
    part(wrong, 'chosen').textContent = words;
    show(wrong, 'consent');
  }

  async function post(place, values) {
    try {
      const response = await fetch(place, {
        method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(values),
      });
      return await response.json();
    } catch {
      return { error: 'This did not arrive. Check the connection and try again.' };
    }
  }

  function say(wrong, answer) {
    part(wrong, 'said').textContent = answer.error || answer.sentence;
    part(wrong, 'said').classList.toggle('failed', Boolean(answer.error));
  }

  async function send(wrong) {
    show(wrong, 'sending');
    const { upload, label } = wrong.dataset;
    const answer = await post('suggestions', { upload, label, agreed: true });
    show(wrong, answer.error ? 'closed' : 'thanked');
    say(wrong, answer);
    if (!answer.undo) return void keepFocus(wrong);
    const undo = part(wrong, 'undo');
    undo.hidden = false;
    undo.dataset.undo = answer.undo;
    undo.focus();
    setTimeout(() => {
      const focused = document.activeElement === undo;
      undo.hidden = true;
      if (focused) keepFocus(wrong);
    }, UNDO);
  }

  // What had the focus is gone: without another place the keyboard would begin at the page's top.
  function keepFocus(wrong) {
    const open = part(wrong, 'quiet');
    const said = part(wrong, 'said');
    said.tabIndex = -1;
    (open.checkVisibility() ? open : said).focus();
  }

  async function undo(wrong, button) {
    button.hidden = true;
    const answer = await post('suggestions/withdraw', { undo: button.dataset.undo });
    say(wrong, answer);
    if (!answer.error) show(wrong, 'closed');
    if (document.activeElement === document.body) keepFocus(wrong);
  }

  const acts = {
    open: (wrong) => {
      part(wrong, 'said').textContent = '';
      show(wrong, wrong.dataset.state === 'closed' ? 'ask' : 'closed');
    },
    close: (wrong) => {
      show(wrong, 'closed');
      part(wrong, 'quiet').focus();
    },
    type: (wrong) => {
      part(wrong, 'typed').hidden = false;
      wrong.querySelector('input').focus();
    },
    send,
    undo,
  };

  document.addEventListener('click', (event) => {
    const button = event.target.closest('.wrong button');
    if (!button) return;
    const wrong = button.closest('.wrong');
    if ('label' in button.dataset) ask(wrong, button.dataset.label, button.textContent);
    else acts[button.dataset.wrong]?.(wrong, button);
  });
  document.addEventListener('submit', (event) => {
    const wrong = event.target.closest('.wrong');
    if (!wrong) return;
    event.preventDefault();
    const typed = new FormData(event.target).get('label').trim();
    if (typed) ask(wrong, typed, typed);
  });
}
