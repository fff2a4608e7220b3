"""A model's versions: the list on the Model tab and in Teach, and what a teacher does with them.

`versions.js` posts to the routes; both tabs show the list that `draw_versions` returns.
"""

from dataclasses import dataclass
from datetime import datetime
from html import escape
from pathlib import Path

from starlette.responses import Response
from starlette.routing import BaseRoute

from inference.versions.cards import Card, Rate, name_for_display, read_card
from inference.versions.catalog import Catalog
from inference.versions.comparison import read_comparison
from inference.versions.integrity import find_fault
from labelling.audit_log import record, record_published
from web.access.rules import Access
from web.access.teacher_routes import Call, get, post, reply
from web.frame import count_images
from web.serving import Service

_SHOWN = 2  # the newest, and the one in use; older ones are folded
_KINDS = {"head": "Quick", "finetune": "Deep"}
_SPLITS = {"test": "test", "locked": "held-out", "validation": "validation"}


@dataclass(frozen=True)
class Listed:
    """One version as the list shows it. `accuracy` was `measured_on` a split."""

    folder: Path
    card: Card
    is_custom: bool
    is_compared: bool
    accuracy: Rate | None
    measured_on: str

    @property
    def number(self) -> int:
        """Its number, which is its folder's name."""
        return int(self.folder.name)


@dataclass(frozen=True)
class Damaged:
    """A version that cannot be opened, and the sentence that says why."""

    folder: Path
    is_custom: bool
    fault: str

    @property
    def number(self) -> int:
        """Its number, which is its folder's name."""
        return int(self.folder.name)


def list_versions(catalog: Catalog, model: str) -> list[Listed | Damaged]:
    """Return a model's versions, newest first, with those that cannot be opened."""
    return [
        _read_version(folder, catalog.is_custom(model, number))
        for number, folder in reversed(catalog.list_versions(model).items())
    ]


def _read_version(folder: Path, is_custom: bool) -> Listed | Damaged:
    """Its accuracy is on the images on which it was compared, else what its card says."""
    fault = find_fault(folder)
    if fault is not None:
        return Damaged(folder, is_custom, fault)
    card, compared = read_card(folder), read_comparison(folder)
    is_compared = compared is not None
    if compared is not None and compared.new.top1.n:
        return Listed(folder, card, is_custom, is_compared, compared.new.top1, _SPLITS["locked"])
    for split, name in _SPLITS.items():
        measured = card.metrics.get(split)
        if measured is not None and measured.top1.n:
            return Listed(folder, card, is_custom, is_compared, measured.top1, name)
    return Listed(folder, card, is_custom, is_compared, None, "")


# Routes


def make_version_routes(service: Service, access: Access) -> list[BaseRoute]:
    """Return what a teacher may ask for and do; JSON in and out."""
    catalog = service.catalog

    def show(call: Call) -> Response:
        model = call.get_text("model")
        in_use = catalog.read_current(model)
        return reply({"html": draw_versions(catalog, model, in_use, may_compare=True)})

    def publish(call: Call) -> Response:
        model = call.get_text("model")
        before, version = catalog.read_current(model), call.get_number("version")
        catalog.publish(model, version)
        record_published(catalog.data, call.who, model, version, before)
        return reply(_describe_current(service, model))

    def reset(call: Call) -> Response:
        model = call.get_text("model")
        record(catalog.data, call.who, "reset", model=model, version=catalog.reset(model))
        return reply(_describe_current(service, model))

    def delete(call: Call) -> Response:
        model, version = call.get_text("model"), call.get_number("version")
        catalog.delete(model, version)
        record(catalog.data, call.who, "deleted", model=model, version=version)
        return reply({"model": model, "sentence": f"Version {version} is deleted."})

    return [
        get(access, "/versions", show),
        post(access, "/versions/publish", publish),
        post(access, "/versions/reset", reset),
        post(access, "/versions/delete", delete),
    ]


def _describe_current(service: Service, model: str) -> dict[str, object]:
    """Return which version answers from now on, having opened it."""
    version = int(service.open(model).folder.name)
    sentence = service.find_fault(model) or f"Version {version} answers from now on."
    return {"model": model, "version": version, "sentence": sentence}


# The list


def draw_versions(
    catalog: Catalog,
    model: str,
    in_use: int | None,
    *,
    public: set[int] | None = None,
    may_compare: bool = False,
) -> str:
    """Return the list.

    `in_use`: None for a model without a version. `public`: the versions that a visitor sees; None
    for a teacher, who sees all and what can be done with them. `may_compare`: where comparisons
    are shown.
    """
    may_teach = public is None
    versions = [v for v in list_versions(catalog, model) if public is None or v.number in public]
    if not versions:
        name = escape(name_for_display(model))
        return f'<p class="soft">{name} has no version yet. The first comes from Train.</p>'
    drawn = [_draw_version(one, in_use, may_teach, may_compare) for one in versions]
    first = [i for i, one in enumerate(versions) if i < _SHOWN or one.number == in_use]
    older = "".join(item for i, item in enumerate(drawn) if i not in first)
    count = len(drawn) - len(first)
    return (
        f'<div class="versions" data-model="{escape(model)}" data-current="{in_use or ""}">'
        f'<p class="said" role="status"></p>{_draw_reset(catalog, model, in_use, may_teach)}'
        f"<ol>{''.join(drawn[i] for i in first)}</ol>"
        + (f"<details><summary>{count} older</summary><ol>{older}</ol></details>" if older else "")
        + "</div>"
    )


