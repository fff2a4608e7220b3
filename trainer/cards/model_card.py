"""A version's `README.md`: the card in the Hub's format, written from what was measured.

`trainer.freezing.version_folder` writes it with every version. A version's folder can be pushed to
the Hub as it is: `huggingface_hub.ModelCard` reads the front matter, accuracy by split and group
included.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from huggingface_hub.repocard_data import EvalResult, ModelCardData

from inference.versions.cards import Card, Rate, name_for_display
from trainer.cards.plots import MISTAKES
from trainer.cards.sections import (
    PLOTS,
    escape,
    write_data,
    write_details,
    write_evaluation,
    write_licence,
    write_limits,
    write_procedure,
    write_reproduction,
    write_trust,
    write_usage,
    write_uses,
)
from trainer.cards.statements import join_names, leave_out_few
from trainer.evaluation.predictions import Mistake

FILE = "README.md"
# A note that begins so is clear. Source: https://huggingface.co/docs/hub/repositories-licenses
_CLEAR = re.compile(
    r"The weights are (Apache-2\.0|MIT|CC0-1\.0|CC-BY-4\.0|CC-BY-SA-4\.0|BSD-3-Clause)\b(?!\s+or\b)"
)


def write_model_card(folder: Path, card: Card) -> None:
    """Write `README.md` into a version's folder, whose `report/` is there already if it has one."""
    report = folder / "report"
    plots = [name for name in PLOTS if (report / f"{name}.png").is_file()]
    found = report / "mistakes.json"
    mistakes = MISTAKES.validate_json(found.read_bytes()) if found.is_file() else []
    (folder / FILE).write_text(draft_model_card(card, plots, mistakes), encoding="utf-8")


def draft_model_card(card: Card, plots: Sequence[str], mistakes: Sequence[Mistake] = ()) -> str:
    """Return the whole file; `plots`: those of `PLOTS` that lie in `report/`."""
    sections = {
        "Model details": write_details(card),
        "Uses": write_uses(card),
        "How to use it": write_usage(card),
        "Training data": write_data(card),
        "Training procedure": write_procedure(card),
        "Evaluation": write_evaluation(card, plots, mistakes),
        "Trust": write_trust(card),
        "Limits": write_limits(card),
        "Licence": write_licence(card),
        "Reproduce it": write_reproduction(card),
    }
    body = "\n\n".join(f"## {title}\n\n{text}" for title, text in sections.items() if text)
    summary = f"A picture classifier in one ONNX file. It tells {escape(join_names(card))} apart."
    title = escape(name_for_display(card.model))
    return f"---\n{make_metadata(card).to_yaml()}\n---\n\n# {title}\n\n{summary}\n\n{body}\n"


def make_metadata(card: Card) -> ModelCardData:
    """Return what the Hub reads of a card: tags, licence, base model and accuracies."""
    licence = find_licence(card)
    return ModelCardData(
        model_name=card.model,
        library_name="onnx",
        pipeline_tag="image-classification",
        tags=["image-classification", "onnx", "onnxruntime", "timm"],
        metrics=["accuracy"],
        base_model=find_base_model(card),
        eval_results=list_results(card) or None,
        license=licence.get("license"),
        license_name=licence.get("license_name"),
    )


def find_base_model(card: Card) -> str | None:
    """Return the timm weights that training began with, by their name on the Hub.

    None where the card does not name them.
    """
    first = card.training.first_weights or card.training.weights
    weights = (first or "").removesuffix(".safetensors")
    name = card.backbone if weights == "hub" else weights
    backbone, _, tag = name.partition(".")
    return f"timm/{name}" if tag and backbone == card.backbone.partition(".")[0] else None


def find_licence(card: Card) -> dict[str, str]:
    """Return the licence as the Hub names it; `other` where the note leaves a doubt."""
    if not card.licence:
        return {}
    clear = _CLEAR.match(card.licence)
    if clear and not card.training.kind:
        return {"license": clear[1].lower()}
    return {"license": "other", "license_name": "as-noted-in-this-card"}


def list_results(card: Card) -> list[EvalResult]:
    """Return accuracy (0–1) on each split, and on each class, source and group of it."""
    found = []
    for split, measured in card.metrics.items():
        found.append(_make_result(card, split, "default", measured.top1))
        for rates in (
            measured.per_class,
            leave_out_few(measured.per_source),
            leave_out_few(measured.per_group),
            measured.per_kind,
        ):
            found += [_make_result(card, split, name, rate) for name, rate in rates.items()]
    return found


def _make_result(card: Card, split: str, group: str, rate: Rate) -> EvalResult:
    return EvalResult(
        task_type="image-classification",
        dataset_type="imagefolder",
        dataset_name=f"Labelled pictures of {card.model}",
        dataset_config=group,
        dataset_split=split,
        metric_type="accuracy",
        metric_value=rate.value,
        metric_name=f"Accuracy (n = {rate.n:,})",
    )
