() => {
  // Sorts the table of several answers; files without one stay at its end.

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

  document.addEventListener('click', (event) => {
    const button = event.target.closest('[data-sort-by]');
    if (button) sort(button);
  });
}
