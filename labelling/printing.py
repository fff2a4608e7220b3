"""What the commands print: a sentence or a table for people, or one line of JSON for programs."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import typer
from rich.console import Console
from rich.table import Column, Table

from labelling.exchange.importing import ImportResult
from labelling.exchange.projects import Project
from labelling.required_images import GOALS
from labelling.store.entries import Counts, Entry


def print_result(values: Any, sentence: str, as_json: bool) -> None:  # noqa: ANN401  (JSON)
    """Print a sentence, or the values that it is about."""
    typer.echo(json.dumps(values, ensure_ascii=False) if as_json else sentence)


def describe_project(project: Project) -> str:
    """Return what a project holds, in a few words."""
    version = "" if project.version is None else f", version {project.version}"
    return f"{project.model}{version}: {project.images:,} labelled pictures"


def describe_import(result: ImportResult) -> str:
    """Return what became of an import, a line for each file that was left out."""
    counts = ", ".join(f"{count:,} {label}" for label, count in result.classes.items())
    lines = [f"Added {result.added:,} pictures" + (f": {counts}." if counts else ".")]
    if result.existed:
        lines.append(f"{result.existed:,} were there already.")
    if result.near:
        lines.append(f"{result.near:,} of the added ones look like others that were there.")
    if result.left_out:
        lines.append(f"{len(result.left_out):,} were left out:")
        lines += [f"  {name}: {reason}" for name, reason in result.left_out.items()]
    return "\n".join(lines)


def describe_enough(groups: int) -> str:
    """Return what a class of so many groups of near-duplicates still lacks."""
    goal = next((goal for goal in GOALS if groups < goal), None)
    return "enough" if goal is None else f"{goal - groups} more for {goal}"


def print_entries(entries: list[Entry], as_json: bool) -> None:
    """Print labels, a row for each."""
    if as_json:
        typer.echo(json.dumps([asdict(entry) for entry in entries], ensure_ascii=False))
        return
    table = Table("label", "class", "model", "state", "split", "who", "created", "file")
    for entry in entries:
        values = (entry.label, entry.model, entry.state, entry.split, entry.who)
        table.add_row(str(entry.id), *values, entry.created[:16], entry.name)
    _print_table(table)


def print_counts(
    models: Mapping[str, Mapping[str, Counts]],
    only: str,
    as_json: bool,
) -> None:
    """Print what each class of each model has and lacks; `only` this class, if it is named."""
    rows = [
        (model, label, asdict(counts) | {"lacks": describe_enough(counts.groups)})
        for model, classes in models.items()
        for label, counts in classes.items()
        if only in ("", label)
    ]
    if as_json:
        values: dict[str, dict[str, Any]] = {model: {} for model in models}
        for model, label, row in rows:
            values[model][label] = row
        typer.echo(json.dumps(values, ensure_ascii=False))
        return
    table = Table("model", Column("class", overflow="fold"), *Counts.__annotations__, "lacks")
    for model, label, row in rows:
        table.add_row(model or "(every)", label, *map(str, row.values()))
    _print_table(table)


def _print_table(table: Table) -> None:
    Console(markup=False, emoji=False).print(table)  # a class may be named [b] or :smile:
