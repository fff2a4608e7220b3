"""Several images at once: a table that can be sorted, and the same as CSV.

Not a `gr.Dataframe`: at 390 pixels that breaks the answers in two, squeezes the sentence of a file
that could not be read into one column, and scrolls inside the page.
"""

import base64
import csv
import io
import re
from dataclasses import dataclass
from html import escape

from inference.classifier import Prediction
from inference.versions.cards import Card, name_for_display
from web.try_it.verdict import choose_tone, draw_icon, format_percent

THUMBNAIL = 96  # pixels
# A spreadsheet takes a cell that begins so for a formula and may run it.
# Source: https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(frozen=True)
class Row:
    """One file of several: its prediction and thumbnail, or the sentence that says why not."""

    name: str
    prediction: Prediction | None = None
    thumbnail: str = ""
    error: str = ""

    @property
    def probability(self) -> float:
        """Probability of the label; 2 for a file without an answer, so that it sorts last."""
        return max(self.prediction.probabilities.values()) if self.prediction else 2.0


def draw_progress(done: int, total: int, token: int) -> str:
    """Return a calm bar that stands where the table will."""
    return (
        f'<div class="answer working" data-token="{token}"><p>Looked at {done} of {total}</p>'
        f'<progress value="{done}" max="{total}" aria-label="Pictures looked at"></progress></div>'
    )


def draw_table(rows: list[Row], card: Card, token: int) -> str:
    """Return the table of all answers with its two buttons."""
    failed = sum(row.prediction is None for row in rows)
    read = f"{len(rows) - failed} answered" + (f", {failed} not read" if failed else "")
    link = base64.b64encode(write_csv(rows, card).encode()).decode("ascii")
    body = "".join(_draw_row(row, order, card) for order, row in enumerate(rows))
    return (
        f'<div class="answer many" data-token="{token}"><h2>{len(rows)} pictures</h2>'
        f'<p class="sentence">{read}</p><div class="buttons">'
        '<button type="button" data-sort-by="probability" aria-pressed="false">Least sure first'
        f'</button><a class="button" download="answers.csv" href="data:text/csv;base64,{link}">'
        'Download CSV</a></div><div class="scroll" tabindex="0" role="region" '
        'aria-label="Answers"><table class="answers"><thead><tr><td></td>'
        f"{_draw_heads()}</tr></thead><tbody>{body}</tbody></table></div></div>"
    )


def write_csv(rows: list[Row], card: Card) -> str:
    """Return name, label, certainty, every class's probability and error as CSV, a row a file."""
    text = io.StringIO()
    writer = csv.writer(text)
    heads = ["name", "label", "certainty", *card.class_names, "error"]
    for cells in (heads, *(_list_cells(row, card) for row in rows)):
        writer.writerow([guard_cell(cell) for cell in cells])
    return text.getvalue()


def guard_cell(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell


def _list_cells(row: Row, card: Card) -> list[str]:
    if row.prediction is None:
        return [row.name, "", "", *[""] * len(card.class_names), row.error]
    values = [f"{row.prediction.probabilities[name]:.6f}" for name in card.class_names]
    return [row.name, row.prediction.label, row.prediction.certainty, *values, ""]


def _draw_heads() -> str:
    heads = (("name", "Name", ""), ("verdict", "Answer", ""), ("probability", "Sure", "number"))
    return "".join(
        f'<th scope="col" class="{kind}" data-key="{key}">'
        f'<button type="button" data-sort-by="{key}">{title}</button></th>'
        for key, title, kind in heads
    )


def _draw_row(row: Row, order: int, card: Card) -> str:
    name, shown = escape(row.name), _draw_name(row.name)
    keys = f'data-order="{order}" data-name="{name}" data-probability="{row.probability:.6f}"'
    if row.prediction is None:
        return (
            f'<tr class="failed" {keys} data-verdict=""><td><span class="blank"></span></td>'
            f'<td class="name" colspan="3"><b>{shown}</b> {escape(row.error)}</td></tr>'
        )
    label = escape(name_for_display(row.prediction.label))
    tone = choose_tone(row.prediction.label, card)
    return (
        f'<tr {keys} data-verdict="{label}"><td><img src="{row.thumbnail}" alt=""></td>'
        f'<td class="name">{shown}</td><td class="label {tone}">{draw_icon(tone)}{label}</td>'
        f'<td class="number">{format_percent(row.probability)}</td></tr>'
    )


def _draw_name(name: str) -> str:
    """Return a file's name, which may break after what stands between its words."""
    return re.sub(r"([_\-.])(?=.)", r"\1<wbr>", escape(name))
