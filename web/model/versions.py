"""The Model tab's list of versions: what each knows, where it came from, and what to do with it."""

from dataclasses import dataclass
from html import escape
from pathlib import Path

from inference.errors import UserInputError
from inference.versions.cards import Card, Rate, read_card
from inference.versions.catalog import Catalog
from inference.versions.comparison import read_comparison
from inference.versions.folders import read_current
from web.frame import count_pictures

_SPLITS = {"test": "test", "validation": "validation", "locked": "locked"}


@dataclass(frozen=True)
class Listed:
    """One version as the list shows it. `accuracy`: a share with its `value` and `n`."""

    folder: Path
    card: Card
    is_taught: bool
    accuracy: Rate | None
    measured_on: str

    @property
    def number(self) -> int:
        """Its number, which is its folder's name."""
        return int(self.folder.name)


def list_versions(catalog: Catalog, model: str) -> list[Listed]:
    """Return a model's versions, newest first; one that cannot be read is left out."""
    found = []
    for number, folder in sorted(catalog.list_versions(model).items(), reverse=True):
        try:
            card = read_card(folder)
        except (UserInputError, OSError):
            continue
        taught = catalog.is_taught(model, number)
        found.append(Listed(folder, card, taught, *find_accuracy(folder, card)))
    return found


def find_accuracy(folder: Path, card: Card) -> tuple[Rate | None, str]:
    """Return a version's top-1 accuracy and what it was measured on.

    Where it was compared with another on locked pictures, that; else what its card says.
    """
    compared = read_comparison(folder)
    if compared is not None and compared.new.top1.n:
        return compared.new.top1, "locked"
    for split, name in _SPLITS.items():
        measured = card.metrics.get(split)
        if measured is not None and measured.top1.n:
            return measured.top1, name
    return None, ""


def draw_versions(catalog: Catalog, model: str, in_use: int, *, may_teach: bool) -> str:
    """Return the list; `may_teach`: with what only a teacher may do."""
    items = "".join(
        _draw_version(listed, listed.number == in_use, may_teach)
        for listed in list_versions(catalog, model)
    )
    reset = _draw_reset(catalog, model, in_use) if may_teach else ""
    return (
        f'{reset}<p class="said" role="status"></p>'
        f'<ol class="versions" data-model="{escape(model)}">{items}</ol>'
    )


def _draw_version(listed: Listed, in_use: bool, may_teach: bool) -> str:
    number = listed.number
    badge = ' <span class="badge">in use</span>' if in_use else ""
    return (
        f'<li data-number="{number}"><h3>Version {number}{badge}</h3>'
        f"<p>{escape(describe(listed))}</p>{_draw_buttons(listed, in_use, may_teach)}</li>"
    )


def describe(listed: Listed) -> str:
    """Return a version in one line, such as `2026-11-24 · ships with the page · 5,042 pictures`."""
    card = listed.card
    parts = [card.created[:10], "taught here" if listed.is_taught else "ships with the page"]
    if card.parent is not None:
        parts[-1] += f" from {card.parent.model}, version {card.parent.version}"
    pictures = count_pictures(card.data.counts)
    if pictures:
        remembered = count_pictures(card.data.remembered)
        more = f" and {remembered:,} remembered" if remembered else ""
        parts.append(f"{pictures:,} pictures{more}, {len(card.class_names)} classes")
    if listed.accuracy:
        share, n = 100 * listed.accuracy.value, listed.accuracy.n
        parts.append(f"{share:.1f}% right of {n:,} {listed.measured_on} pictures")
    return " · ".join(parts)


def _draw_buttons(listed: Listed, in_use: bool, may_teach: bool) -> str:
    model, number = escape(listed.folder.parent.name), listed.number
    buttons = [
        f'<a class="small" href="model.onnx?model={model}&amp;version={number}" '
        f'download="{model}-{number}.onnx" aria-label="Download version {number} as ONNX">'
        "Download ONNX</a>"
    ]
    if (listed.folder / "README.md").is_file():
        buttons.append(
            f'<a class="small" href="README.md?model={model}&amp;version={number}" '
            f'download="README.md" aria-label="Download the card of version {number}">'
            "Download card</a>"
        )
    if may_teach and not in_use:
        buttons.insert(0, _draw_button("use", f"Use version {number}", "Use this one"))
        if listed.is_taught:
            buttons.append(_draw_button("delete", f"Delete version {number}", "Delete"))
    return f'<div class="actions">{"".join(buttons)}</div>'


def _draw_button(act: str, label: str, words: str) -> str:
    return (
        f'<button type="button" class="small" data-act="{act}" aria-label="{label}">'
        f"{words}</button>"
    )


def _draw_reset(catalog: Catalog, model: str, in_use: int) -> str:
    """Return the way back to what ships, where something else is in use."""
    shipped = read_current(catalog.exported / model)
    is_it = shipped == in_use and not catalog.is_taught(model, in_use)
    if shipped is None or is_it:
        return ""
    words = f"Back to the shipped one (version {shipped})"
    return f'<p class="actions">{_draw_button("reset", words, words)}</p>'