def _draw_version(
    listed: Listed | Damaged, in_use: int | None, may_teach: bool, may_compare: bool
) -> str:
    if isinstance(listed, Damaged):
        return _draw_damaged(listed, in_use, may_teach)
    number = listed.number
    badge = ' <span class="badge">in use</span>' if number == in_use else ""
    buttons = _list_teacher_buttons(listed, in_use, may_compare) if may_teach else []
    compared = " data-compared" if listed.is_compared else ""
    return (
        f'<li data-number="{number}"{compared}><b>Version {number}</b>{badge}'
        f"<p>{escape(describe(listed))}</p>"
        f'<div class="actions">{"".join([*buttons, *_list_downloads(listed)])}</div></li>'
    )


def _draw_damaged(damaged: Damaged, in_use: int | None, may_teach: bool) -> str:
    number = damaged.number
    is_deletable = may_teach and damaged.is_custom and number != in_use
    delete = _draw_button("delete", "Delete", f"Delete version {number}") if is_deletable else ""
    return (
        f'<li data-number="{number}" data-damaged><b>Version {number}</b> '
        f'<span class="badge damaged">cannot be opened</span><p>{escape(damaged.fault)}</p>'
        f'<div class="actions">{delete}</div></li>'
    )


def describe(listed: Listed) -> str:
    """Return a version in one line, such as `24 Nov 2026 · Shipped · 5,042 pictures, 2 classes`."""
    card = listed.card
    came = _KINDS.get(card.training.kind or "", "Trained here") if listed.is_custom else "Shipped"
    if card.parent is not None and listed.is_custom:
        same = card.parent.model == listed.folder.parent.name
        model = "" if same else f"{card.parent.model}, "
        came += f", from {model}version {card.parent.version}"
    parts = [_format_date(card.created, with_time=listed.is_custom), came]
    images = count_images(card.data.counts)
    if images:
        remembered = count_images(card.data.remembered)
        more = f" and {remembered:,} remembered" if remembered else ""
        parts.append(f"{images:,} pictures{more}, {len(card.class_names)} classes")
    if listed.accuracy:
        accuracy, n = 100 * listed.accuracy.value, listed.accuracy.n
        parts.append(f"{accuracy:.1f}% right on {n:,} {listed.measured_on} pictures")
    return " · ".join(parts)


def _format_date(created: str, *, with_time: bool) -> str:
    """Return a card's time as people write it, by this machine's clock."""
    try:
        when = datetime.fromisoformat(created).astimezone()
    except ValueError:
        return created[:10]  # a card from elsewhere may say anything
    return f"{when.day} {when:%b %Y, %H:%M}" if with_time else f"{when.day} {when:%b %Y}"


def _list_teacher_buttons(listed: Listed, in_use: int | None, may_compare: bool) -> list[str]:
    number, buttons = listed.number, []
    if may_compare and listed.is_compared:
        buttons.append(_draw_button("compare", "Compare", f"Compare version {number}"))
    if number != in_use:
        words = "Roll back to" if in_use is not None and number < in_use else "Use"
        buttons.append(_draw_button("publish", f"{words} this one", f"{words} version {number}"))
        if listed.is_custom:
            buttons.append(_draw_button("delete", "Delete", f"Delete version {number}"))
    return buttons


def _list_downloads(listed: Listed) -> list[str]:
    model, number = escape(listed.folder.parent.name), listed.number
    links = [
        f'<a href="model.onnx?model={model}&amp;version={number}" '
        f'download="{model}-{number}.onnx" aria-label="Download version {number} as ONNX">'
        "Download ONNX</a>"
    ]
    if (listed.folder / "README.md").is_file():
        links.append(
            f'<a href="README.md?model={model}&amp;version={number}" '
            f'download="README.md" aria-label="Download the card of version {number}">'
            "Download card</a>"
        )
    return links


def _draw_button(act: str, words: str, label: str) -> str:
    return f'<button type="button" data-act="{act}" aria-label="{label}">{words}</button>'


def _draw_reset(catalog: Catalog, model: str, in_use: int | None, may_teach: bool) -> str:
    """Return the way back to what ships, where something else is in use."""
    shipped = catalog.read_shipped(model)
    if not may_teach or in_use is None or shipped is None:
        return ""
    if shipped == in_use and not catalog.is_custom(model, in_use):
        return ""
    words = f"Back to the shipped one (version {shipped})"
    return f'<p class="actions">{_draw_button("reset", words, words)}</p>'
