"""Open the page: options → page → launch, on this machine, on a Space or with a share link.

python app.py --model hotdog
"""

import gc
import os
import signal
import sys
import threading
import webbrowser
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from inference.errors import UserInputError
from inference.process import (
    discard_output,
    give_back_freed_memory,
    keep_to_one_thread,
    open_closed_streams,
)
from inference.versions.catalog import Catalog
from web import options as given
from web.options import Options

if TYPE_CHECKING:
    from web.launch import Running


def main(  # noqa: PLR0913, PLR0917  (one parameter an option)
    model: given.Model = "hotdog",
    version: given.Version = None,
    exported: given.Exported = Path(__file__).parent / "exported",
    data: given.Data = Path(__file__).parent / "data",
    teach: given.Teach = False,
    providers: given.Providers = "auto",
    host: given.Host = None,
    port: given.Port = None,
    share: given.Share = False,
    proxy: given.Proxy = "",
    log_json: given.LogJson = False,
    metrics: given.Metrics = False,
    browser: given.Browser = True,
) -> None:
    """Open the page that answers for pictures, until Ctrl+C."""
    open_closed_streams()
    where = host or choose_host()
    try:
        serve(
            Options(
                model,
                version,
                exported,
                data,
                teach,
                providers,
                where,
                port,
                share,
                proxy,
                log_json,
                metrics,
                browser,
            )
        )
    except UserInputError as error:
        typer.echo(error, err=True)
        raise typer.Exit(2) from error


def serve(options: Options) -> None:
    """Serve until the process is stopped.

    Raises: UserInputError for a version, provider, folder or port that cannot be used.
    """
    keep_to_one_thread()
    give_back_freed_memory()
    from web.server.log_lines import log_as_json, log_for_people  # noqa: PLC0415

    (log_as_json if options.log_json else log_for_people)()
    metrics_token = read_metrics_token(os.environ) if options.metrics else None
    gc.disable()  # looking through what is imported, again and again, is a quarter of the start
    catalog = Catalog(options.exported, options.data)
    catalog.find(options.model, options.version)
    from web.environment import import_gradio, read_root  # noqa: PLC0415  (--help need not wait)
    from web.uploads_folder import use_own_folder  # noqa: PLC0415

    root = read_root()
    uploads = use_own_folder()  # before gradio, which makes a folder when it is imported
    import_gradio()
    from web.serving import Service  # noqa: PLC0415

    service = Service(catalog, options.model, options.version, options.providers)
    classifier = service.open()
    from web.access.clients import read_networks  # noqa: PLC0415  (nor a wrong option)
    from web.access.rules import make_access  # noqa: PLC0415
    from web.launch import Address, Watching, launch  # noqa: PLC0415
    from web.page import make_page, make_site  # noqa: PLC0415

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that the clean-up at exit runs
    access = make_access(
        teach=options.teach,
        host=options.host,
        share=options.share or bool(options.proxy),
        data=options.data,
        environment=os.environ,
    )
    site = make_site(service, access, options.data)
    proxies = read_networks([options.proxy])
    address = Address(uploads, options.host, options.port, options.share, root, proxies)
    running = launch(make_page(site), site, address, Watching(options.log_json, metrics_token))
    gc.freeze()  # all of it stays
    gc.enable()
    name = f"{classifier.card.model} {classifier.card.version} on {classifier.provider}"
    announce(options, running, name)
    wait_for_signal(running)


def announce(options: Options, running: "Running", name: str) -> None:
    """Say where the page is, and open it where a person sees it. `name`: of what answers."""
    from web.access.opening import add_token, write_opening_file  # noqa: PLC0415
    from web.access.rules import list_advice  # noqa: PLC0415

    access = running.site.access
    say(f"{name}: {running.url if options.log_json else add_token(access, running.url)}")
    if options.log_json and access.has_token:  # which is nothing for a log that others read
        file = write_opening_file(access, running.url, options.data)
        say(f"To teach, open {file} in a browser on this machine.")
    if options.share:
        say(running.shared or "No public link could be had: it needs the internet.")
    for sentence in list_advice(access):
        say(sentence)
    if options.browser and not options.share and can_open_browser(os.environ, is_at_terminal()):
        webbrowser.open(write_opening_file(access, running.url, options.data))


def say(text: str) -> None:
    """Print a line where it can be read; a closed pipe or a full disk ends no page."""
    try:
        typer.echo(text)
    except OSError:
        discard_output()


def wait_for_signal(running: "Running") -> None:
    """Serve until Ctrl+C or SIGTERM; then answer what is under way.

    A training outlives a page that a person closed, and is told to end where the machine is.
    """
    received: list[int] = []
    ended = threading.Event()

    def note(number: int, _frame: object) -> None:
        received.append(number)
        ended.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, note)
    while not ended.wait(1):  # a signal that another thread took does not wake this one
        pass
    running.stop(end_training=signal.SIGTERM in received)


def read_metrics_token(environment: Mapping[str, str]) -> str:
    """Return the token with which `/metrics` is read.

    Raises: UserInputError where there is none.
    """
    token = environment.get("CLASSIFIER_METRICS_TOKEN", "").strip()
    if not token:
        raise UserInputError(
            "--metrics needs a token that whoever reads them sends. Set CLASSIFIER_METRICS_TOKEN."
        )
    return token


def choose_host() -> str:
    """Return the address to listen on: a Space's visitors come from outside its container."""
    return "0.0.0.0" if os.environ.get("SYSTEM") == "spaces" else "127.0.0.1"  # noqa: S104


def is_at_terminal() -> bool:
    """Tell whether a person types here and reads here; neither is there under pythonw."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


def can_open_browser(
    environment: Mapping[str, str], at_terminal: bool, platform: str = sys.platform
) -> bool:
    """Tell whether whoever started the page would see a browser that opens here.

    `environment`, `platform`: such as os.environ and sys.platform. Linux has a screen where a
    variable names it; macOS and Windows have one, but for those who came over ssh.
    """
    if not at_terminal or environment.get("CI") or environment.get("SYSTEM") == "spaces":
        return False
    if environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"):
        return True
    return platform in ("darwin", "win32") and not environment.get("SSH_CONNECTION")


if __name__ == "__main__":
    typer.run(main)
