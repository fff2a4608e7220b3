"""What a card says in plain sentences: what a model is for, what it is not for, its limits.

Every sentence follows from the card; what was not measured is said not to be.
"""

from collections.abc import Mapping
from typing import Any

from inference.versions.cards import (
    Card,
    Certainty,
    Metrics,
    OutOfDistribution,
    Rate,
    name_for_display,
    name_kind,
    name_split,
)
from trainer.evaluation.corruptions import UNCORRUPTED
from trainer.evaluation.out_of_distribution import NEVER_UNFAMILIAR

FEW = 30  # pictures, under which a group's share says little
_WEAKEST = 3  # kinds that are named
_MOST_SHOWN = 12  # groups that are shown however few pictures each has
_SPLITS = ("test", "locked", "validation")  # the one furthest from training comes first
# What the tag at the end of timm's names of weights stands for.
# Source: https://huggingface.co/docs/timm/models ("pretrained tags").
_PRETRAINED = {"in1k": "ImageNet-1k", "in12k": "ImageNet-12k", "in21k": "ImageNet-21k"}


def choose_split(card: Card) -> str | None:
    """Return the measured split that says most of unseen pictures; None where none was measured."""
    return next((s for s in _SPLITS if s in card.metrics and card.metrics[s].top1.n), None)


