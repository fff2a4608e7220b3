"""What the README and docs/ tell people to type, as text and as commands that exist or do not."""

import importlib
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from tests.running import ROOT

PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
_PYTHON = ("python", "python3", "py", ".venv/bin/python", r".venv\Scripts\python")
# Programs that are not ours; their own options are theirs to check.
_FOREIGN = ("pip", "curl", ".", r".venv\Scripts\activate", ".venv/bin/hf")
_FOREIGN_MODULES = ("venv",)
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Typed:
    """A command of a page. `whole`: a line of a block, which must run as it stands."""

    page: str
    text: str
    whole: bool

    @property
    def words(self) -> list[str]:
        """The command without what is set before it, what starts it elsewhere, and comments."""
        words = shlex.split(self.text.replace("\\", "\\\\"), comments=True)
        while words and re.match(r"[A-Z_]+=", words[0]):
            words = words[1:]
        if words[:1] == ["torchrun"]:
            words = ["python", *words[words.index("-m") :]]
        return words


def list_typed() -> list[Typed]:
    """Return all commands: of indented blocks, of shell blocks, and in sentences and tables."""
    return [typed for path in PAGES for typed in _list_of(path)]


def list_scripts() -> Iterator[tuple[str, str]]:
    """Yield page and text of each block of Python."""
    for path in PAGES:
        for language, text in _FENCE.findall(path.read_text(encoding="utf-8")):
            if language == "python":
                yield path.name, text


def list_named_files() -> Iterator[tuple[str, str]]:
    """Yield page and path of each file or folder of ours that a page names."""
    for path in PAGES:
        for code in _list_inline(path.read_text(encoding="utf-8")):
            names_place = re.fullmatch(r"[\w-]+(/[\w.-]+)+/?", code)
            if names_place and (ROOT / code.partition("/")[0]).is_dir():
                yield path.name, code


def _list_of(path: Path) -> Iterator[Typed]:
    text = path.read_text(encoding="utf-8")
    for language, block in _FENCE.findall(text):
        if language == "sh":
            yield from (Typed(path.name, line, True) for line in block.splitlines())
    text = _FENCE.sub("", text)
    blocks = re.findall(r"(?:^ {4,}\S.*\n)+", text, re.MULTILINE)
    for block in blocks:
        if "→" not in block:  # that is the tree
            yield from (Typed(path.name, line.strip(), True) for line in block.splitlines())
    for code in _list_inline(text):
        if re.match(r"make \w|" + "|".join(rf"{re.escape(name)} " for name in _PYTHON), code):
            yield Typed(path.name, code, False)


def _list_inline(text: str) -> Iterator[str]:
    text = re.sub(r"^ {4,}\S.*\n", "", _FENCE.sub("", text), flags=re.MULTILINE)
    yield from (" ".join(code.split()) for code in re.findall(r"`([^`]+)`", text))


def find_fault(typed: Typed) -> str | None:
    """Return what is wrong with a command; nothing is executed."""
    try:
        program, *arguments = typed.words
        if program == "make":
            return _find_fault_of_make(arguments, typed)
        if program in _PYTHON:
            return _find_fault_of_python(arguments, typed)
    except (typer.TyperException, ValueError, AttributeError, ImportError) as error:
        return str(error) or repr(error)
    return None if program in _FOREIGN else f"{program} is unknown here"


def _find_fault_of_make(arguments: list[str], typed: Typed) -> str | None:
    targets = re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    settings = dict(word.split("=", 1) for word in arguments if "=" in word)
    requested = [word for word in arguments if "=" not in word]
    if requested == ["app"] and "ARGS" in settings:
        _parse(_find_command("app"), [settings["ARGS"]], typed.whole)
    return None if requested and set(requested) <= set(targets) else f"no target of {requested}"


def _find_fault_of_python(arguments: list[str], typed: Typed) -> str | None:
    if arguments[0] == "-m":
        module, rest = arguments[1], arguments[2:]
    else:
        module, rest = arguments[0].removesuffix(".py"), arguments[1:]
    if module not in _FOREIGN_MODULES:
        _parse(_find_command(module), rest, typed.whole)
    return None


def _find_command(name: str) -> Any:
    """Return the command of a module: that of its `app`, or of its function `main`."""
    module = importlib.import_module(name)
    if hasattr(module, "__path__"):
        module = importlib.import_module(f"{name}.__main__")
    app = getattr(module, "app", None)
    if app is None:
        app = typer.Typer(add_completion=False)
        app.command()(module.main)
    return typer.main.get_command(app)


def _parse(command: Any, arguments: list[str], whole: bool) -> None:
    """Parse arguments as the command would. Not whole: options must exist, others may be missing.

    Raises: typer.TyperException for what the command would refuse.
    """
    try:
        if not hasattr(command, "commands"):
            _parse_options(command, arguments, whole)
            return
        context = command.make_context("group", arguments or ["--help"])
        left = [*context._protected_args, *context.args]
        _, chosen, rest = command.resolve_command(context, left)
        _parse_options(chosen, rest, whole, context)
    except typer.Exit:
        return  # --help


def _parse_options(
    command: Any,
    arguments: list[str],
    whole: bool,
    above: Any = None,
) -> None:
    if whole:
        command.make_context("command", list(arguments), parent=above)
    else:
        context = command.context_class(command, parent=above)
        command.make_parser(context).parse_args(list(arguments))
