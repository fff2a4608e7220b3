"""The answer for one image as HTML: the verdict, how sure, every class, and why.

Everything that came from outside (class names, sentences) is escaped here and nowhere else.
"""

from html import escape

from inference.certainty import UNFAMILIAR, UNSURE
from inference.classifier import Prediction
from inference.versions.cards import Card, name_for_display
from web.frame import name_provider_for_display
from web.try_it.heatmap import Overlay, make_lookup

EMPTY = """<div class="answer empty"><p>Choose a picture, and the answer appears here.</p></div>"""

_CERTAINTIES = {
    UNSURE: (
        "Not sure",
        "Another class cannot be ruled out. A closer, brighter picture of just one thing may help.",
    ),
    UNFAMILIAR: (
        "Unlike anything I was taught",
        "Take this answer lightly, or try a plain photo of one thing.",
    ),
}
_ICONS = {
    "good": '<path d="M3 13l6 6L21 5"/>',
    "bad": '<path d="M4 4l16 16M20 4L4 20"/>',
}


def draw_answer(  # noqa: PLR0913, PLR0917  (one argument a part of the answer)
    prediction: Prediction,
    card: Card,
    overlay: Overlay,
    preview: str | None,
    token: int,
    more: str = "",
) -> str:
    """Return the whole answer for one image.

    `preview`: the image itself, where the visitor's browser cannot show it. `token` says to
    which choice this is the answer. `more`: what stands at the end, such as That's wrong.
    """
    label = name_for_display(prediction.label)
    tone = choose_tone(prediction.label, card)
    picture = f' data-preview="{escape(preview)}"' if preview else ""
    return (
        f'<div class="answer single" data-token="{token}"{picture}>'
        f'<h2 class="verdict {tone}">{draw_icon(tone)}<span>{escape(label)}</span></h2>'
        f'<p class="sentence">{escape(describe(prediction))}</p>'
        f"{_draw_certainty(prediction)}{draw_bars(prediction, card)}"
        f"{_draw_why(prediction, overlay)}{more}</div>"
    )


def draw_error(sentence: str, token: int) -> str:
    """Return a sentence that stands where the verdict would."""
    return (
        f'<div class="answer error" data-token="{token}"><h2>No answer</h2>'
        f"<p>{escape(sentence)}</p></div>"
    )


def choose_tone(label: str, card: Card) -> str:
    """Return `good`, `bad` or `plain`: green and red only where one of two means "none of it"."""
    if card.catch_all is None or len(card.class_names) != 2:
        return "plain"
    return "bad" if label == card.catch_all else "good"


def describe(prediction: Prediction) -> str:
    """Return one sentence such as `97% sure · 31 ms on the CPU`; no `sure` where doubt follows."""
    top = format_percent(max(prediction.probabilities.values()))
    sureness = top if prediction.certainty in _CERTAINTIES else f"{top} sure"
    milliseconds = max(1, round(prediction.milliseconds))
    provider = name_provider_for_display(prediction.provider)
    return f"{sureness} · {milliseconds} ms on {provider}"


def format_percent(probability: float) -> str:
    """Return a probability in whole percent that never claims more than it is."""
    if probability >= 0.995:
        return "over 99%"
    if probability < 0.005:
        return "under 1%"
    return f"{100 * probability:.0f}%"


def draw_icon(tone: str) -> str:
    """Return the tick or the cross, which a screen reader passes over: the words say it."""
    if tone not in _ICONS:
        return ""
    return f'<svg class="icon" viewBox="0 0 24 24" aria-hidden="true">{_ICONS[tone]}</svg>'


def draw_bars(prediction: Prediction, card: Card) -> str:
    """Return a bar for every class, most probable first, each with its number in words."""
    rows = "".join(
        f'<tr class="{choose_tone(name, card)}"><th scope="row">{escape(name_for_display(name))}'
        f'</th><td class="bar"><span style="width:{100 * value:.1f}%"></span></td>'
        f"<td>{format_percent(value)}</td></tr>"
        for name, value in prediction.probabilities.items()
    )
    return f'<table class="bars"><caption>Probability of each class</caption>{rows}</table>'


def _draw_certainty(prediction: Prediction) -> str:
    if prediction.certainty not in _CERTAINTIES:
        return ""
    words, help_sentence = _CERTAINTIES[prediction.certainty]
    return f'<p class="certainty"><strong>{words}.</strong> {help_sentence}</p>'


def _draw_why(prediction: Prediction, overlay: Overlay) -> str:
    place = f"{overlay.left:.3f} {overlay.top:.3f} {overlay.width:.3f} {overlay.height:.3f}"
    label, *others = (f"<em>{escape(name_for_display(n))}</em>" for n in prediction.probabilities)
    rather = f" rather than for {others[0]}, the runner-up" if others else ""
    return (
        f'<details class="why" data-heat="{overlay.source}" data-place="{place}">'
        f"<summary>Why?</summary>{_explain(f'spoke for {label}{rather}', overlay)}</details>"
    )


def _explain(spoke: str, overlay: Overlay) -> str:
    if overlay.blank:
        return f"<p>No one place in the picture {spoke}.</p>"
    cropped = overlay.left > 0 or overlay.top > 0
    frame = " The model looked at nothing outside the frame." if cropped else ""
    return (
        f"<p>Coloured is where the picture {spoke}. Brightness is relative: the strongest place "
        f"of each picture is the brightest.{frame}</p>{draw_legend()}"
    )


def draw_legend() -> str:
    """Return the colours of the heatmap as they are laid on, in words too, and their strength."""
    steps = [tuple(colour) for colour in make_lookup()[::15].tolist()]
    colours = ", ".join(f"rgb({r} {g} {b} / {a / 255:.2f})" for r, g, b, a in steps)
    return (
        '<div class="legend"><span>not at all</span>'
        f'<i style="background:linear-gradient(90deg, {colours})"></i><span>most</span></div>'
        '<label class="strength">Strength '
        '<input type="range" min="0" max="100" value="75" aria-label="Strength of the heatmap">'
        "</label>"
    )
