"""The one exception for what a person gave us: bad picture, label, folder, archive or option."""

import sys
from collections.abc import Callable


class UserInputError(ValueError):
    """Says in one sentence what was found, what was expected and what to do.

    The page and the commands show its text as it is; every other exception is a defect.
    """


def run_command(app: Callable[[], object]) -> None:
    """Run a command line; `UserInputError` becomes one sentence and exit code 2."""
    try:
        app()
    except UserInputError as error:
        sys.stderr.write(f"Error: {error}\n")
        sys.exit(2)
