() => {
  // Links to places on the page and sorting: what Gradio has no component for.

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

  function sort(button) {
    const table = button.closest('.answer').querySelector('table');
    const key = button.dataset.sortBy;
    const pressed = button.getAttribute('aria-pressed') === 'true';
    const head = table.querySelector(`th[data-key=${key}]`);
    const toggles = button.hasAttribute('aria-pressed');
    const by = toggles && pressed ? 'order' : key;
    const down = !toggles && head.getAttribute('aria-sort') === 'ascending';
    const body = table.tBodies[0];
    const rows = [...body.rows].sort((a, b) => compare(a.dataset[by], b.dataset[by]) * (down ? -1 : 1));
    body.append(...rows.filter((row) => !row.matches('.failed')), ...rows.filter((row) => row.matches('.failed')));
    if (by === 'order') body.append(...rows);
    table.querySelectorAll('th').forEach((th) => th.removeAttribute('aria-sort'));
    if (by !== 'order') head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
    const toggle = button.closest('.answer').querySelector('[aria-pressed]');
    toggle.setAttribute('aria-pressed', String(by === 'probability' && !down));
  }

  const compare = (a, b) => a.localeCompare(b, undefined, { numeric: true, sensitivity: 'base' });

  function follow() { // what another network or version changes beyond what the server draws
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
    } else if (button?.dataset.sortBy) sort(button);
    else if (button?.matches('.label-wrap')) setTimeout(follow); // when Gradio has turned it
  });
  new MutationObserver(follow).observe(document.body, { childList: true, subtree: true });
  follow();
  if (location.hash) open(location.hash.slice(1));
}
