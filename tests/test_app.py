"""Options of app.py, from the command line and from the environment, and what it does without."""

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.running import ROOT, RunningApp, find_free_port, run_app, start_app

OPTIONS = {
    "--model": "CLASSIFIER_MODEL",
    "--version": "CLASSIFIER_VERSION",
    "--exported": "CLASSIFIER_EXPORTED",
    "--data": "CLASSIFIER_DATA",
    "--teach": "CLASSIFIER_TEACH",
    "--providers": "CLASSIFIER_PROVIDERS",
    "--host": "GRADIO_SERVER_NAME",
    "--port": "GRADIO_SERVER_PORT",
    "--share": "CLASSIFIER_SHARE",
}


def test_every_option_is_documented_with_its_variable() -> None:
    done = run_app("--help", env={"COLUMNS": "200"})
    assert done.returncode == 0
    shown = re.findall(r"^.*?(--[a-z]+)\b", done.stdout, re.MULTILINE)
    assert set(shown) - {"--help"} == set(OPTIONS)
    for option, variable in OPTIONS.items():
        line = next(line for line in done.stdout.splitlines() if option in line)
        assert variable in line or variable in done.stdout.partition(line)[2][:400]


def test_import_launches_nothing_and_needs_no_torch() -> None:
    code = (
        "import sys, app, web.page; "
        "print(sorted({'torch', 'timm', 'datasets', 'sklearn', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_help_does_not_wait_for_gradio() -> None:
    code = "import sys, app; print({'gradio', 'onnxruntime'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("options", "env", "words"),
    [
        (["--model", "cats"], {}, "no model named 'cats'; there are: hotdog"),
        ([], {"CLASSIFIER_MODEL": "cats"}, "no model named 'cats'"),
        (["--model", "../etc"], {}, "cannot name a model"),
        (["--version", "999"], {}, "has no version 999"),
        ([], {"CLASSIFIER_VERSION": "999"}, "has no version 999"),
        (["--providers", "abacus"], {}, "no provider 'abacus'"),
        ([], {"CLASSIFIER_PROVIDERS": "abacus"}, "no provider 'abacus'"),
    ],
)
def test_wrong_option_is_one_sentence(
    exported: Path, options: list[str], env: dict[str, str], words: str
) -> None:
    done = run_app(*options, env={"CLASSIFIER_EXPORTED": str(exported), **env})
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_folder_without_models_is_one_sentence(tmp_path: Path) -> None:
    done = run_app("--exported", str(tmp_path))
    assert done.returncode == 2
    assert "There is no model named 'hotdog'; there are: none." in done.stderr


def test_port_that_is_taken_is_one_sentence(exported: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        done = run_app("--port", str(port), env={"CLASSIFIER_EXPORTED": str(exported)})
    assert done.returncode == 2
    assert f"Port {port} on 127.0.0.1 cannot be used." in done.stderr


def test_address_is_printed(app: RunningApp) -> None:
    assert app.url in app.read_log()


def test_settings_of_a_space(exported: Path, tmp_path: Path) -> None:
    """What a Space sets, and no option at all: it must answer from outside its container."""
    port = find_free_port()
    env = {
        "CLASSIFIER_EXPORTED": str(exported),
        "CLASSIFIER_MODEL": "hotdog",
        "CLASSIFIER_VERSION": "1",
        "CLASSIFIER_PROVIDERS": "cpu",
        "CLASSIFIER_SHARE": "0",
        "SYSTEM": "spaces",
        "SPACE_ID": "someone/hot-dog",
        "SPACE_HOST": "someone-hot-dog.hf.space",
        "SPACE_AUTHOR_NAME": "someone",
        "CPU_CORES": "2",
        "GRADIO_SSR_MODE": "True",
        "GRADIO_SERVER_PORT": str(port),
        "TMPDIR": str(tmp_path),
    }
    with start_app(port=port, env=env) as running:
        assert f":{port}" in running.read_log()
        from_outside = httpx.get(f"http://127.0.0.2:{port}/healthz")  # not our loopback address
        assert from_outside.json()["status"] == "ok"
        assert "someone/hot-dog" in httpx.get(running.url).text
        files = {"files": (ROOT / "web/examples/not_hot_dog-cat.webp").read_bytes()}
        sent = httpx.post(f"{running.url}gradio_api/upload", files=files).json()[0]
        assert Path(sent).is_relative_to(tmp_path)
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(timeout=30) == 0
    assert not list(tmp_path.glob("picture-classifier-*"))
