"""Where a visitor gives images: a drop area, two buttons, paste and the examples.

A component of our own instead of `gr.Image`: one control takes one image or many, shows it
before it is sent, opens a phone's camera without asking for rights, and the server never opens
an image other than through `inference.images`.
"""

from dataclasses import dataclass
from html import escape
from pathlib import Path

import gradio as gr
from gradio.data_classes import FileData, GradioModel

from inference.images import MAX_BYTES
from web.serving import MAX_IMAGES

_HERE = Path(__file__).parent
EXAMPLES = _HERE.parent / "examples"


class SentImage(GradioModel):  # type: ignore[misc]
    """One chosen image. `file` is missing where it was too large to send.

    `shown`: whether the browser could show it (it cannot show HEIC).
    """

    name: str
    size: int
    shown: bool
    file: FileData | None = None


class Choice(GradioModel):  # type: ignore[misc]
    """What was chosen in one go; `token` comes back with its answer.

    `model`: empty for the usual one. `seen`: the version that the page shows, `hotdog/1`.
    """

    token: int
    images: list[SentImage]
    model: str = ""
    seen: str = ""


def make_chooser(examples: list[Path], *, shown: bool = True) -> gr.HTML:
    """Return the left side of the Try it tab: its value is a `Choice`, its event `upload`.

    `shown`: whether the model knows what the examples show; another may come into use.
    """
    template = (_HERE / "chooser.html").read_text(encoding="utf-8")
    template = template.replace("<!-- hidden -->", "" if shown else "hidden")
    chooser = gr.HTML(
        html_template=template.replace("<!-- examples -->", draw_examples(examples)),
        js_on_load=(_HERE / "chooser.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        elem_id="chooser",
        max_bytes=MAX_BYTES,
        max_images=MAX_IMAGES,
    )
    chooser.data_model = Choice  # not a subclass: Gradio would write a .pyi file beside this one
    return chooser


@dataclass(frozen=True)
class Example:
    """An image that ships with the page: `hot_dog-emoji.webp` is rightly a `hot_dog`."""

    path: Path

    @property
    def label(self) -> str:
        """The right answer."""
        return self.path.stem.partition("-")[0]


def list_examples(folder: Path) -> list[Path]:
    """Return the example images in a folder, classes taking turns."""
    paths = sorted(folder.glob("*.webp"))
    labels = [Example(path).label for path in paths]
    turns = [labels[:i].count(label) for i, label in enumerate(labels)]
    return [path for _, path in sorted(zip(turns, paths, strict=True))]


EXAMPLE_LABELS = frozenset(Example(path).label for path in list_examples(EXAMPLES))


def draw_examples(examples: list[Path]) -> str:
    """Return a row of buttons, each of which tries one example."""
    return "".join(
        f'<button type="button" data-example="examples/{escape(path.name)}" '
        f'aria-label="Try the example {i} of {len(examples)}">'
        f'<img src="examples/{escape(path.name)}" alt=""></button>'
        for i, path in enumerate(examples, 1)
    )
