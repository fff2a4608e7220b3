"""The card's measurements as HTML: every accuracy with its n and its 95% interval."""

from collections.abc import Sequence
from html import escape
from typing import Any

from inference.statements import name_group
from inference.versions.cards import name_for_display

_LOCKED = ("Locked", "Pictures that are kept for comparing: it never learned from them.")
_SPLITS = {
    "validation": (
        "Validation",
        "Pictures kept apart from training, used to choose and to calibrate.",
    ),
    "test": ("Test", "Pictures kept apart: it never learned from them."),
    "locked": _LOCKED,
}
# What was taught on the page; after Quick the last fit has learned from what was held out in turn.
_TAUGHT = {
    "quick": {
        "validation": (
            "Held out in turn",
            "Each picture answered by a fit that had not learned from it, used to choose and to "
            "calibrate. The last fit then learned from those that were labelled here.",
        )
    },
    "deep": {"test": _LOCKED},
}
_BREAKDOWNS = {
    "per_class": "By class",
    "per_source": "By source of the pictures",
    "per_group": "By source and class",
}


def draw_metrics(metrics: dict[str, Any], class_names: tuple[str, ...], kind: str = "") -> str:
    """Return a section for each split that was measured, what was never learned from first.

    `kind`: `quick` or `deep` for what was taught on the page.
    """
    splits = sorted(metrics, key=lambda split: split not in ("test", "locked"))
    return "".join(draw_split(split, metrics[split], class_names, kind) for split in splits)


def draw_split(
    split: str, measured: dict[str, Any], class_names: tuple[str, ...], kind: str = ""
) -> str:
    """Return what was measured on one split; a measurement may be missing."""
    meanings = {**_SPLITS, **_TAUGHT.get(kind, {})}
    title, meaning = meanings.get(split, (name_for_display(split), ""))
    parts = [f"<h3>{escape(title)}</h3>", f"<p>{meaning}</p>" if meaning else ""]
    if "top1" in measured:
        parts.append(_draw_headline(measured["top1"]))
    if "ece" in measured:
        parts.append(
            f"<p>Said and true probability differ by {100 * measured['ece']:.1f} points on "
            "average (expected calibration error).</p>"
        )
    tables = [
        draw_shares(caption, {name_group(name): share for name, share in measured[key].items()})
        for key, caption in _BREAKDOWNS.items()
        if measured.get(key)
    ]
    if measured.get("confusion"):
        tables.append(draw_confusion(measured["confusion"], class_names))
    if tables:
        parts.append(f'<div class="tables">{"".join(tables)}</div>')
    return f'<section class="split">{"".join(parts)}</section>'


def draw_shares(caption: str, shares: dict[str, dict[str, Any]], right: str = "Right") -> str:
    """Return a table of shares, of what is answered rightly or else, each with n and interval."""
    rows = [
        [name, _format_share(share["value"]), _format_interval(share), f"{share['n']:,}"]
        for name, share in shares.items()
    ]
    return draw_table(caption, ["", right, "95% interval", "Pictures"], rows)


def draw_table(caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table whose first column is a name and whose others are numbers."""
    first, *others = heads
    columns = "".join(f'<th scope="col" class="number">{escape(head)}</th>' for head in others)
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(f'<td class="number">{escape(value)}</td>' for value in values)
        + "</tr>"
        for name, *values in rows
    )
    return (
        f'<div class="scroll"><table class="figures"><caption>{escape(caption)}</caption>'
        f'<thead><tr><th scope="col">{escape(first)}</th>{columns}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def draw_confusion(counts: list[list[int]], class_names: tuple[str, ...]) -> str:
    """Return the confusion matrix: a row for what a picture is, a column for what was answered."""
    names = [escape(name_for_display(name)) for name in class_names]
    heads = "".join(f'<th scope="col" class="number">{name}</th>' for name in names)
    rows = "".join(
        f'<tr><th scope="row">{name}</th>'
        + "".join(
            f'<td class="number{" right" if i == j else ""}">{count:,}</td>'
            for j, count in enumerate(row)
        )
        + "</tr>"
        for i, (name, row) in enumerate(zip(names, counts, strict=True))
    )
    return (
        '<div class="scroll"><table class="figures"><caption>What pictures are (rows) and what '
        "was answered (columns)</caption><thead><tr><td></td>"
        f"{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def describe_share(share: dict[str, Any]) -> str:
    """Return the n and the interval of a share."""
    return (
        f"{share['correct']:,} of {share['n']:,} pictures, 95% interval {_format_interval(share)}"
    )


def _draw_headline(top1: dict[str, Any]) -> str:
    return (
        f'<p class="headline"><b>{_format_share(top1["value"])}</b> right: '
        f"{describe_share(top1)}</p>"
    )


def _format_share(value: float) -> str:
    return f"{100 * value:.1f}%"


def _format_interval(share: dict[str, Any]) -> str:
    return f"{100 * share['low']:.1f}–{100 * share['high']:.1f}%"
