"""Options of a command as fields of a dataclass, so that each is declared once.

A field that is annotated with `typer.Option` is an option, its default that of the field.
"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import MISSING, Field, fields
from functools import wraps
from typing import Any, get_args, get_type_hints

from typer.models import OptionInfo


def take_options(options: type) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorate a command: the dataclass's options take the place of its parameter `options`."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command, eval_str=True)
        added = [_make_parameter(options, field) for field, _ in _list_fields(options)]
        parameters = [
            parameter
            for own in signature.parameters.values()
            for parameter in (added if own.name == "options" else [own])
        ]

        @wraps(command)
        def run(**given: Any) -> None:  # noqa: ANN401  (what typer parsed)
            values = {p.name: given.pop(p.name) for p in added}
            command(**given, options=options(**values))

        keyword = inspect.Parameter.KEYWORD_ONLY
        parameters = [parameter.replace(kind=keyword) for parameter in parameters]
        run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        return run

    return decorate


def list_flags(options: type) -> dict[str, str]:
    """Return field → what is typed for it, such as `--batch-size`, of all that are options."""
    return {
        # Without a name of its own, the default of an annotated option is an ellipsis.
        field.name: str(info.default) if info.default is not ... else _name_flag(field.name)
        for field, info in _list_fields(options)
    }


def _list_fields(options: type) -> Iterator[tuple[Field[Any], OptionInfo]]:
    hints = get_type_hints(options, include_extras=True)
    for field in fields(options):
        for note in get_args(hints[field.name])[1:]:
            if isinstance(note, OptionInfo):
                yield field, note


def _make_parameter(options: type, field: Field[Any]) -> inspect.Parameter:
    """Return the parameter that typer makes an option of."""
    return inspect.Parameter(
        field.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if field.default is MISSING else field.default,
        annotation=get_type_hints(options, include_extras=True)[field.name],
    )


def _name_flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
