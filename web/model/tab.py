"""The Model tab: the card as prose, the report's figures, the network to take home."""

from html import escape
from typing import Any

from inference.classifier import Classifier
from inference.statements import flatten, list_limits, list_uses, list_wrong_uses
from inference.versions.cards import Card, InputGeometry, name_for_display
from web.frame import (
    count_pictures,
    format_minutes,
    format_size,
    is_taught,
    name_provider_for_display,
    name_version,
)
from web.model.metrics import draw_metrics
from web.model.snippets import draw_snippets
from web.model.trust import draw_trust
from web.model.versions import draw_versions
from web.serving import Service

_PLOTS = {
    "learning_curves.png": "Learning curves: loss and accuracy while it learned",
    "confusion.png": "Confusion matrix: what pictures are against what was answered",
    "reliability.png": "Reliability diagram: said probability against the share that was right",
    "groups.png": "Share answered rightly in each group of pictures, with 95% intervals",
    "worst.png": "The worst mistakes: the surest wrong answers",
}
_PHOTOS = ("worst.png",)  # never turned dark, as plots are
_SPLITS = {"train": "Training", "val": "Validation", "test": "Test", "locked": "Locked"}
_GEOMETRIES = {
    "crop": "the middle square of the picture",
    "squash": "the whole picture, squashed to a square",
    "pad": "the whole picture with grey bars",
}


def draw_model(service: Service, classifier: Classifier, may_teach: bool) -> str:
    """Return the whole tab: what the card says, and nothing that it does not say.

    `may_teach`: with what only a teacher may do to versions.
    """
    card, folder = classifier.card, classifier.folder
    versions = draw_versions(
        service.catalog, folder.parent.name, int(folder.name), may_teach=may_teach
    )
    sections = (
        (
            "model",
            f"{name_for_display(card.model)}, version {card.version}",
            _draw_about(classifier),
        ),
        ("uses", "What it is for", _draw_uses(card)),
        ("pictures", "Labelled pictures", _draw_pictures(card)),
        ("training", "Training", _draw_training(card)),
        ("accuracy", "How often it is right", _draw_accuracy(card)),
        ("trust", "How far to trust it", draw_trust(card.trust)),
        ("limits", "Limits", _draw_list(list_limits(card))),
        ("report", "Figures", draw_plots(classifier)),
        ("versions", "Versions", versions),
        ("download", "Take it home", _draw_download(classifier)),
        ("code", "Call it from code", draw_snippets()),
    )
    return "".join(
        f'<section id="{place}" tabindex="-1"><h2>{escape(title)}</h2>{body}</section>'
        for place, title, body in sections
        if body
    )


def draw_plots(classifier: Classifier) -> str:
    """Return the report's plots that there are, each with words for who cannot see it."""
    report = classifier.folder / "report"
    address = f"report/{name_version(classifier)}"
    plots = "".join(
        f'<figure class="plot{" photos" if name in _PHOTOS else ""}">'
        f'<a href="{address}/{name}" target="_blank">'
        f'<img src="{address}/{name}" alt="{alt}" loading="lazy"></a>'
        f"<figcaption>{alt}</figcaption></figure>"
        for name, alt in _PLOTS.items()
        if (report / name).is_file()
    )
    link = f'<p><a href="{address}/report.html" target="_blank">The whole report</a></p>'
    return plots + (link if (report / "report.html").is_file() else "")


def draw_facts(facts: dict[str, Any]) -> str:
    """Return plain JSON as a list of names and values, nested names joined."""
    items = "".join(
        f"<div><dt>{escape(name_for_display(name))}</dt><dd>{escape(value)}</dd></div>"
        for name, value in describe_facts(facts)
    )
    return f'<dl class="facts">{items}</dl>' if items else ""


def draw_details(title: str, facts: dict[str, Any]) -> str:
    """Return the same list folded away under a title."""
    body = draw_facts(facts)
    return f"<details><summary>{title}</summary>{body}</details>" if body else ""


