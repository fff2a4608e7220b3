"""The page's API: `/classify` and `/classify_many`, for gradio_client, JavaScript and curl."""

from pathlib import Path
from typing import Any

import gradio as gr

from inference.classifier import Classifier
from inference.errors import UserInputError
from web.serving import Service, check_count, explain

Upload = dict[str, Any]  # Gradio's description of a file that it has checked to be an upload
_NONE = "There was no picture in this call. Send one."


def add_api(service: Service) -> None:
    """Add both endpoints to the open `gr.Blocks`; nothing of them is seen on the page."""
    picture = gr.File(label="Picture", visible=False)
    pictures = gr.File(label="Pictures", file_count="multiple", visible=False)
    heatmap = gr.Checkbox(False, label="With heatmap", visible=False)
    model = gr.Textbox(None, label="Model; the usual one if there is none", visible=False)
    one, several = gr.JSON(visible=False), gr.JSON(visible=False)

    def classify(
        picture: Upload | None, heatmap: bool | None = False, model: str | None = None
    ) -> dict[str, Any]:
        return answer_call(service, picture, bool(heatmap), model)

    def classify_many(
        pictures: list[Upload] | None, model: str | None = None
    ) -> list[dict[str, Any]]:
        return answer_calls(service, pictures or [], model)

    # Without preprocessing: gr.File would read all files at once, or leave a second one of each.
    shared = {"concurrency_id": "classify", "show_progress": "hidden", "preprocess": False}
    picture.upload(
        classify,
        [picture, heatmap, model],
        one,
        api_name="classify",
        api_description="Answer for one picture: label, probability of each class, certainty.",
        **shared,
    )
    pictures.upload(
        classify_many,
        [pictures, model],
        several,
        api_name="classify_many",
        api_description="Answer for several pictures, in the order given.",
        **shared,
    )


def answer_call(
    service: Service, picture: Upload | None, heatmap: bool, model: str | None = None
) -> dict[str, Any]:
    """Return one picture's prediction as JSON values.

    Raises: gr.Error with the sentence that a visitor of the page would read.
    """
    try:
        data = _read(picture)
        answer = service.answer(data, _check_text(model))
        return answer.prediction.to_json(with_heatmap=heatmap)
    except Exception as error:  # the edge of the API: a sentence, never null
        raise gr.Error(explain(error), print_exception=False) from error


def answer_calls(
    service: Service, pictures: list[Upload], model: str | None = None
) -> list[dict[str, Any]]:
    """Return a prediction, or `{"error": sentence}`, for each picture in the order given.

    All by one version, whatever comes into use meanwhile.
    Raises: gr.Error for more pictures than are taken in one go, or a model that does not exist.
    """
    try:
        if not isinstance(pictures, list):
            raise UserInputError(_NONE)
        check_count(len(pictures))
        classifier = service.open(_check_text(model))
    except Exception as error:
        raise gr.Error(explain(error), print_exception=False) from error
    return [_answer_or_error(service, classifier, picture) for picture in pictures]


def _answer_or_error(service: Service, classifier: Classifier, picture: object) -> dict[str, Any]:
    try:
        return service.answer_by(classifier, _read(picture)).prediction.to_json()
    except Exception as error:  # noqa: BLE001  (one bad picture is not the end of the others)
        return {"error": explain(error)}


def _read(picture: object) -> bytes:
    """Return an upload's bytes; a call may bring anything in its place.

    Raises: UserInputError where it is none, or not there any more.
    """
    path = picture.get("path") if isinstance(picture, dict) else None
    if not isinstance(path, str):
        raise UserInputError(_NONE)
    try:
        return Path(path).read_bytes()
    except (FileNotFoundError, IsADirectoryError) as error:
        raise UserInputError("This picture is not here any more. Send it again.") from error


def _check_text(model: object) -> str | None:
    """Return the name of a model, or None.

    Raises: UserInputError for anything else.
    """
    if model is None or isinstance(model, str):
        return model
    raise UserInputError("A model is named by text. Give its name, or none.")
