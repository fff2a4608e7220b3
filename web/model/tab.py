"""The Model tab: three sentences, the download and the versions; folded below, the details.

What a person wants stands first. The card, the plots, the contract and the code are folded away
for an engineer.
"""

import json
import re
from dataclasses import dataclass
from html import escape
from statistics import median
from typing import Any

import gradio as gr

from inference.classifier import Classifier
from inference.versions.cards import Card, Metrics, name_for_display, name_kind, name_split
from web.frame import format_size, name_provider_for_display, name_version
from web.model.versions import draw_versions
from web.serving import Service

_PLOTS = {
    "learning_curves.png": "Learning curves: loss and accuracy during training",
    "confusion.png": "Confusion matrix: true classes against answers",
    "reliability.png": "Reliability diagram: stated probability against the share that was right",
    "groups.png": "Accuracy in each group of pictures, with 95% intervals",
    "kinds.png": "Accuracy by what the pictures show, with 95% intervals",
    "worst.png": "The worst mistakes: the most confident wrong answers",
}
_PHOTOS = ("worst.png",)  # never inverted in dark mode, as plots are
_GEOMETRIES = {
    "crop": "the middle square of the picture",
    "squash": "the whole picture, squashed to a square",
    "pad": "the whole picture with grey bars",
}
_SPLITS = {  # the one furthest from training first
    "test": "test pictures, which it never learned from",
    "locked": "held-out pictures, which it never learned from",
    "validation": "validation pictures, which also chose its settings",
}
_WEAKEST = 4  # kinds of things that are named
NO_CARD = "This version was made by an earlier release and has no model card."
SNIPPETS = {
    "Python": """from gradio_client import Client, handle_file

client = Client("ADDRESS/")
answer = client.predict(handle_file("photo.jpg"), api_name="/classify")
print(answer["label"], answer["probabilities"])

for answer in client.predict(
    [handle_file("one.jpg"), handle_file("two.jpg")], api_name="/classify_many"
):
    print(answer)""",
    "JavaScript": """import { Client, handle_file } from "@gradio/client";

const client = await Client.connect("ADDRESS/");
const { data } = await client.predict("/classify", { picture: handle_file(photo) });
console.log(data[0].label, data[0].probabilities);""",
    "curl": "curl --data-binary @photo.jpg ADDRESS/api/classify",
    "onnxruntime, without this page": """import numpy as np, onnxruntime
from PIL import Image

session = onnxruntime.InferenceSession("model.onnx")
image = np.array(Image.open("photo.jpg").convert("RGB"))[None]  # (1, H, W, 3) uint8
print(session.run(["probabilities"], {"image": image})[0])""",
}
_LANGUAGES = {"JavaScript": "javascript", "curl": "bash"}  # else Python
# Not `gr.Code`, whose editor would be a quarter of what a first visit loads.
CODE = "\n\n".join(
    f"### {title}\n\n```{_LANGUAGES.get(title, 'python')}\n{code}\n```"
    for title, code in SNIPPETS.items()
)
# The browser fills in the address at which it found this page.
FILL_ADDRESS = f"""() => {{
  const address = location.origin + location.pathname;
  return {json.dumps(CODE)}.replaceAll('ADDRESS/', address);
}}"""


@dataclass(frozen=True)
class ModelTab:
    """The tab's components; all but the code follow the version that answers."""

    summary: gr.HTML
    download: gr.Button
    versions: gr.HTML
    card: gr.Markdown
    plots: gr.HTML
    contract: gr.HTML
    speed: gr.HTML
    code: gr.Markdown

    def list_components(self) -> list[gr.components.Component]:
        """Return those that `draw_model` draws, in its order."""
        return [
            self.summary,
            self.download,
            self.versions,
            self.card,
            self.plots,
            self.contract,
            self.speed,
        ]