def describe_facts(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """Return nested JSON as names and values that people read, in order."""
    return [(name, format_value(value)) for name, value in flatten(facts)]


def format_value(value: object) -> str:
    """Return a JSON value as people write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return ", ".join(format_value(item) for item in value)
    return str(value)


def describe_input(geometry: InputGeometry) -> str:
    """Return one sentence on what the network sees of a picture."""
    part = _GEOMETRIES[geometry.geometry]
    return (
        f"It looks at {part}, scaled to {geometry.size} × {geometry.size} pixels inside the "
        "network itself, so any picture goes in as it is."
    )


def _draw_about(classifier: Classifier) -> str:
    card = classifier.card
    *names, last = [f"<b>{escape(name_for_display(name))}</b>" for name in card.class_names]
    provider = name_provider_for_display(classifier.provider)
    catch_all = (
        f" Whatever is none of the others is <b>{escape(name_for_display(card.catch_all))}</b>."
        if card.catch_all
        else ""
    )
    parent = (
        f"<p>It was taught on from {escape(format_parent(card.parent))}.</p>" if card.parent else ""
    )
    return (
        f"<p>This network tells {', '.join(names)} from {last}.{catch_all} "
        f"{describe_input(card.input)}</p>"
        f"<p>It is a <b>{escape(card.backbone)}</b>, made {escape(card.created[:10])}, and it "
        f"runs here on <b>{escape(provider)}</b>.</p>{parent}"
    )


def format_parent(parent: dict[str, Any]) -> str:
    """Return a parent as `hotdog, version 3`, or all that is known of it."""
    if {"model", "version"} <= parent.keys():
        return f"{parent['model']}, version {parent['version']}"
    return ", ".join(f"{name} {value}" for name, value in describe_facts(parent))


def _draw_uses(card: Card) -> str:
    return f"{_draw_list(list_uses(card))}<p>Not for:</p>{_draw_list(list_wrong_uses(card))}"


def _draw_list(sentences: list[str]) -> str:
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f'<ul class="sentences">{items}</ul>'


def _draw_pictures(card: Card) -> str:
    counts = card.data.get("counts", {})
    others = {name: value for name, value in card.data.items() if name != "counts"}
    sentence = describe_pictures(card)
    body = f"<p>{sentence}</p>" + draw_counts(counts, card.class_names) if sentence else ""
    return body + draw_details("More on the data", others)


def describe_pictures(card: Card) -> str:
    """Return in a sentence or two what a version learned from and what it was measured on."""
    counts, remembered = card.data.get("counts", {}), card.data.get("remembered", {})
    total = count_pictures(counts)
    if not is_taught(card):
        words = f"It learned from, and was measured on, {total:,} labelled pictures."
        return words if total else ""
    locked = sum(count_pictures(counts.get(split, {})) for split in ("locked", "test"))
    learned = _list_parts(total - locked, remembered.get("train", 0))
    measured = _list_parts(locked, remembered.get("validation", 0))
    return f"It learned from {learned}. Locked for comparing, and never learned from: {measured}."


def _list_parts(here: int, remembered: int) -> str:
    """Return such as `3 pictures labelled here and 1,428 remembered as numbers`."""
    words = f"{here:,} {'picture' if here == 1 else 'pictures'} labelled here"
    return words + (f" and {remembered:,} remembered as numbers" if remembered else "")


def _draw_accuracy(card: Card) -> str:
    kind = str(card.training.get("kind", ""))
    return draw_metrics(card.metrics, card.class_names, kind)


def draw_counts(counts: dict[str, Any], class_names: tuple[str, ...]) -> str:
    """Return a table of how many pictures of each class each split holds."""
    if not all(isinstance(split, dict) for split in counts.values()):
        return draw_facts(counts)
    heads = "".join(
        f'<th scope="col" class="number">{escape(name_for_display(name))}</th>'
        for name in class_names
    )
    rows = "".join(
        f'<tr><th scope="row">{escape(_SPLITS.get(split, name_for_display(split)))}</th>'
        + "".join(f'<td class="number">{of_class.get(name, 0):,}</td>' for name in class_names)
        + "</tr>"
        for split, of_class in counts.items()
    )
    return (
        '<div class="scroll"><table class="figures"><caption>Pictures of each class</caption>'
        f"<thead><tr><td></td>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _draw_training(card: Card) -> str:
    minutes = card.training.get("minutes")
    sentence = f"<p>Training took {format_minutes(minutes)}.</p>" if minutes is not None else ""
    settings = {**card.training, "temperature": card.temperature}
    return sentence + draw_details("All settings", settings)


def _draw_download(classifier: Classifier) -> str:
    card = classifier.card
    model, version = classifier.folder.parent.name, classifier.folder.name
    address = f"model.onnx?model={model}&amp;version={version}"
    licence = f"<p>{escape(card.licence)}</p>" if card.licence else ""
    prose = f"README.md?model={model}&amp;version={version}"
    links = (
        f'<p>The card as a file: <a href="{prose}" target="_blank">read README.md</a>, or '
        f'<a href="{prose}" download="README.md">download it</a>. The Hugging Face Hub takes it '
        "for a model card, beside the network.</p>"
        if (classifier.folder / "README.md").is_file()
        else ""
    )
    return (
        "<p>One file holds the network, its preprocessing and this card. Anything that runs "
        "ONNX runs it, without this page.</p>"
        f'<p><a class="button" href="{address}" download="{model}-{version}.onnx">'
        f"Download model.onnx ({format_size(classifier)})</a></p>{links}{licence}"
        + draw_details("Made with", dict(card.libraries))
    )
