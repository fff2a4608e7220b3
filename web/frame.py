"""What stands around the tabs: the title, the loop strip and the chip at the foot.

The chip names the version that a visitor sees; it comes back with the next answer, so that
title and Model tab are drawn anew only where another version has come into use.
"""

from html import escape
from pathlib import Path

from inference.classifier import Classifier
from inference.versions.cards import Card, TrainingFacts, name_for_display
from web.serving import Service

_MAX_NAMES = 4  # classes that fit into a heading
_PROVIDERS = {"cpu": "CPU", "cuda": "CUDA", "tensorrt": "TensorRT", "openvino": "OpenVINO"}


def draw_title(card: Card, example_labels: frozenset[str] = frozenset()) -> str:
    """Return the page's heading: what the model can tell apart.

    `example_labels`: right answers of the examples, which are shown where the model knows them.
    """
    logo = (Path(__file__).parent / "icon.svg").read_text(encoding="utf-8")
    examples = "yes" if example_labels <= set(card.class_names) else "no"
    return (
        f'<h1 data-examples="{examples}"><span class="logo" aria-hidden="true">{logo}</span>'
        f"{escape(ask(card))}</h1>"
    )


def ask(card: Card) -> str:
    """Return the question that the page answers, such as `Hot dog or not hot dog?`."""
    names = sorted(card.class_names, key=lambda name: name == card.catch_all)
    if not 1 < len(names) <= _MAX_NAMES:
        return "What is it?"
    words = name_for_display(", ".join(names[:-1])) + " or " + names[-1].replace("_", " ")
    return f"{words}?"


def draw_strip(service: Service, classifier: Classifier) -> str:
    """Return the loop in four steps with live counts, each a link to where it happens."""
    card = classifier.card
    steps = (
        ("pictures", f"{count_images(card.data.counts):,}", name_images(card)),
        ("training", *describe_training(card.training)),
        ("download", format_size(classifier), f"frozen: version {card.version}"),
        ("try", f"{service.answered:,}", "answered here"),
    )
    items = "".join(
        f'<li><a href="#{place}"><b>{escape(strong)}</b> <span>{escape(rest)}</span></a></li>'
        for place, strong, rest in steps
    )
    return f'<ol class="strip" aria-label="How this page came to its answers">{items}</ol>'


def name_images(card: Card) -> str:
    """Return what the images are that a card counts, and how many are kept as numbers only."""
    if not is_taught(card):
        return "labelled pictures"
    remembered = count_images(card.data.remembered)
    return "labelled here" + (f", {remembered:,} remembered" if remembered else "")


def is_taught(card: Card) -> bool:
    """Tell whether a card is of a version that was trained on a page."""
    return card.training.kind is not None


def draw_chip(classifier: Classifier, milliseconds: float | None = None) -> str:
    """Return the chip that says who answered; it leads to the Model tab."""
    card = classifier.card
    parts = [
        f"{card.model}, version {card.version}",
        name_provider_for_display(classifier.provider),
    ]
    if milliseconds is not None:
        parts.append(f"{max(1, round(milliseconds))} ms")
    words = escape(" · ".join(parts).replace("the ", ""))
    return (
        f'<a class="chip" href="#model" data-version="{name_version(classifier)}" '
        f'aria-label="About the model: {words}">{words}</a>'
    )


def name_version(classifier: Classifier) -> str:
    """Return what tells one version from all others, such as `hotdog/1`.

    By its folder, whose names were checked: a card from elsewhere may say anything.
    """
    return f"{classifier.folder.parent.name}/{classifier.folder.name}"


def format_size(classifier: Classifier) -> str:
    """Return the size of a model's file; a version that just answered may be deleted by now."""
    try:
        size = (classifier.folder / "model.onnx").stat().st_size
    except FileNotFoundError:
        return "gone"
    return f"{size / 1e6:.1f} MB"


def count_images(counts: object) -> int:
    """Return the sum of all whole numbers in nested counts, such as split → class → images."""
    if isinstance(counts, dict):
        return sum(count_images(value) for value in counts.values())
    return counts if isinstance(counts, int) else 0


def describe_training(training: TrainingFacts) -> tuple[str, str]:
    """Return how long training took and on what, as far as the card says it."""
    device = training.device
    place = f"trained on {name_provider_for_display(device)}" if device else "trained"
    return format_minutes(training.minutes), place


def format_minutes(minutes: float | None) -> str:
    """Return a time as people say it."""
    if minutes is None:
        return "once"
    if minutes < 1:
        seconds = max(1, round(60 * minutes))
        return "1 second" if seconds == 1 else f"{seconds} seconds"
    if minutes < 90:
        return "1 minute" if round(minutes) == 1 else f"{minutes:.0f} minutes"
    return f"{minutes / 60:.1f} hours"


def name_provider_for_display(provider: str) -> str:
    """Return a provider as people write it: `cpu` → `the CPU`."""
    name = _PROVIDERS.get(provider, provider)
    return f"the {name}" if name == "CPU" else name
