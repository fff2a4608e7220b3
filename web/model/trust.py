"""What a card holds beyond accuracy, as HTML: certainty, unfamiliar pictures, spoilt pictures."""

from html import escape
from typing import Any

from inference.statements import NEVER_UNFAMILIAR, name_corruptions
from inference.versions.cards import name_for_display
from web.model.metrics import describe_share, draw_shares, draw_table

_RATES = {
    "unsure": "were answered with “Not sure”",
    "sure_right": "of the answers without doubt were right",
    "unfamiliar": "were called “Unlike anything I was taught”, a false alarm",
}


def draw_trust(trust: dict[str, Any]) -> str:
    """Return what was measured; empty where nothing was."""
    parts = [_draw_certainty(*found) for found in trust.get("certainty", {}).items()]
    parts.append(_draw_outsiders(trust.get("outsiders", {})))
    corruptions = trust.get("corruptions", {})
    if corruptions:
        parts.append(
            "<h3>Spoilt pictures</h3><p>The same pictures, spoilt in one way after the other.</p>"
            + draw_shares("Right when spoilt by", name_corruptions(corruptions))
        )
    return "".join(parts)


def _draw_certainty(split: str, found: dict[str, Any]) -> str:
    items = "".join(
        f"<li><b>{100 * found[key]['value']:.1f}%</b> {words}: {describe_share(found[key])}</li>"
        for key, words in _RATES.items()
        if key in found
    )
    coverage = found.get("coverage", {})
    return (
        f"<h3>Certainty, {escape(name_for_display(split).lower())} pictures</h3>"
        + (f'<ul class="rates">{items}</ul>' if items else "")
        + (_draw_coverage(coverage) if coverage else "")
    )


def _draw_coverage(coverage: dict[str, dict[str, Any]]) -> str:
    rows = [
        [
            name_for_display(name),
            f"{100 * one['rate']['value']:.1f}%",
            f"{100 * one['low']:.1f}–{100 * one['high']:.1f}%",
            f"{one['rate']['n']:,}",
        ]
        for name, one in coverage.items()
    ]
    caption = "How often the right class could not be ruled out; “Not sure” is set for 95%"
    return draw_table(caption, ["", "Held", "Expected (99%)", "Pictures"], rows)


def _draw_outsiders(outsiders: dict[str, Any]) -> str:
    if not outsiders:
        return ""
    parts = ["<h3>Pictures of nothing that was taught</h3>"]
    if "found" in outsiders:
        found = outsiders["found"]
        parts.append(
            f'<p class="headline"><b>{100 * found["value"]:.1f}%</b> were called “Unlike anything '
            f"I was taught”: {describe_share(found)}</p>"
        )
    else:
        parts.append(f"<p>{NEVER_UNFAMILIAR}</p>")
    if "auroc" in outsiders:
        parts.append(
            "<p>Of one such picture and one that it was measured on, the stranger one is known in "
            f"{100 * outsiders['auroc']:.1f}% of all pairs (AUROC).</p>"
        )
    if outsiders.get("kinds"):
        parts.append(draw_shares("By kind", outsiders["kinds"], "Found out"))
    return "".join(parts)
