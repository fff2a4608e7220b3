"""What a label may be: the name of a class as a person types it, for a model or for every one."""

import unicodedata

from inference.errors import UserInputError
from inference.versions.catalog import check_model_name
from labelling.store.entries import STATES

MAX_LENGTH = 40  # characters
MAX_CLASSES = 100  # a model
# Of the names of people and files, which are only shown; characters.
_MAX_NAME = 200
# Not seen, but emoji and some scripts are written with them: zero-width non-joiner and joiner.
_JOINERS = "\u200c\u200d"


def check_label(text: str) -> str:
    """Return a class name in the one form that is stored: NFC, without space around it.

    Raises: UserInputError for what cannot name a class.
    """
    label = unicodedata.normalize("NFC", text).strip()
    if not label.strip(_JOINERS):
        raise UserInputError("The class has no name. Type one, such as cat.")
    if len(label) > MAX_LENGTH:
        raise UserInputError(
            f"The class name has {len(label)} characters; at most {MAX_LENGTH} are taken. "
            "Use a shorter one."
        )
    if any(_is_control(character) for character in label):
        raise UserInputError("The class name holds characters that cannot be seen. Type it again.")
    if label in (".", "..") or set("/\\") & set(label):
        raise UserInputError(f"{label!r} cannot name a class. Leave out / and \\, and use letters.")
    return label


def check_model(name: str) -> str:
    """Return the name of a model; an empty one stands for every model.

    Raises: UserInputError for what cannot name a model.
    """
    return check_model_name(name) if name else name


def check_state(state: str) -> str:
    """Return the state of a label.

    Raises: UserInputError for what is none.
    """
    if state not in STATES:
        raise UserInputError(f"{state[:64]!r} is no state. Use one of {', '.join(STATES)}.")
    return state


def clean_name(text: str) -> str:
    """Return the name of a person or file so that it can be stored and shown in one line."""
    whole = text.encode("utf-8", "replace").decode("utf-8")
    seen = "".join(" " if _is_control(character) else character for character in whole)
    return seen.strip()[:_MAX_NAME]


def clean_file_name(text: str) -> str:
    """Return the last part of a path, of whichever system, so that it can be stored and shown."""
    return clean_name(text.replace("\\", "/").rstrip("/").rpartition("/")[2])


def _is_control(character: str) -> bool:
    """Tell what is not seen, breaks lines, or turns the text around it."""
    if character in _JOINERS:
        return False
    return unicodedata.category(character) in ("Cc", "Cs", "Cf", "Zl", "Zp")
