"""The rules of the house: who may import whom, what names say, what is documented and pinned."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
DOCS = (README, ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md")))
FOLDERS = ("labelling", "trainer", "inference", "web", "benchmarks")
# Of our own folders; `web` starts the trainer as a process of its own.
MAY_IMPORT = {
    "app": {"inference", "web"},
    "web": {"inference", "labelling"},
    "trainer": {"inference", "labelling"},
    "labelling": {"inference"},
    "inference": set[str](),
    "benchmarks": {"inference", "trainer", "labelling", "web", "app", "tests"},
}
TORCH = {"torch", "torchvision", "timm", "accelerate", "datasets", "sklearn", "matplotlib"}
GRADIO = {"gradio", "gradio_client"}
MAY_NOT_IMPORT = {
    "app": TORCH,
    "web": TORCH,
    "trainer": GRADIO,
    "labelling": TORCH | GRADIO,
    "inference": TORCH | GRADIO | {"onnx", "scipy", "safetensors"},
}
# What stands in each folder, top to bottom: wings, and modules that belong to none. An import
# points down. What is missing here has no place yet.
ROOMS = {
    "inference": "__main__ decoding_child classifier certainty geometry versions images decoding"
    " exif providers process errors atomic_files",
    "labelling": "__main__ printing exchange model_names store planned_classes images audit_log"
    " training_log required_images",
    "trainer": "__main__ commands freezing cards head finetuning base_versions evaluation"
    " synthetic data progress jobs options command_line",
    "benchmarks": "__main__ quality training soak serving results effort peers",
    "web": "launch page teach refresh model try_it server access http frame serving"
    " uploads_folder environment options",
}
BANNED_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "core"}


def list_modules() -> list[Path]:
    found = [ROOT / "app.py", *(p for f in FOLDERS for p in sorted((ROOT / f).rglob("*.py")))]
    return [path for path in found if "__pycache__" not in path.parts]


def name_part(path: Path) -> str:
    """Return which part of the house a module belongs to: its folder, or `app`."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def list_imports(path: Path) -> Iterator[str]:
    """Yield the whole names of the modules that a file imports anywhere, in functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively"
            yield node.module or ""
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            assert isinstance(node.args[0], ast.Constant), f"{path.name} imports by a made-up name"
            yield str(node.args[0].value)


def list_imported_modules(path: Path) -> Iterator[str]:
    """Yield the same with `a.b` for `from a import b` too, where b may be a module."""
    yield from list_imports(path)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


MODULES = list_modules()


def list_offenders(offends: Callable[[Path], object]) -> dict[str, object]:
    """Return module → what is wrong with it, for all modules that a rule finds fault with."""
    found = {str(path.relative_to(ROOT)): offends(path) for path in MODULES}
    return {name: fault for name, fault in found.items() if fault}


def test_there_is_a_house() -> None:
    assert {"app", "inference", "trainer", "web"} <= {name_part(path) for path in MODULES}
    assert len(MODULES) > 30


def test_imports_point_the_allowed_way() -> None:
    def offends(path: Path) -> set[str]:
        part = name_part(path)
        imported = {name.split(".")[0] for name in list_imports(path)} - {part}
        ours = imported & {*FOLDERS, "app", "tests"}
        return (ours - MAY_IMPORT[part]) | imported & MAY_NOT_IMPORT.get(part, set())

    assert not list_offenders(offends)


def name_room(name: str) -> tuple[str, str]:
    """Return folder and room of a module: `trainer.data.hub` → `trainer`, `data`."""
    part, _, rest = name.partition(".")
    return part, rest.partition(".")[0]


def test_imports_point_down_inside_a_folder() -> None:
    def offends(path: Path) -> set[str]:
        part, room = name_room(".".join(path.relative_to(ROOT).with_suffix("").parts))
        if part not in ROOMS or room == "__init__":
            return set()
        rooms = ROOMS[part].split()
        if room not in rooms:
            return {f"{room} has no place in ROOMS"}
        above = rooms[: rooms.index(room)]
        imported = {name_room(name) for name in list_imported_modules(path)}
        return {name for folder, name in imported if folder == part and name in above}

    assert not list_offenders(offends)


def test_every_room_is_there() -> None:
    missing = [
        f"{part}/{room}"
        for part, rooms in ROOMS.items()
        for room in rooms.split()
        if not (ROOT / part / room).is_dir() and not (ROOT / part / f"{room}.py").is_file()
    ]
    assert not missing


def test_no_circle() -> None:
    """No module needs itself, however far around."""
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in MODULES}
    needs = {
        name: {other for other in list_imported_modules(path) if other in names} - {name}
        for name, path in names.items()
    }
    left = dict(needs)
    while free := [name for name, others in left.items() if not others & left.keys()]:
        for name in free:
            del left[name]
    assert not left


def test_names_say_what_is_inside() -> None:
    def offends(path: Path) -> set[str]:
        parts = path.relative_to(ROOT).with_suffix("").parts
        return {word for part in parts for word in re.split(r"[_\W]", part)} & BANNED_NAMES

    assert not list_offenders(offends)


def test_modules_say_their_purpose() -> None:
    def offends(path: Path) -> bool:
        return not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))

    assert not list_offenders(offends)


def test_catches_are_narrow() -> None:
    def offends(path: Path) -> list[int]:
        return [
            node.lineno
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.ExceptHandler)
            and (node.type is None or ast.unparse(node.type) == "BaseException")
        ]

    assert not list_offenders(offends)


def find_loaded(*modules: str) -> set[str]:
    """Import modules in a new process; return the top-level names of all that was loaded."""
    script = f"import sys, {', '.join(modules)}; print(*{{m.split('.')[0] for m in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def list_importable(part: str) -> list[str]:
    return [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in MODULES
        if name_part(path) == part and path.stem not in ("__main__", "__init__")
    ]


def test_page_never_loads_torch() -> None:
    loaded = find_loaded("app", *list_importable("inference"), *list_importable("web"))
    assert {"onnxruntime", "gradio", "app"} <= loaded
    assert not loaded & TORCH


def test_inference_and_labelling_load_neither_torch_nor_gradio() -> None:
    loaded = find_loaded(
        "inference.__main__", *list_importable("inference"), *list_importable("labelling")
    )
    assert {"onnxruntime", "inference"} <= loaded
    assert not loaded & (TORCH | GRADIO)


# Read by the library when it is imported; each then reports nothing to anybody.
SILENCERS = {
    "onnxruntime": "ORT_DISABLE_TELEMETRY",
    "gradio": "GRADIO_ANALYTICS_ENABLED",
    "huggingface_hub": "HF_HUB_DISABLE_TELEMETRY",
}


@pytest.mark.parametrize("name", [*FOLDERS, "app"])
def test_libraries_are_told_to_report_nothing_before_they_are_loaded(name: str) -> None:
    """By what is loaded before any module of the folder: the folder's own `__init__`."""
    script = f"import os, sys, {name}; print(*os.environ.keys(), '|', *sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if k not in SILENCERS.values()},
        capture_output=True,
        text=True,
        check=True,
    )
    variables, loaded = (set(part.split()) for part in done.stdout.split("|"))
    assert not loaded & SILENCERS.keys()
    assert set(SILENCERS.values()) <= variables


