"""The options of app.py, on the command line and in the environment, and its defaults."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from app import can_open_browser
from tests.running import (
    ROOT,
    RunningApp,
    find_free_port,
    make_environment,
    run_app,
    start_app,
    wait_for,
)

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
    "--proxy": "CLASSIFIER_PROXY",
    "--log-json": "CLASSIFIER_LOG_JSON",
    "--metrics": "CLASSIFIER_METRICS",
    "--browser": "CLASSIFIER_BROWSER",
}


def test_every_option_is_documented_with_its_variable() -> None:
    done = run_app("--help", env={"COLUMNS": "200"})
    assert done.returncode == 0
    shown = re.findall(r"^.*?(--[a-z]+(?:-[a-z]+)*)\b", done.stdout, re.MULTILINE)
    assert set(shown) - {"--help"} == set(OPTIONS)
    for option, variable in OPTIONS.items():
        line = next(line for line in done.stdout.splitlines() if option in line)
        assert variable in line or variable in done.stdout.partition(line)[2][:400]


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


@pytest.mark.slow
def test_port_that_is_taken_is_one_sentence(exported: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        done = run_app("--port", str(port), env={"CLASSIFIER_EXPORTED": str(exported)})
    assert done.returncode == 2
    assert f"Port {port} on 127.0.0.1 cannot be used." in done.stderr


@pytest.mark.parametrize(
    ("environment", "platform", "opens"),
    [
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({"DISPLAY": "localhost:10.0", "SSH_CONNECTION": "a 1 b 22"}, "linux", True),
        ({}, "linux", False),
        ({"SSH_CONNECTION": "a 1 b 22"}, "linux", False),
        ({}, "darwin", True),
        ({}, "win32", True),
        ({"SSH_CONNECTION": "a 1 b 22"}, "darwin", False),
        ({"SSH_CONNECTION": "a 1 b 22"}, "win32", False),
        ({"DISPLAY": ":0", "CI": "true"}, "linux", False),
        ({"CI": "1"}, "darwin", False),
        ({"DISPLAY": ":0", "SYSTEM": "spaces"}, "linux", False),
    ],
)
def test_browser_opens_where_a_person_would_see_it(
    environment: dict[str, str], platform: str, opens: bool
) -> None:
    assert can_open_browser(environment, True, platform) is opens
    assert not can_open_browser(environment, False, platform)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a terminal that a test can make")
@pytest.mark.parametrize(
    ("options", "env", "opens"),
    [
        ((), {}, True),
        (("--teach",), {}, True),
        (("--no-browser",), {}, False),
        ((), {"CI": "true"}, False),
    ],
)
def test_browser_is_given_the_address(
    exported: Path, tmp_path: Path, options: tuple[str, ...], env: dict[str, str], opens: bool
) -> None:
    """On a terminal, with a browser that writes down what it is called with.

    Others on this machine can read that, so where one can teach it is no address with a token.
    """
    noted, port = tmp_path / "noted", find_free_port()
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {noted}\n')
    browser.chmod(0o700)
    env = {
        "CLASSIFIER_EXPORTED": str(exported),
        "CLASSIFIER_DATA": str(tmp_path / "data"),
        "CI": "",
        "DISPLAY": ":0",
        "BROWSER": f"{browser} %s",
        **env,
    }
    ours, theirs = os.openpty()
    command = [sys.executable, str(ROOT / "app.py"), "--port", str(port), *options]
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=make_environment(env)
    )
    try:
        printed = b""
        while b"http://" not in printed:
            printed += os.read(ours, 4096)
        address = f"http://127.0.0.1:{port}/"
        if "--teach" in options:
            address = (tmp_path / "data" / "open.html").as_uri()
        if opens:
            wait_for(lambda: noted.exists() and noted.read_text() == address)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
        assert noted.exists() == opens
        assert (b"/?token=" in printed) == ("--teach" in options)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(theirs)


def test_address_is_printed(app: RunningApp) -> None:
    assert app.url in app.read_log()


@pytest.mark.slow
def test_settings_of_a_space(exported: Path, tmp_path: Path) -> None:
    """With what a Space sets, and no options: it must answer from outside its container."""
    port = find_free_port()
    env = {
        "CLASSIFIER_EXPORTED": str(exported),
        "CLASSIFIER_MODEL": "hotdog",
        "CLASSIFIER_VERSION": (exported / "hotdog" / "current").read_text().strip(),
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
