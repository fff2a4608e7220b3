() => {
  // Links to places on the page, and what follows the model that answers: Gradio has neither.

  const TABS = { try: 'Try it', teach: 'Teach', model: 'Model' };
  const IN_CARD = { pictures: 'Training data', training: 'Training procedure' };
  const TRIES = 100; // frames that a place may take to appear

  function open(place) {
    const tab = TABS[place] || TABS.model;
    [...document.querySelectorAll('#tabs [role=tab]')].find((t) => t.textContent.trim() === tab)?.click();
    if (place in TABS) scrollTo({ top: 0 });
    else show(place, TRIES);
  }

  function show(place, tries) {
    const target = place in IN_CARD ? findInCard(IN_CARD[place]) : document.getElementById(place);
    if (!target) return void (tries && requestAnimationFrame(() => show(place, tries - 1)));
    target.tabIndex = -1;
    target.scrollIntoView();
    target.focus({ preventScroll: true });
  }

  function findInCard(heading) { // a version without a card has a sentence there
    document.querySelector('#card > button:not(.open)')?.click();
    const headings = [...document.querySelectorAll('#card h2')];
    return headings.length ? headings.find((h) => h.textContent.trim() === heading) || headings[0]
      : document.querySelector('#card .prose p');
  }

  function follow() { // what another model or version changes beyond what the server draws
    const title = document.querySelector('#title h1');
    const examples = document.querySelector('.examples');
    if (title && document.title !== title.textContent) document.title = title.textContent;
    if (title && examples) examples.hidden = title.dataset.examples !== 'yes';
    document.querySelectorAll('.label-wrap').forEach((fold) => {
      fold.setAttribute('aria-expanded', String(fold.classList.contains('open')));
    });
  }

  document.addEventListener('click', (event) => {
    const link = event.target.closest('a[href^="#"]');
    const button = event.target.closest('button');
    if (link) {
      event.preventDefault(); // Gradio's <base> would leave the page
      open(link.hash.slice(1));
    } else if (button?.matches('.label-wrap')) setTimeout(follow); // when Gradio has turned it
  });
  new MutationObserver(follow).observe(document.body, { childList: true, subtree: true });
  follow();
  if (location.hash) open(location.hash.slice(1));
}