def flatten(facts: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Return nested JSON as names and values, in order, without what is empty."""
    pairs: list[tuple[str, Any]] = []
    for key, value in facts.items():
        name = f"{prefix} {key}".strip()
        if isinstance(value, dict):
            pairs += flatten(value, name)
        elif value not in (None, [], (), ""):
            pairs.append((name, value))
    return pairs


def list_uses(card: Card) -> list[str]:
    """Return what a model is for."""
    found = [
        f"Telling {join_names(card)} apart in pictures like those it was trained on: one picture "
        "in, a probability for each class out."
    ]
    if card.catch_all:
        rest = name_for_display(card.catch_all)
        found.append(f"Whatever is none of the other classes should come out as {rest}.")
    return found


def list_wrong_uses(card: Card) -> list[str]:
    """Return what a model is not for."""
    found = [
        "Finding, counting or outlining things in a picture: it classifies the picture as a whole.",
        "Decisions that could harm somebody: it was not evaluated for those.",
    ]
    if not card.catch_all:
        found.insert(
            0,
            "Pictures of anything else: it has no class for them, and picks one of its own anyway.",
        )
    return found


def list_limits(card: Card) -> list[str]:
    """Return where a model falls short, as far as the card's figures tell."""
    split = choose_split(card)
    if split is None:
        return ["How often it is right has not been measured.", *_list_unmeasured(card)]
    metrics = card.metrics[split]
    name = name_split(split)
    found = [
        *_describe_split(split),
        *_describe_classes(metrics, name, card.class_names),
        *_describe_groups(metrics, name),
        *_describe_kinds(card),
        *_describe_pretraining(card, metrics),
        *_describe_coverage(card.trust.certainty.get(split, Certainty()), name),
        *_describe_detection(card.trust.out_of_distribution),
        *_describe_corruptions(card.trust.corruptions),
    ]
    return found + _list_unmeasured(card)


def join_names(card: Card) -> str:
    """Return the classes as people list them: `Hot dog and Not hot dog`."""
    *names, last = [name_for_display(name) for name in card.class_names]
    return f"{', '.join(names)} and {last}" if names else last


def name_group(name: str) -> str:
    """Return a class, a source or both as people write it: `a / hot_dog` → `a / hot dog`."""
    source, slash, label = name.rpartition(" / ")
    return f"{source}{slash}{label.replace('_', ' ')}"


def name_corruptions(corruptions: dict[str, Rate]) -> dict[str, Rate]:
    """Return rates by corruption; that of the pictures as they are is named `nothing`."""
    return {"nothing" if name == UNCORRUPTED else name: rate for name, rate in corruptions.items()}


def leave_out_few(rates: dict[str, Rate]) -> dict[str, Rate]:
    """Return rates to show: of many groups not those with too few pictures for a useful figure."""
    if len(rates) <= _MOST_SHOWN:
        return rates
    return {name: rate for name, rate in rates.items() if rate.n >= FEW}


def describe_wrong(rate: Rate) -> str:
    """Return a rate as its errors: `26 of 314 (8.3%, 95% interval 5.7–11.9%)`."""
    wrong, n = rate.n - rate.correct, rate.n
    low, high = 100 * (1 - rate.high), 100 * (1 - rate.low)
    return f"{wrong:,} of {n:,} ({wrong / n:.1%}, 95% interval {low:.1f}–{high:.1f}%)"


def _describe_split(split: str) -> list[str]:
    if split != "validation":
        return []
    return [
        "There were no test pictures: its figures are of pictures that also chose its settings and "
        "calibrated it, so they may be too good."
    ]


def _describe_classes(metrics: Metrics, split: str, names: tuple[str, ...]) -> list[str]:
    """Return which class is missed most and least, and which were not measured."""
    rates = {name: rate for name, rate in metrics.per_class.items() if rate.n}
    absent = [name_for_display(name) for name in names if name not in rates]
    found = [f"No {split} pictures: {', '.join(absent)}."] if rates and absent else []
    if len(rates) < 2:
        return found
    worst, best = _find_worst(rates), _find_worst(rates, best=True)
    if rates[worst].value == rates[best].value:
        return found
    apart = rates[worst].high < rates[best].low
    words = "" if apart else " The intervals overlap, so this may be chance."
    return [
        f"Of the {split} pictures, {name_for_display(worst)} is missed most often: "
        f"{describe_wrong(rates[worst])}; {name_for_display(best)} least often: "
        f"{describe_wrong(rates[best])}.{words}",
        *found,
    ]


def _describe_groups(metrics: Metrics, split: str) -> list[str]:
    groups = {name: rate for name, rate in metrics.per_group.items() if rate.n}
    many = {name: rate for name, rate in groups.items() if rate.n >= FEW}
    few = [f"{name_group(name)} ({groups[name].n})" for name in groups if name not in many]
    if len(groups) > _MOST_SHOWN:
        few = [f"{len(few)} groups of {len(groups)}"] if few else []
    found = []
    if len(many) > 1:
        worst = _find_worst(many)
        found.append(
            f"The group of {split} pictures that it is wrong on most often is "
            f"{name_group(worst)}: {describe_wrong(many[worst])}."
        )
    if few:
        found.append(
            f"Fewer than {FEW} {split} pictures, too few for a useful figure: {', '.join(few)}."
        )
    return found


def _describe_kinds(card: Card) -> list[str]:
    split, kinds = card.list_kinds()
    if len(kinds) < 2:
        return []
    words = [f"{name_kind(name)} ({describe_wrong(rate)})" for name, rate in kinds[:_WEAKEST]]
    return [f"Of what {name_split(split)} pictures show, it is weakest on {', '.join(words)}."]


def _describe_pretraining(card: Card, metrics: Metrics) -> list[str]:
    """Return which sources the backbone may have seen, where the name of its weights tells it."""
    first = card.training.first_weights or card.training.weights
    weights = (first or "").removesuffix(".safetensors")
    tag = weights.rpartition(".")[2]
    known = next((name for end, name in _PRETRAINED.items() if tag.endswith(end)), None)
    seen = [source for source in metrics.per_source if "imagenet" in source.lower()]
    if known is None or not seen:
        return []
    return [
        f"It started from {weights}, which was trained on {known}, so its accuracy on the pictures "
        f"from {', '.join(seen)} may be too good."
    ]


def _describe_coverage(certainty: Certainty, split: str) -> list[str]:
    """Return the classes whose share of right conformal sets is not what was to be expected."""
    off = [
        f"{name_for_display(name)} {found.rate.value:.1%} (expected "
        f"{100 * found.low:.1f}–{100 * found.high:.1f}%)"
        for name, found in certainty.coverage.items()
        if found.rate.n and not found.low <= found.rate.value <= found.high
    ]
    if not off:
        return []
    return [
        f"The 95% sets behind “Not sure” hold the right class of {split} pictures less or more "
        f"often than expected: {', '.join(off)}."
    ]


def _describe_detection(outside: OutOfDistribution | None) -> list[str]:
    if outside is None:
        return []
    if outside.detected is None:
        return [NEVER_UNFAMILIAR]
    if not outside.detected.n:
        return []
    missed = f"{describe_wrong(outside.detected)} were not detected"
    kinds = {kind: rate for kind, rate in outside.kinds.items() if rate.n}
    worst = _find_worst(kinds) if kinds else ""
    most = f", most often {worst} ({1 - kinds[worst].value:.1%})" if worst else ""
    return [f"Of out-of-distribution pictures, {missed}{most}."]


def _describe_corruptions(corruptions: dict[str, Rate]) -> list[str]:
    """Return the corruption that costs most, beside the pictures as they are."""
    rates = {name: rate for name, rate in corruptions.items() if rate.n}
    plain = rates.pop(UNCORRUPTED, None)
    if not rates:
        return []
    worst = _find_worst(rates)
    against = f"; of the same pictures as they are, {describe_wrong(plain)}" if plain else ""
    return [
        f"Of the corruptions that were tried, {worst} made it wrong most often: "
        f"{describe_wrong(rates[worst])}{against}."
    ]


def _list_unmeasured(card: Card) -> list[str]:
    questions = {
        "how reliable “Not sure” is": card.trust.certainty,
        "how many out-of-distribution pictures it detects": card.trust.out_of_distribution,
        "its accuracy on blurred, dark, turned or compressed pictures": card.trust.corruptions,
    }
    missing = [words for words, measured in questions.items() if not measured]
    return [f"Not measured: {'; '.join(missing)}."] if missing else []


def _find_worst(rates: dict[str, Rate], *, best: bool = False) -> str:
    return sorted(rates, key=lambda name: rates[name].value, reverse=best)[0]
