() => {
  // The browser's half of similar.py: asks when the section is opened, once.

  const WAITING = 'Looking through the labelled pictures…';
  const LOST = 'This did not arrive. Close this and open it again.';

  async function ask(upload) {
    try {
      const response = await fetch('teach/similar', {
        method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ upload }),
      });
      return await response.json();
    } catch {
      return { error: LOST };
    }
  }

  function draw({ sha256, label, alike, name }) {
    const item = document.createElement('li');
    const image = new Image();
    image.alt = name || label;
    image.onerror = () => {
      item.classList.add('gone');
      image.replaceWith(Object.assign(document.createElement('span'), { textContent: 'Deleted meanwhile' }));
    };
    image.src = `teach/images/${sha256}?size=320`;
    const words = ['b', 'small'].map((kind) => document.createElement(kind));
    [words[0].textContent, words[1].textContent] = [label, alike];
    item.append(image, ...words);
    return item;
  }

  async function fill(section) {
    const said = section.querySelector('.said');
    section.dataset.state = 'busy';
    said.textContent = WAITING;
    const { error, sentence, pictures = [] } = await ask(section.dataset.upload);
    section.dataset.state = error ? 'failed' : 'filled';
    said.textContent = error || sentence;
    said.classList.toggle('failed', Boolean(error));
    section.querySelector('.found').replaceChildren(...pictures.map(draw));
  }

  document.addEventListener('toggle', (event) => {
    const section = event.target;
    if (!section.classList?.contains('similar') || !section.open) return;
    if (!['busy', 'filled'].includes(section.dataset.state)) fill(section);
  }, true);
}
