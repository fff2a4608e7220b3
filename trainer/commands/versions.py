"""Listing the versions of a model, and putting one of them into use.

Commands: `python -m trainer versions --model NAME` and `python -m trainer publish VERSION`.
"""

from pathlib import Path

from pydantic import BaseModel

from inference.errors import UserInputError
from inference.versions.cards import Parent, Rate, read_card
from inference.versions.catalog import Catalog
from inference.versions.integrity import find_fault
from labelling.audit_log import name_command_line, record, record_published
from trainer.evaluation.metrics import describe_rate

SHIPPED = "shipped"


class VersionRow(BaseModel):
    """A version in a list. `custom`: made here; `top1`: the rate that its card gives last.

    `fault`: why it cannot be opened; then nothing else is known of it.
    """

    version: int
    in_use: bool
    custom: bool
    kind: str = ""
    created: str = ""
    classes: tuple[str, ...] = ()
    parent: Parent | None = None
    top1: Rate | None = None
    fault: str | None = None


def list_rows(catalog: Catalog, model: str) -> list[VersionRow]:
    """Return a row a version, ascending.

    Raises: UserInputError for a model that there is not.
    """
    catalog.find(model)
    current = catalog.read_current(model)
    return [
        _read_row(folder, number == current, catalog.is_custom(model, number))
        for number, folder in catalog.list_versions(model).items()
    ]


def describe_rows(rows: list[VersionRow]) -> str:
    """Return the rows as lines that people read, the one in use marked."""
    return "\n".join(
        f"{'*' if row.in_use else ' '} {row.version:>3}  {_describe_row(row)}" for row in rows
    )


def _read_row(folder: Path, in_use: bool, custom: bool) -> VersionRow:
    row = VersionRow(version=int(folder.name), in_use=in_use, custom=custom)
    fault = find_fault(folder)
    if fault is not None:
        return row.model_copy(update={"fault": fault})
    card = read_card(folder)
    measured = [found.top1 for found in card.metrics.values()]
    found = {
        "kind": card.training.kind or "full",
        "created": card.created,
        "classes": card.class_names,
        "parent": card.parent,
        "top1": measured[-1] if measured else None,
    }
    return row.model_copy(update=found)


def _describe_row(row: VersionRow) -> str:
    if row.fault is not None:
        return f"cannot be opened: {row.fault}"
    return (
        f"{row.created[:16]}  {'made here' if row.custom else 'shipped'}, {row.kind}  "
        f"{', '.join(row.classes)}  {describe_rate(row.top1) if row.top1 else 'not measured'}"
    )


def put_into_use(catalog: Catalog, model: str, version: str) -> int:
    """Publish a version by its number, or `shipped`; returns the number.

    Raises: UserInputError for any other.
    """
    if version == SHIPPED:
        shipped = catalog.reset(model)
        record(catalog.data, name_command_line(), "reset", model=model, version=shipped)
        return shipped
    if not version.isascii() or not version.isdecimal():
        raise UserInputError(f"{version!r} is no version. Give its number, or {SHIPPED}.")
    number, before = int(version), catalog.read_current(model)
    catalog.publish(model, number)
    record_published(catalog.data, name_command_line(), model, number, before)
    return number
