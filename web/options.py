"""What the page may be told on its command line or by the environment."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

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
Data = Annotated[
    Path,
    typer.Option(
        help="Folder of labelled pictures and of versions trained here.",
        show_default="data, beside app.py",
        envvar="CLASSIFIER_DATA",
    ),
]
Teach = Annotated[
    bool,
    typer.Option(
        "--teach/--no-teach",
        help="Let teachers label, train and publish: who opens the address that is printed, or "
        "signs in.",
        envvar="CLASSIFIER_TEACH",
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
Proxy = Annotated[
    str,
    typer.Option(
        help="Address or network of the proxy in front of this page, such as 10.0.0.5 or "
        "10.0.0.0/8; what it reports as a visitor's address is believed.",
        show_default="none; a Space's own on a Space",
        envvar="CLASSIFIER_PROXY",
    ),
]
LogJson = Annotated[
    bool,
    typer.Option(
        "--log-json/--no-log-json",
        help="Log each request, and all else that is said, as one JSON object a line.",
        envvar="CLASSIFIER_LOG_JSON",
    ),
]
Metrics = Annotated[
    bool,
    typer.Option(
        "--metrics/--no-metrics",
        help="Answer /metrics, for Prometheus, with the token in CLASSIFIER_METRICS_TOKEN.",
        envvar="CLASSIFIER_METRICS",
    ),
]
Browser = Annotated[
    bool,
    typer.Option(
        "--browser/--no-browser",
        help="Open the browser too, where a person at a terminal here starts the page.",
        envvar="CLASSIFIER_BROWSER",
    ),
]


@dataclass(frozen=True)
class Options:
    """How the page is opened. `version` and `port`: None for the one in use, and a free one."""

    model: str
    version: int | None
    exported: Path
    data: Path
    teach: bool
    providers: str
    host: str
    port: int | None
    share: bool
    proxy: str
    log_json: bool
    metrics: bool
    browser: bool
