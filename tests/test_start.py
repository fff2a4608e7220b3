"""The page starts, or says in a sentence why not, whatever the environment holds."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import httpx
import psutil
import pytest

from tests.running import ROOT, find_free_port, make_environment, run_app, wait_for

PICTURE = ROOT / "web/examples/not_hot_dog-cat.webp"
NOWHERE = "http://127.0.0.1:9"  # nothing listens there
PROXIES = {
    "http_proxy": NOWHERE,
    "HTTPS_PROXY": "nonsense://proxy",
    "ALL_PROXY": "socks5://127.0.0.1:9",
    "SSL_CERT_FILE": "/no/such/file",
    "SSL_CERT_DIR": "/no/such/folder",
}
SETTINGS = {
    "GRADIO_ALLOWED_PATHS": "/",
    "GRADIO_ANALYTICS_MAX_EVENTS": "many",
    "GRADIO_ANALYTICS_CACHE_FREQUENCY": "often",
    "GRADIO_DEBUG": "1",
    "GRADIO_MCP_SERVER": "True",
    "GRADIO_NUM_WORKERS": "4",
    "GRADIO_SERVER_NAME": "0.0.0.0",
    "GRADIO_SHARE": "True",
    "GRADIO_SSR_MODE": "True",
    "GRADIO_VIBE_MODE": "1",
    "GRADIO_WATCH_DIRS": str(ROOT),
    "FORWARDED_ALLOW_IPS": "*",
    "UVICORN_HOST": "0.0.0.0",
    "WEB_CONCURRENCY": "4",
}
PLACE = {
    "HOME": "/dev/null",
    "LANG": "C",
    "LC_ALL": "C",
    "PYTHONCOERCECLOCALE": "0",
    "PYTHONIOENCODING": "ascii",
    "PYTHONUTF8": "0",
    "TMPDIR": "/no/such/folder",
}
CLOSED = ("sh", "-c", 'exec "$@" <&- >&- 2>&-', "-")
FULL = ("sh", "-c", 'exec "$@" >/dev/full', "-")


def can_listen(address: str) -> bool:
    with contextlib.suppress(OSError), socket.create_server((address, 0), family=socket.AF_INET6):
        return True
    return False


@contextlib.contextmanager
def start(
    folder: Path, host: str, env: Mapping[str, str], under: Sequence[str] = ()
) -> Iterator[tuple[str, psutil.Process]]:
    """Start `app.py` at a host, under a program that takes its place; yield address and process.

    Fails where it ends before it answers.
    """
    port = find_free_port()
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
    options = ["--host", host, "--port", str(port), "--data", str(folder / "data"), "--teach"]
    log = folder / "log.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*under, sys.executable, str(ROOT / "app.py"), *options],
            env=make_environment({"CLASSIFIER_PROVIDERS": "cpu", **env}),
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
        )

    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{url}healthz").is_success
        return False

    try:
        wait_for(answers)
        yield url, psutil.Process(process.pid)
        process.terminate()
        assert process.wait(timeout=60) == 0
        assert "Traceback" not in log.read_text()
    finally:
        process.kill()
        process.wait()


def list_listening(process: psutil.Process) -> set[str]:
    """Return the addresses on which a process and those that it started listen."""
    processes = [process, *process.children(recursive=True)]
    found = [each for one in processes for each in one.net_connections("inet")]
    return {f"{each.laddr.ip}:{each.laddr.port}" for each in found if each.status == "LISTEN"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("host", "env", "under"),
    [
        ("127.0.0.1", PROXIES, ()),
        ("127.0.0.1", SETTINGS, ()),
        ("localhost", PLACE, CLOSED),
        ("127.0.0.1", {}, FULL),
        pytest.param(
            "::1", {}, (), marks=pytest.mark.skipif(not can_listen("::1"), reason="needs IPv6")
        ),
    ],
    ids=["proxies", "settings", "place", "full", "ipv6"],
)
def test_page_answers_in_an_odd_environment(
    tmp_path: Path, host: str, env: dict[str, str], under: Sequence[str]
) -> None:
    """At our address alone, and with nothing but what is ours."""
    with start(tmp_path, host, env, under) as (url, process):
        assert httpx.get(url).is_success
        classified = httpx.post(f"{url}api/classify", content=PICTURE.read_bytes())
        assert classified.json()["label"] == "not_hot_dog"
        address = httpx.URL(url)
        ours = "127.0.0.1" if host == "localhost" else host
        assert list_listening(process) == {f"{ours}:{address.port}"}
        for path in (
            "gradio_api/file=/etc/hostname",
            "gradio_api/mcp/sse",
            "gradio_api/dev/reload",
        ):
            assert httpx.get(f"{url}{path}").status_code == 404


@pytest.mark.slow
@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"CLASSIFIER_PORT": "abc"}, "CLASSIFIER_PORT"),
        ({"GRADIO_SERVER_PORT": "abc"}, "GRADIO_SERVER_PORT"),
        ({"CLASSIFIER_PORT": "65536"}, "CLASSIFIER_PORT"),
        ({"CLASSIFIER_TEACH": "perhaps"}, "CLASSIFIER_TEACH"),
        ({"GRADIO_ROOT_PATH": "a b?"}, "GRADIO_ROOT_PATH is 'a b?'"),
        ({"GRADIO_TEMP_DIR": "/dev/null"}, "none can be made in /dev/null"),
        ({"HF_HUB_ETAG_TIMEOUT": "abc"}, "A library cannot read what the environment holds"),
        ({"CLASSIFIER_HOST": "192.0.2.1"}, "192.0.2.1 is no address of this machine."),
    ],
)
def test_what_cannot_be_is_said(env: dict[str, str], words: str) -> None:
    done = run_app(env=env)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    command = ["sh", "-c", 'rmdir "$PWD" && exec "$@"', "-", sys.executable, str(ROOT / "app.py")]
    done = subprocess.run(
        command,
        cwd=gone,
        env=make_environment({"CLASSIFIER_DATA": str(tmp_path / "data")}),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.strip() == (
        "The folder in which this was started is gone. Start it in another."
    )


def may_mount() -> bool:
    """Tell whether a test may mount something over a folder, seen by one process alone."""
    command = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def read_only(folder: Path) -> tuple[str, ...]:
    """Return a prefix under which a program can write nothing into a folder."""
    mount = f'mount --bind "{folder}" "{folder}" && mount -o remount,ro,bind "{folder}"'
    return ("unshare", "--mount", "sh", "-c", f'{mount} && exec "$@"', "-")


@pytest.mark.slow
@pytest.mark.skipif(not may_mount(), reason="needs to mount a folder")
def test_checkout_that_cannot_be_written_is_enough(tmp_path: Path) -> None:
    with start(tmp_path, "127.0.0.1", {}, read_only(ROOT)) as (url, _):
        assert httpx.get(url).is_success


def test_closed_streams_are_opened_on_nothing(tmp_path: Path) -> None:
    """Else the number of standard error goes to the next file, and a library writes into it."""
    code = (
        "import os\n"
        "from inference.process import open_closed_streams\n"
        "open_closed_streams()\n"
        "file = os.open('precious', os.O_CREAT | os.O_WRONLY)\n"
        "os.write(2, b'a warning'); os.write(1, b'a result'); print('more', flush=True)\n"
        "os.write(file, str(file).encode())\n"
    )
    command = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "-", sys.executable, "-c", code]
    subprocess.run(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)
    assert int((tmp_path / "precious").read_text()) > 2