# Commands


def _list_commands() -> list[tuple[str, Any]]:
    """Return each command as typed, such as `python -m trainer train`."""
    import app
    import inference.__main__
    import labelling.__main__
    import trainer.__main__

    page = typer.Typer(add_completion=False)
    page.command()(app.main)
    found = [("python app.py", typer.main.get_command(page))]
    for package in (inference, labelling, trainer):
        group = typer.main.get_command(package.__main__.app)
        found += [
            (f"python -m {package.__name__} {name}", command)
            for name, command in group.commands.items()
        ]
    return found


COMMANDS = _list_commands()


def test_commands_are_found() -> None:
    names = {name for name, _ in COMMANDS}
    assert {"python app.py", "python -m inference predict", "python -m trainer train"} <= names
    assert {"benchmarks", "benchmarks.quality.few_shot"} <= {*list_benchmarks()}


def test_commands_and_their_options_have_help() -> None:
    lacking = [
        (name, parameter.name)
        for name, command in COMMANDS
        for parameter in command.params
        if not is_sentence(getattr(parameter, "help", None) or "")
    ]
    assert not lacking
    assert all((command.help or "").strip() and command.params for _, command in COMMANDS)


def is_sentence(text: str) -> bool:
    """Tell whether an option's help is long enough to help and ends as a sentence."""
    begun = text[:1].isupper() or not text[:1].isalpha() or text.split(maxsplit=1)[0].islower()
    return len(text) > 8 and begun and text.rstrip().endswith((".", "]", "…"))


def test_results_can_be_read_by_programs() -> None:
    lacking = [
        name
        for name, command in COMMANDS
        if name != "python app.py"
        and "--json" not in {option for parameter in command.params for option in parameter.opts}
    ]
    assert not lacking


def read_docs() -> str:
    """Return the README and all pages of docs/, in which what a person may type is documented."""
    return "\n".join(path.read_text(encoding="utf-8") for path in DOCS)


def test_every_command_is_documented() -> None:
    docs = read_docs()
    words = [name.removeprefix("python ") for name, _ in COMMANDS]
    words += [f"-m {name}" for name in list_benchmarks()]
    assert not [word for word in words if not re.search(rf"{re.escape(word)}(?![\w-])", docs)]