def make_model_tab(service: Service, classifier: Classifier) -> ModelTab:
    """Lay the tab out inside the open `gr.Tab`, as a visitor sees it."""
    summary = _make_html(draw_summary(classifier.card))
    download = draw_download(classifier)
    versions = _make_html(draw_list(service, classifier, may_teach=False))
    with gr.Accordion("Model card", open=False, elem_id="card"):
        card = gr.Markdown(read_card_text(classifier), latex_delimiters=[])
    with gr.Accordion("Plots", open=False, elem_id="plots"):
        plots = _make_html(draw_plots(classifier))
    with gr.Accordion("Input, output and speed", open=False, elem_id="contract"):
        contract = _make_html(draw_contract(classifier.card))
        speed = _make_html(draw_speed(service, classifier))
    with gr.Accordion("Call it from code", open=False, elem_id="code"):
        code = gr.Markdown(CODE, latex_delimiters=[])
    return ModelTab(summary, download, versions, card, plots, contract, speed, code)


def draw_model(service: Service, classifier: Classifier, may_teach: bool) -> tuple[Any, ...]:
    """Return the values of `ModelTab.list_components`."""
    return (
        draw_summary(classifier.card),
        draw_download(classifier),
        draw_list(service, classifier, may_teach),
        read_card_text(classifier),
        draw_plots(classifier),
        draw_contract(classifier.card),
        draw_speed(service, classifier),
    )


def _make_html(html: str) -> gr.HTML:
    return gr.HTML(html, apply_default_css=False)


def draw_download(classifier: Classifier) -> gr.Button:
    """Return the link to the file; a `gr.DownloadButton` would copy it for every version."""
    model, version = classifier.folder.parent.name, classifier.folder.name
    return gr.Button(
        f"Download model.onnx ({format_size(classifier)})",
        link=f"model.onnx?model={model}&version={version}",
        variant="primary",
        elem_id="download",
    )


def draw_list(service: Service, classifier: Classifier, may_teach: bool) -> str:
    """Return the versions of the model that answers."""
    model, version = classifier.folder.parent.name, int(classifier.folder.name)
    public = None if may_teach else service.list_public(model)
    body = draw_versions(service.catalog, model, version, public=public)
    fault = service.find_fault(model)
    notice = f'<p class="fault" role="alert">{escape(fault)}</p>' if fault else ""
    return f'<section id="versions" tabindex="-1"><h2>Versions</h2>{notice}{body}</section>'


def draw_summary(card: Card) -> str:
    """Return the heading, how often it is right, at what it is weak, and what it is for."""
    title = f"{name_for_display(card.model)}, version {card.version}"
    sentences = [draw_accuracy(card), *map(escape, (describe_weakness(card), describe_use(card)))]
    items = "".join(f"<p>{sentence}</p>" for sentence in sentences if sentence)
    return f'<section id="model" tabindex="-1"><h2>{escape(title)}</h2>{items}</section>'


def draw_accuracy(card: Card) -> str:
    """Return how often it was right, and on which images."""
    split, metrics = _choose_split(card)
    if metrics is None:
        return "How often it is right has not been measured."
    top1 = metrics.top1
    return (
        f'<span class="headline"><b>{top1.value:.1%}</b> right:</span> {top1.correct:,} of '
        f"{top1.n:,} {_SPLITS[split]} (95% interval "
        f"{100 * top1.low:.1f}–{100 * top1.high:.1f}%)."
    )


def describe_weakness(card: Card) -> str:
    """Return which class it misses most often; empty where that was not measured."""
    _, metrics = _choose_split(card)
    rates = {name: rate for name, rate in metrics.per_class.items() if rate.n} if metrics else {}
    if len(rates) < 2:
        return ""
    worst = min(rates, key=lambda name: rates[name].value)
    wrong, n = rates[worst].n - rates[worst].correct, rates[worst].n
    return (
        f"It is weakest at {name_for_display(worst)}, of which it missed {wrong:,} of {n:,} "
        f"({wrong / n:.1%}).{describe_kinds(card)}"
    )


def describe_kinds(card: Card) -> str:
    """Return how often it is right on what it confuses most; empty where that was not measured."""
    split, kinds = card.list_kinds()
    if len(kinds) < 2:
        return ""
    words = [
        f"{name_kind(name)} (right {100 * rate.value:.0f} times in 100, n = {rate.n:,}, "
        f"95% interval {100 * rate.low:.0f}–{100 * rate.high:.0f})"
        for name, rate in kinds[:_WEAKEST]
    ]
    return f" Of what {name_split(split)} pictures show, it is weakest on {', '.join(words)}."


