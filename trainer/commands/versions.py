"""Listing the versions of a model, and putting one of them into use.

Commands: `python -m trainer versions --model NAME` and `python -m trainer publish VERSION`.
"""

from pydantic import BaseModel

from inference.errors import UserInputError
from inference.versions.cards import Parent, Rate, read_card
from inference.versions.catalog import Catalog
from trainer.evaluation.metrics import describe_rate

SHIPPED = "shipped"


class VersionRow(BaseModel):
    """A version in a list. `custom`: made here; `top1`: the rate that its card gives last."""

    version: int
    in_use: bool
    custom: bool
    kind: str
    created: str
    classes: tuple[str, ...]
    parent: Parent | None
    top1: Rate | None


def list_rows(catalog: Catalog, model: str) -> list[VersionRow]:
    """Return a row a version, ascending.

    Raises: UserInputError for a model that there is not.
    """
    catalog.find(model)
    current = catalog.read_current(model)
    rows = []
    for number, folder in catalog.list_versions(model).items():
        card = read_card(folder)
        measured = [found.top1 for found in card.metrics.values()]
        rows.append(
            VersionRow(
                version=number,
                in_use=number == current,
                custom=catalog.is_custom(model, number),
                kind=card.training.kind or "full",
                created=card.created,
                classes=card.class_names,
                parent=card.parent,
                top1=measured[-1] if measured else None,
            )
        )
    return rows


def describe_rows(rows: list[VersionRow]) -> str:
    """Return the rows as lines that people read, the one in use marked."""
    return "\n".join(
        f"{'*' if row.in_use else ' '} {row.version:>3}  {row.created[:16]}  "
        f"{'made here' if row.custom else 'shipped'}, {row.kind}  "
        f"{', '.join(row.classes)}  "
        f"{describe_rate(row.top1) if row.top1 else 'not measured'}"
        for row in rows
    )


def put_into_use(catalog: Catalog, model: str, version: str) -> int:
    """Publish a version by its number, or `shipped`; returns the number.

    Raises: UserInputError for any other.
    """
    if version == SHIPPED:
        return catalog.reset(model)
    if not version.isascii() or not version.isdecimal():
        raise UserInputError(f"{version!r} is no version. Give its number, or {SHIPPED}.")
    catalog.publish(model, int(version))
    return int(version)
