"""How a command ends: a person's mistake is one sentence, a defect keeps its traceback."""

import sys

import typer

from inference.errors import UserInputError


def run_command(app: typer.Typer) -> None:
    """Run a command line; `UserInputError` becomes one sentence and exit code 2."""
    try:
        app()
    except UserInputError as error:
        typer.echo(f"Error: {error}", err=True)
        sys.exit(2)