def describe_use(card: Card) -> str:
    """Return what it is for."""
    *names, last = [name_for_display(name) for name in card.class_names]
    words = f"{', '.join(names)} and {last} apart" if names else f"{last} from nothing else"
    rest = (
        f"; whatever is none of the others counts as {name_for_display(card.catch_all)}"
        if card.catch_all
        else "; it has no class for anything else"
    )
    return f"It is for telling {words} in pictures like those it was trained on{rest}."


def _choose_split(card: Card) -> tuple[str, Metrics | None]:
    """Return the measured split that says most of new images, and what was measured on it."""
    for split in _SPLITS:
        if split in card.metrics and card.metrics[split].top1.n:
            return split, card.metrics[split]
    return "", None


def read_card_text(classifier: Classifier) -> str:
    """Return a version's README.md to show on the page.

    Without its front matter and its plots, which stand beside it. It may come from elsewhere:
    no HTML and no image of it is kept.
    """
    try:
        text = (classifier.folder / "README.md").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return NO_CARD
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)
    text = re.sub(r"^!\[[^\]\n]*\]\([^)\n]*\)$\n*", "", text, flags=re.MULTILINE)
    return re.sub(r"\\?<", "&lt;", text).replace("![", "&#33;[")


def draw_plots(classifier: Classifier) -> str:
    """Return the report's plots that there are, each with words for who cannot see it."""
    report = classifier.folder / "report"
    address = f"report/{name_version(classifier)}"
    plots = "".join(
        f'<figure class="plot{" photos" if name in _PHOTOS else ""}">'
        f'<a href="{address}/{name}" target="_blank">'
        f'<img src="{address}/{name}" alt="{alt}" loading="lazy"></a>'
        f"<figcaption>{alt}</figcaption></figure>"
        for name, alt in _PLOTS.items()
        if (report / name).is_file()
    )
    return plots or "<p>This version has no plots.</p>"


def draw_contract(card: Card) -> str:
    """Return what goes into `model.onnx` and what comes out, with the order of the classes."""
    n = len(card.class_names)
    rows = (
        ("image", "uint8 (N, H, W, 3)", "RGB, upright, any height and width"),
        ("probabilities", f"float32 (N, {n})", "calibrated"),
        ("logits", f"float32 (N, {n})", "before the temperature"),
        ("embedding", "float32 (N, D)", "pooled features"),
        ("heatmap", f"float32 (N, {n}, h, w)", "class activation"),
    )
    body = "".join(
        f'<tr><th scope="row"><code>{name}</code></th><td>{shape}</td><td>{words}</td></tr>'
        for name, shape, words in rows
    )
    names = "".join(f"<li><code>{escape(name)}</code></li>" for name in card.class_names)
    size, part = card.input.size, _GEOMETRIES[card.input.geometry]
    return (
        f"<p>It sees {part}, scaled to {size} × {size} pixels inside the graph. The first row is "
        'the input, the others are outputs.</p><div class="scroll"><table class="figures">'
        f"<tbody>{body}</tbody></table></div><p>Class order of every output, from 0:</p>"
        f'<ol class="classes" start="0">{names}</ol>'
    )


def draw_speed(service: Service, classifier: Classifier) -> str:
    """Return how long answers took here, as measured while answering."""
    provider = escape(name_provider_for_display(classifier.provider))
    times = service.list_times(classifier)
    if not times:
        return f"<p>It runs here on {provider}. No answer has been timed yet.</p>"
    slow = sorted(times)[max(0, -(-95 * len(times) // 100) - 1)]
    measured = f"the median of the last {len(times):,} answers; 95th percentile {slow:.0f} ms"
    words = measured if len(times) > 1 else "one answer"
    return (
        f"<p>It runs here on {provider}: <b>{median(times):.0f} ms</b> a picture without decoding "
        f"({words}).</p>"
    )
