"""The Try it tab: images in, the answer beside them as soon as they are chosen."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from inference.classifier import Classifier
from inference.errors import UserInputError
from inference.images import MAX_BYTES
from web.access.rules import Access
from web.serving import Response, Service, check_count, explain
from web.try_it.chooser import (
    EXAMPLE_LABELS,
    EXAMPLES,
    Choice,
    SentImage,
    list_examples,
    make_chooser,
)
from web.try_it.feedback import Suggestions, draw_feedback
from web.try_it.heatmap import encode_preview, make_overlay
from web.try_it.models import make_models
from web.try_it.similar import draw_similar
from web.try_it.table import THUMBNAIL, Row, draw_progress, draw_table
from web.try_it.verdict import EMPTY, draw_answer, draw_error

_PREVIEW = 1024  # pixels
_PROGRESS_STEP = 4  # images between two steps of the bar
_WAITING = '<div class="waiting" role="status"><p class="words"></p></div>'
DrawAfter = Callable[[Response | None, str, gr.Request], tuple[Any, ...]]


@dataclass(frozen=True)
class TryIt:
    """The tab's components."""

    models: gr.Dropdown
    chooser: gr.HTML
    answer: gr.HTML


def add_try_it(service: Service) -> TryIt:
    """Lay the tab out inside the open `gr.Tab`; `connect` makes it answer."""
    with gr.Row(elem_id="try-it", equal_height=False):
        with gr.Column(elem_id="picture-side", min_width=320):
            models = make_models(service)
            known = set(service.open().card.class_names) >= EXAMPLE_LABELS
            chooser = make_chooser(list_examples(EXAMPLES), shown=known)
        with gr.Column(elem_id="answer-side", min_width=320):
            gr.HTML(_WAITING, apply_default_css=False, elem_id="waiting")
            answer = gr.HTML(EMPTY, apply_default_css=False, elem_id="answer")
    return TryIt(models, chooser, answer)


@dataclass(frozen=True)
class Around:
    """Components outside the tab that an answer changes, and what draws them.

    `draw`: (response, the version that this visitor's page shows, request) → their values.
    """

    components: Sequence[Any]
    draw: DrawAfter


def connect(
    tab: TryIt, service: Service, access: Access, suggestions: Suggestions | None, around: Around
) -> None:
    """Answer as soon as images are chosen. `suggestions`: None where nobody looks at them."""

    def respond(choice: Choice | None, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        if choice is None:
            raise gr.Error("There was no picture in this call. Send one.", print_exception=False)
        is_teacher = access.may_teach(request)
        for html, last in answer_choice(service, choice, suggestions, is_teacher):
            yield html, *around.draw(last, choice.seen, request)

    tab.chooser.upload(
        respond,
        tab.chooser,
        [tab.answer, *around.components],
        api_visibility="private",
        concurrency_id="classify",
        show_progress="hidden",
        trigger_mode="multiple",
    ).failure(js="() => window.dispatchEvent(new Event('unanswered'))", api_visibility="private")


def answer_choice(
    service: Service,
    choice: Choice,
    suggestions: Suggestions | None = None,
    is_teacher: bool = False,
) -> Iterator[tuple[str, Response | None]]:
    """Yield HTML for one or several images, with the last response.

    `is_teacher`: whether this visitor may see labelled images.
    """
    try:
        check_count(len(choice.images))
        classifier = service.open(choice.model or None)
        if len(choice.images) == 1:
            path = find_file(choice.images[0])
            response = service.answer_by(classifier, path.read_bytes())
            more = ""
            if suggestions is not None:
                more = draw_more(suggestions, path, choice.images[0].name, response, is_teacher)
            yield draw_one(response, choice, more), response
        else:
            yield from answer_many(service, classifier, choice)
    except Exception as error:  # noqa: BLE001  (the edge of the page: a sentence, never silence)
        yield draw_error(explain(error), choice.token), None


def draw_one(response: Response, choice: Choice, more: str) -> str:
    """Return the answer for the one image that was chosen; `more`: what stands at its end."""
    image, prediction, card = response.image, response.prediction, response.classifier.card
    overlay = make_overlay(prediction, card.class_names, image.shape[:2], card.input)
    preview = None if choice.images[0].shown else encode_preview(image, _PREVIEW)
    return draw_answer(prediction, card, overlay, preview, choice.token, more)


def draw_more(
    suggestions: Suggestions, path: Path, name: str, response: Response, is_teacher: bool
) -> str:
    """Return what is offered under an answer: similar images, to teachers; That's wrong."""
    prediction = response.prediction
    token = suggestions.make_upload_token(path, name, prediction)
    model = response.classifier.folder.parent.name
    similar = draw_similar(suggestions.store, model, token) if is_teacher else ""
    return similar + draw_feedback(prediction, token)


def answer_many(
    service: Service, classifier: Classifier, choice: Choice
) -> Iterator[tuple[str, Response | None]]:
    """Yield a bar that fills, then the table; a file that cannot be read is a row of it.

    All rows are by one version, whatever comes into use meanwhile.
    """
    rows: list[Row] = []
    last: Response | None = None
    for sent in choice.images:
        if len(rows) % _PROGRESS_STEP == 0:
            yield draw_progress(len(rows), len(choice.images), choice.token), last
        row, response = make_row(service, classifier, sent)
        rows.append(row)
        last = response or last
    yield draw_table(rows, classifier.card, choice.token), last


def make_row(
    service: Service, classifier: Classifier, sent: SentImage
) -> tuple[Row, Response | None]:
    """Return one image's row, whatever happens."""
    try:
        response = service.answer_by(classifier, find_file(sent).read_bytes())
    except Exception as error:  # noqa: BLE001  (one bad file is not the end of the others)
        return Row(sent.name, error=explain(error)), None
    return Row(sent.name, response.prediction, encode_preview(response.image, THUMBNAIL)), response


def find_file(sent: SentImage) -> Path:
    """Return where a sent image lies.

    Raises: UserInputError where it was too large to send, or got lost on its way.
    """
    if sent.file is not None and Path(sent.file.path).is_file():
        return Path(sent.file.path)
    if sent.size > MAX_BYTES:
        raise UserInputError(
            f"This file has {sent.size / 1e6:.0f} MB; at most {MAX_BYTES / 1e6:.0f} MB are "
            "taken. Send a smaller copy."
        )
    raise UserInputError("This file did not arrive. Check the connection and choose it again.")
