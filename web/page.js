() => {
  // Links to places on the page, copy buttons and sorting: what Gradio has no component for.

  const TABS = { try: 'Try it', teach: 'Teach', model: 'Model' };

  function open(place) {
    const target = document.getElementById(place);
    const tab = TABS[place] || TABS.model;
    [...document.querySelectorAll('#tabs [role=tab]')].find((t) => t.textContent.trim() === tab)?.click();
    if (place in TABS) return scrollTo({ top: 0 });
    requestAnimationFrame(() => {
      const section = target || document.getElementById(place);
      section?.scrollIntoView();
      section?.focus({ preventScroll: true });
    });
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

  async function copy(button) {
    const text = button.closest('figure').querySelector('code').textContent;
    const words = button.textContent;
    button.textContent = (await write(text)) ? 'Copied' : 'Select and copy by hand';
    setTimeout(() => { button.textContent = words; }, 2000);
  }

  async function write(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      return false; // no HTTPS, or not allowed
    }
  }

  function follow() { // what another network or version changes beyond what the server draws
    const title = document.querySelector('#title h1');
    const examples = document.querySelector('.examples');
    if (title && document.title !== title.textContent) document.title = title.textContent;
    if (title && examples) examples.hidden = title.dataset.examples !== 'yes';
    fillAddresses();
  }

  function fillAddresses() {
    const address = location.origin + location.pathname;
    document.querySelectorAll('[data-address]').forEach((span) => {
      if (span.textContent !== address) span.textContent = address;
    });
  }

  document.addEventListener('click', (event) => {
    const link = event.target.closest('a[href^="#"]');
    const button = event.target.closest('button');
    if (link) {
      event.preventDefault(); // Gradio's <base> would leave the page
      open(link.hash.slice(1));
    } else if (button?.dataset.sortBy) sort(button);
    else if (button?.classList.contains('copy')) copy(button);
  });
  new MutationObserver(follow).observe(document.body, { childList: true, subtree: true });
  follow();
  if (location.hash) open(location.hash.slice(1));
}
