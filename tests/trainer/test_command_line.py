"""Options that a command takes from a dataclass."""

from dataclasses import dataclass
from typing import Annotated

import typer
from typer.testing import CliRunner

from trainer.command_line import list_flags, take_options


@dataclass(frozen=True)
class Options:
    name: Annotated[str, typer.Option(help="A name.")]
    batch_size: Annotated[int, typer.Option(min=1, help="A size.")] = 4
    side: Annotated[int, typer.Option("--size", help="Another name.")] = 2
    weights: Annotated[str | None, typer.Option(help="Weights.", show_default="any")] = None
    geometry: str | None = None


app = typer.Typer()


@app.command()
@take_options(Options)
def show(
    path: Annotated[str, typer.Argument(help="A path.")],
    options: Options,
    loud: Annotated[bool, typer.Option("--loud", help="Loud.")] = False,
) -> None:
    """Show what was given."""
    typer.echo((path, options, loud))


def run(*words: str) -> str:
    found = CliRunner().invoke(app, words)
    return found.stdout if found.exit_code == 0 else f"{found.exit_code}"


def test_options_not_given_have_the_defaults_of_the_fields() -> None:
    assert run("here", "--name", "a") == f"{('here', Options('a'), False)}\n"


def test_options_given_are_checked_and_handed_in() -> None:
    words = ("--name=a", "--batch-size=9", "--size=1", "--weights=w", "--loud")
    assert run("here", *words) == f"{('here', Options('a', 9, 1, 'w'), True)}\n"
    assert run("here", "--name=a", "--batch-size=0") == "2"
    assert run("here") == "2"  # a field without a default is required


def test_fields_without_an_option_are_not_offered() -> None:
    assert run("here", "--name=a", "--geometry=crop") == "2"
    flags = {"name": "--name", "batch_size": "--batch-size", "side": "--size"}
    assert list_flags(Options) == flags | {"weights": "--weights"}


def test_help_says_what_the_fields_say() -> None:
    text = run("--help")
    for words in ("A name.", "required", "x>=1", "[default: 4]", "any", "Show what was given."):
        assert words in text
    assert text.index("path") < text.index("--name") < text.index("--loud")
