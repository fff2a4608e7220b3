"""Open the page: options → page → launch, on this machine, on a Space or with a share link.

python app.py --model hotdog
"""

import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from inference.errors import UserInputError
from inference.versions import find_version

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when gradio is imported

Model = Annotated[str, typer.Option(help="Model to answer with.", envvar="CLASSIFIER_MODEL")]
Version = Annotated[
    int | None,
    typer.Option(
        help="Version of the model.", show_default="the one in use", envvar="CLASSIFIER_VERSION"
    ),
]
Exported = Annotated[
    Path,
    typer.Option(
        help="Folder of frozen models.",
        show_default="exported, beside app.py",
        envvar="CLASSIFIER_EXPORTED",
    ),
]
Providers = Annotated[
    str,
    typer.Option(
        help="Where the network runs: auto (CUDA if it works, else the CPU), cpu, cuda…",
        envvar="CLASSIFIER_PROVIDERS",
    ),
]
Host = Annotated[
    str | None,
    typer.Option(
        help="Address to listen on; 0.0.0.0 lets other machines in.",
        show_default="127.0.0.1; 0.0.0.0 on a Space",
        envvar=["CLASSIFIER_HOST", "GRADIO_SERVER_NAME"],
    ),
]
Port = Annotated[
    int | None,
    typer.Option(
        help="Port to listen on.",
        show_default="the first free one from 7860",
        min=1,
        max=65535,
        envvar=["CLASSIFIER_PORT", "GRADIO_SERVER_PORT"],
    ),
]
Share = Annotated[
    bool,
    typer.Option(
        "--share/--no-share",
        help="Also ask Gradio for a public link, which lasts up to a week.",
        envvar="CLASSIFIER_SHARE",
    ),
]


def main(  # noqa: PLR0913, PLR0917  (one parameter an option)
    model: Model = "hotdog",
    version: Version = None,
    exported: Exported = Path(__file__).parent / "exported",
    providers: Providers = "auto",
    host: Host = None,
    port: Port = None,
    share: Share = False,
) -> None:
    """Open the page that answers for pictures, until Ctrl+C."""
    try:
        serve(find_version(exported, model, version), providers, host or choose_host(), port, share)
    except UserInputError as error:
        typer.echo(error, err=True)
        raise typer.Exit(2) from error


def serve(version_folder: Path, providers: str, host: str, port: int | None, share: bool) -> None:
    """Serve one version until the process is told to stop.

    Raises: UserInputError for a version, provider or port that cannot be used.
    """
    from inference.classifier import Classifier  # noqa: PLC0415  (--help need not wait for these)

    classifier = Classifier(version_folder, providers)
    from web.page import Address, launch, make_page  # noqa: PLC0415  (nor a wrong option)
    from web.temporary import use_own_folder  # noqa: PLC0415

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that the clean-up at exit runs
    use_own_folder()
    page = make_page(classifier)
    local, shared = launch(page, classifier, Address(host, port, share))
    typer.echo(
        f"{classifier.card.model} {classifier.card.version} on {classifier.provider}: {local}"
    )
    if share:
        typer.echo(shared or "No public link could be had: it needs the internet.")
    page.block_thread()


def choose_host() -> str:
    """Return the address to listen on: a Space's visitors come from outside its container."""
    return "0.0.0.0" if os.environ.get("SYSTEM") == "spaces" else "127.0.0.1"  # noqa: S104


if __name__ == "__main__":
    typer.run(main)
