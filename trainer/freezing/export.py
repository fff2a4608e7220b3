"""From a finished run to an immutable version: freeze, prove, measure, write, rename."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from safetensors.torch import load_file, save_file
from scipy.special import softmax
from torch import Tensor

from inference.atomic_files import staging_folder
from inference.certainty import remember
from inference.providers import open_session
from inference.versions.cards import (
    Card,
    DataCounts,
    Parent,
    Thresholds,
    TrainingFacts,
    read_card,
)
from inference.versions.catalog import Catalog
from inference.versions.comparison import Comparison, write_comparison
from trainer.cards.plots import write_report
from trainer.data.dataset import Dataset, LabelledImage, halve_validation
from trainer.data.replay_memory import Remembered, make_rows, write_memory
from trainer.evaluation.calibration import (
    ALONE,
    Known,
    fit_temperature,
    fit_thresholds,
    measure_unseen,
)
from trainer.evaluation.predictions import Predictions, predict
from trainer.evaluation.reliability import measure_trust
from trainer.finetuning import run_folder as runs
from trainer.finetuning.loop import load_chosen, make_geometry
from trainer.finetuning.weights import CHECKPOINT, CHOSEN
from trainer.freezing.graph import build_graph, set_temperature
from trainer.freezing.parity import prove_parity
from trainer.freezing.version_folder import (
    Version,
    answer_probes,
    hash_graph,
    list_libraries,
    write_version,
)
from trainer.progress import Progress

_REMEMBERED = 1500  # training images whose embeddings are kept


@dataclass(frozen=True)
class Frozen:
    """The graph of a run, with its predictions for all that is remembered or measured."""

    run: Path
    graph: onnx.ModelProto
    card: Card
    remembered: Predictions
    val: Predictions
    test: Predictions


def export_run(folder: Path, exported: Path, progress: Progress, licence: str = "") -> Version:
    """Freeze a finished run into the next version and put it into use.

    Raises: UserInputError where the run is missing or unfinished; ParityError if the frozen
    graph does not predict what the trained model does. Then nothing changes under `exported`.
    """
    frozen = freeze_run(folder, progress)
    catalog, model = Catalog(exported), frozen.card.model
    current = catalog.read_current(model)
    parent = None if current is None else Parent(model=model, version=current)
    card = frozen.card.model_copy(update={"licence": licence, "parent": parent})
    version = save(replace(frozen, card=card), catalog.reserve(model))
    catalog.publish(model, version.card.version)
    mark_exported(frozen.run, version)
    return version


def mark_exported(run: Path, version: Version) -> None:
    """Note that a run became a version, so that the next one starts afresh."""
    names = {"model": version.card.model, "version": version.card.version}
    runs.write_json(run / "version.json", names)


def save(frozen: Frozen, target: Path, comparison: Comparison | None = None) -> Version:
    """Write a folder with all of a version and make it the reserved one by one rename.

    `target`: what `Catalog.reserve` returned.
    """
    card = frozen.card.model_copy(update={"version": int(target.name)})
    with staging_folder(target.parent) as staging:
        if comparison:
            write_comparison(staging, comparison)
        card = _write(staging, replace(frozen, card=card))
        staging.rename(target)
    return Version(target, card, comparison)


def freeze_run(folder: Path, progress: Progress) -> Frozen:
    """Build the graph, calibrate it on validation, prove parity, then measure on test, once.

    Raises: UserInputError where the run is missing or unfinished; ParityError.
    """
    options, result = runs.read_options(folder), runs.read_result(folder)
    dataset = runs.read_images(folder)
    model = load_chosen(folder, dataset)
    geometry = make_geometry(model, options.size, result.geometry)
    progress.say("Freezing the model.")
    graph = build_graph(model, geometry, temperature=1.0)

    def predict_all(session: ort.InferenceSession, images: Sequence[LabelledImage]) -> Predictions:
        return predict(session, images, dataset.class_names, geometry, progress)

    val = predict_all(open_session(graph.SerializeToString()), dataset.select("val"))
    used = _choose_calibrating(val)
    temperature = fit_temperature(used.logits, used.targets)
    val = replace(val, probabilities=softmax(val.logits / temperature, axis=1))
    set_temperature(graph, temperature)
    session = open_session(graph.SerializeToString())
    gap = prove_parity(session, model, geometry, temperature, _shuffle(dataset.select("val")))
    progress.say(f"Parity with PyTorch: probabilities differ by at most {gap:.5f}.")
    remembered = predict_all(session, _choose_remembered(dataset))
    known = _join_known(remembered, val)
    thresholds = _fit_thresholds(known, val)
    test = predict_all(session, dataset.select("test"))
    card = Card(
        model=options.model,
        version=0,
        class_names=dataset.class_names,
        input=geometry,
        temperature=temperature,
        thresholds=thresholds,
        backbone=options.backbone,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        catch_all=options.catch_all if options.catch_all in dataset.class_names else None,
        probes=answer_probes(session),
        data=_describe_data(dataset, val),
        training=_describe_training(folder, gap),
        metrics={"validation": val.measure()} | ({"test": test.measure()} if test.images else {}),
        libraries=list_libraries(),
        graph_sha256=hash_graph(graph),
    )
    if test.images:
        memory = remember(known.embeddings, known.targets, card.class_names, thresholds)
        trust = measure_trust(session, card, memory, test, progress)
        card = card.model_copy(update={"trust": trust})
    return Frozen(folder, graph, card, remembered, val, test)


def _write(staging: Path, frozen: Frozen) -> Card:
    """Write all files of a version; returns the card with their hashes."""
    run = frozen.run
    _write_checkpoint(staging / CHECKPOINT, load_file(run / CHOSEN))
    write_memory(staging, _make_memory(frozen.remembered, frozen.val))
    measured = frozen.test if frozen.test.images else frozen.val
    write_report(staging / "report", frozen.card, runs.read_history(run), measured)
    return write_version(staging, frozen.graph, frozen.card)


def _write_checkpoint(path: Path, weights: dict[str, Tensor]) -> None:
    """Write weights to train on from, with convolution kernels (4 dimensions) as float16."""
    save_file({n: w.half() if w.ndim == 4 else w for n, w in weights.items()}, path)
    path.chmod(0o644)  # it is written readable by its owner alone


def _make_memory(remembered: Predictions, val: Predictions) -> Remembered:
    """Return what the version remembers: training images, then all validation images."""
    images = [*remembered.images, *val.images]
    return make_rows(
        np.concatenate([remembered.embeddings, val.embeddings]),
        np.concatenate([remembered.targets, val.targets]).tolist(),
        [number >= len(remembered.images) for number in range(len(images))],
        [image.sha256 for image in images],
        [image.group for image in images],
    )


def _choose_remembered(dataset: Dataset) -> list[LabelledImage]:
    """Return the same share of every class and source, chosen by content hash."""
    train = sorted(dataset.select("train"), key=lambda image: image.sha256)
    share = min(1.0, _REMEMBERED / len(train))
    kept: list[LabelledImage] = []
    for group in sorted({(p.label, p.source) for p in train}):
        members = [p for p in train if (p.label, p.source) == group]
        kept += members[: max(1, round(share * len(members)))]
    return kept


def _shuffle(images: Sequence[LabelledImage]) -> list[LabelledImage]:
    """Return the images in an order that does not depend on class or name."""
    return sorted(images, key=lambda image: image.sha256)


def _choose_calibrating(val: Predictions) -> Predictions:
    """Return the predictions for those validation images that calibrate."""
    _, calibrates = halve_validation(val.images)
    return val.select(np.array(calibrates, dtype=bool))


def _join_known(remembered: Predictions, val: Predictions) -> Known:
    groups = [image.group for image in (*remembered.images, *val.images)]
    _, numbers, counts = np.unique(groups, return_inverse=True, return_counts=True)
    return Known(
        np.concatenate([remembered.embeddings, val.embeddings]),
        np.concatenate([remembered.targets, val.targets]),
        np.where(counts[numbers] > 1, numbers, ALONE),
    )


def _fit_thresholds(known: Known, val: Predictions) -> Thresholds:
    first = len(known.targets) - len(val.targets)
    asked = np.arange(first, len(known.targets))
    distances, measure = measure_unseen(known, asked, val.class_names)
    used = _choose_calibrating(val)
    return fit_thresholds(used.probabilities, used.targets, val.class_names, distances, measure)


def _describe_data(dataset: Dataset, val: Predictions) -> DataCounts:
    calibrating = _choose_calibrating(val).targets
    return DataCounts(
        sha256=dataset.sha256,
        counts=dataset.counts(),
        calibrating={
            name: int((calibrating == target).sum())
            for target, name in enumerate(dataset.class_names)
        },
        left_out=len(dataset.left_out),
    )


def _describe_weights(path: Path) -> dict[str, str]:
    """Return the name of weights, and of those that their version or run started from.

    As far as it is known: that version or run may have been deleted.
    """
    folder = path.parent
    if path.name == CHECKPOINT and (folder / "model.json").is_file():
        card = read_card(folder)
        name, before = f"{card.model}/{card.version}", card.training.model_dump()
    elif path.name == CHOSEN and (folder / "run.json").is_file():
        name, before = f"run {folder.name}", runs.read_settings(folder)
        if before["weights"]:
            before |= _describe_weights(Path(before["weights"]))
    else:
        return {"weights": path.name}
    first = before.get("first_weights") or before.get("weights")
    return {"weights": name} | ({"first_weights": str(first)} if first else {})


def _describe_training(folder: Path, gap: float) -> TrainingFacts:
    result = runs.read_result(folder)
    options = runs.read_settings(folder)
    if options["weights"] is not None:  # the name says enough; the folder is private
        options |= _describe_weights(Path(options["weights"]))
    facts = {
        **options,
        "last_epoch": result.epoch,
        "tuned": result.tuned,
        "shares": result.shares,
        "bias": result.bias,
        "geometries": result.geometries,
        "probe_accuracy": result.probe_accuracy,
        "minutes": round(result.seconds / 60, 1),
        "device": result.device,
        "processes": result.processes,
        "parity": round(gap, 6),
    }
    return TrainingFacts.model_validate(facts)