def list_benchmarks() -> list[str]:
    """Return the modules of benchmarks that are run by hand; the peers are run by others."""
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in MODULES}
    return [
        name.removesuffix(".__main__")
        for name, path in names.items()
        if name.startswith("benchmarks.") and not name.startswith("benchmarks.peers.")
        if "__name__ ==" in path.read_text(encoding="utf-8")
    ]


def test_every_option_is_documented() -> None:
    """By any of its names, such as `--no-export` for `--export`."""
    docs = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", read_docs()))
    lacking = [
        (name, parameter.name)
        for name, command in COMMANDS
        for parameter in command.params
        if parameter.opts[0].startswith("-")
        and not docs & {*parameter.opts, *parameter.secondary_opts}
    ]
    assert not lacking


def list_variables(path: Path) -> Iterator[str]:
    """Yield the environment variables that a module reads or sets."""
    text = path.read_text(encoding="utf-8")
    yield from re.findall(r"\b(?:CLASSIFIER|GRADIO|SPACE|HF)_[A-Z_]+\b", text)
    for node in ast.walk(ast.parse(text)):
        is_call = isinstance(node, ast.Call) and re.fullmatch(
            r"(os\.)?environ(ment)?\.(get|setdefault)", ast.unparse(node.func)
        )
        if is_call and isinstance(node.args[0], ast.Constant):
            yield str(node.args[0].value)


def test_every_environment_variable_is_documented() -> None:
    docs = read_docs()

    def offends(path: Path) -> set[str]:
        return {name for name in list_variables(path) if not re.search(rf"\b{name}\b", docs)}

    assert "CLASSIFIER_TEACH_PASSWORD" in {n for path in MODULES for n in list_variables(path)}
    assert not list_offenders(offends)


def test_every_make_target_is_documented() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z][\w-]*):.*##", makefile, re.MULTILINE)
    docs = read_docs()
    assert len(targets) > 8
    assert not [name for name in targets if not re.search(rf"make {name}(?![\w-])", docs)]


def test_links_between_pages_lead_somewhere() -> None:
    """Also the sections: `page.md#a-title` needs a title of these words."""
    lost = {
        f"{path.name}: {target}"
        for path in DOCS
        for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8"))
        if not target.startswith("http") and not leads_somewhere(path, target)
    }
    assert not lost


def leads_somewhere(page: Path, target: str) -> bool:
    name, _, section = target.partition("#")
    path = page.parent / name if name else page
    if not path.is_file() or not section:
        return path.is_file()
    titles = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return section in {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


# Dependencies


def read_pins(name: str) -> dict[str, str]:
    """Return package → version of a requirements file, each of which must be exact."""
    pins = {}
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        requirement = line.partition("#")[0].partition(";")[0].strip()
        if requirement and not requirement.startswith("-r "):
            assert re.fullmatch(r"[A-Za-z0-9._-]+(\[\w+\])?==\d+(\.\d+)+", requirement), requirement
            package, _, version = requirement.partition("==")
            pins[package.lower().replace("_", "-")] = version
    return pins


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_requirements_are_exact(name: str) -> None:
    assert read_pins(name)


def test_both_runtimes_are_of_one_version() -> None:
    pins = read_pins("requirements.txt")
    assert pins["onnxruntime"] == pins["onnxruntime-gpu"]


def read_front_matter() -> dict[str, str]:
    """Return the settings of the Space, from between the first two `---` of the README."""
    lines = README.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "---"
    block = lines[1 : lines.index("---", 1)]
    pairs = (line.split(":", 1) for line in block if re.match(r"\w+:", line))
    return {key: value.strip().strip("\"'") for key, value in pairs}


def test_space_runs_what_we_pin() -> None:
    front = read_front_matter()
    assert front["sdk"] == "gradio"
    assert front["sdk_version"] == read_pins("requirements.txt")["gradio"]
    assert front["python_version"] == "3.12"
    assert (ROOT / front["app_file"]).is_file()


def test_space_settings_are_within_limits() -> None:
    """Source: the Spaces configuration reference; longer short descriptions are refused."""
    assert len(read_front_matter()["short_description"]) <= 60


def test_every_import_is_a_requirement() -> None:
    """What we import is pinned by ourselves, not by the chance of another package's needs."""
    names = {"PIL": "pillow", "sklearn": "scikit-learn", "pillow_heif": "pillow-heif"}
    # What these raise and take is of other packages, of the version that they choose.
    names |= {
        "starlette": "gradio",
        "pydantic_core": "pydantic",
        "httpx2": "huggingface-hub",
        "fsspec": "datasets",
    }
    pins = read_pins("requirements.txt")
    ours = {*FOLDERS, "app", "tests"}
    imported = {
        (top, str(path.relative_to(ROOT)))
        for path in MODULES
        for top in (name.split(".")[0] for name in list_imports(path))
        if name_part(path) != "benchmarks"
        and top not in ours
        and top not in sys.stdlib_module_names
        and names.get(top, top).replace("_", "-") not in pins
    }
    assert not imported
