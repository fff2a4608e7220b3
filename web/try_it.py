"""The Try it tab: pictures in, the answer beside them as soon as they are chosen."""

from collections.abc import Iterator
from pathlib import Path

import gradio as gr

from inference.errors import UserInputError
from inference.images import MAX_BYTES
from web.chooser import Choice, SentPicture, list_examples, make_chooser
from web.frame import draw_chip, draw_strip
from web.heatmap import encode_preview, make_overlay
from web.many import THUMBNAIL, Row, draw_progress, draw_table
from web.serving import Service, check_count, explain
from web.verdict import EMPTY, draw_answer, draw_error

EXAMPLES = Path(__file__).parent / "examples"
_PREVIEW = 1024  # pixels
_PROGRESS_STEP = 4  # pictures between two steps of the bar
_WAITING = '<div class="waiting" role="status"><p class="words"></p></div>'

Shown = tuple[str, str, str]


def add_try_it(service: Service, strip: gr.HTML, chip: gr.HTML) -> None:
    """Lay the tab out inside the open `gr.Tab`; an answer also renews the strip and the chip."""
    with gr.Row(elem_id="try-it", equal_height=False):
        with gr.Column(elem_id="picture-side", min_width=320):
            chooser = make_chooser(list_examples(EXAMPLES))
        with gr.Column(elem_id="answer-side", min_width=320):
            gr.HTML(_WAITING, apply_default_css=False, elem_id="waiting")
            answer = gr.HTML(EMPTY, apply_default_css=False, elem_id="answer")

    def respond(choice: Choice) -> Iterator[Shown]:
        for html, milliseconds in answer_choice(service, choice):
            yield html, draw_strip(service), draw_chip(service.classifier, milliseconds)

    chooser.upload(
        respond,
        chooser,
        [answer, strip, chip],
        api_visibility="private",
        concurrency_id="classify",
        show_progress="hidden",
        trigger_mode="multiple",
    ).failure(js="() => window.dispatchEvent(new Event('unanswered'))", api_visibility="private")


def answer_choice(service: Service, choice: Choice) -> Iterator[tuple[str, float | None]]:
    """Yield HTML for one or several pictures, with the milliseconds that one picture took."""
    try:
        check_count(len(choice.pictures))
        if len(choice.pictures) == 1:
            yield answer_one(service, choice.pictures[0], choice.token)
        else:
            for html in answer_many(service, choice):
                yield html, None
    except Exception as error:  # noqa: BLE001  (the edge of the page: a sentence, never silence)
        yield draw_error(explain(error), choice.token), None


def answer_one(service: Service, picture: SentPicture, token: int) -> tuple[str, float]:
    """Return the answer for one picture as HTML, and the milliseconds it took.

    Raises: UserInputError.
    """
    image, prediction = service.answer_file(find_file(picture))
    card = service.classifier.card
    overlay = make_overlay(prediction, card.class_names, image.shape[:2], card.input)
    preview = None if picture.shown else encode_preview(image, _PREVIEW)
    return draw_answer(prediction, card, overlay, preview, token), prediction.milliseconds


def answer_many(service: Service, choice: Choice) -> Iterator[str]:
    """Yield a bar that fills, then the table; a file that cannot be read is a row of it."""
    rows: list[Row] = []
    for picture in choice.pictures:
        if len(rows) % _PROGRESS_STEP == 0:
            yield draw_progress(len(rows), len(choice.pictures), choice.token)
        rows.append(make_row(service, picture))
    yield draw_table(rows, service.classifier.card, choice.token)


def make_row(service: Service, picture: SentPicture) -> Row:
    """Return one picture's row, whatever happens."""
    try:
        image, prediction = service.answer_file(find_file(picture))
    except Exception as error:  # noqa: BLE001  (one bad file is not the end of the others)
        return Row(picture.name, error=explain(error))
    return Row(picture.name, prediction, encode_preview(image, THUMBNAIL))


def find_file(picture: SentPicture) -> Path:
    """Return where a sent picture lies.

    Raises: UserInputError where it was too large to send, or got lost on its way.
    """
    if picture.file is not None:
        return Path(picture.file.path)
    if picture.size > MAX_BYTES:
        raise UserInputError(
            f"This file has {picture.size / 1e6:.0f} MB; at most {MAX_BYTES / 1e6:.0f} MB are "
            "taken. Send a smaller copy."
        )
    raise UserInputError("This file did not arrive. Check the connection and choose it again.")
