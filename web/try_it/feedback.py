"""That's wrong: a visitor suggests what an image shows, for a teacher to look at.

Nothing is stored before the visitor agreed. An answer carries a signed upload token that says
which upload it was for and what was answered; only with it can a suggestion be made.
"""

import hashlib
import logging
import secrets
import threading
import time
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any

from itsdangerous import BadData, URLSafeTimedSerializer
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from inference.classifier import Prediction
from inference.errors import StorageError, UserInputError
from inference.versions.cards import name_for_display
from labelling.store.entries import Added, RecordedPrediction
from labelling.store.labels import MAX_LENGTH, check_label
from labelling.store.store import Store
from web.access.origins import is_cross_site, read_headers
from web.access.rate_limits import Limit, name_client
from web.access.rules import Access
from web.http.bodies import read_object
from web.http.errors import NotAllowedError, answering_errors
from web.serving import Service, record_prediction

VISITOR = "visitor"  # no address of anybody is kept
MAX_PENDING = 500  # images
MAX_NEW_NAMES = 30  # pending ones that are no class of the model
UNDO_SECONDS = 15  # the page offers it for ten
_TOKEN_SECONDS = 3600
_PURGE_SECONDS = 30 * 24 * 3600  # as `python -m labelling purge`
_MAX_BUTTONS = 12  # classes; any other is typed
_MAX_BODY = 10_000  # bytes
_NOT_KEPT = "Your picture could not be kept here. Try again later."
_LOST = "This picture is no longer here. Choose it again, then say what it is."


@dataclass(frozen=True)
class AnsweredUpload:
    """An upload, by its path and the visitor's name for it, and what was answered for it."""

    path: str
    name: str
    prediction: RecordedPrediction


@dataclass(frozen=True)
class _Withdrawal:
    """What may be undone, and until when (monotonic seconds)."""

    change: int
    until: float


class Suggestions:
    """Takes suggestions and withdraws them. Safe between threads."""

    def __init__(self, service: Service, access: Access, store: Store) -> None:
        self.service = service
        self.access = access
        self.store = store
        self.limit = Limit(each=20, all=400, seconds=3600)
        self._signer = URLSafeTimedSerializer(secrets.token_bytes(32), salt="upload")
        self._withdrawals: dict[str, _Withdrawal] = {}
        self._lock = threading.Lock()

    def make_upload_token(self, path: Path, name: str, prediction: Prediction) -> str:
        """Return what proves later that this upload was answered so."""
        upload = AnsweredUpload(str(path), name, record_prediction(prediction))
        return self._signer.dumps(asdict(upload))

    def suggest(self, values: dict[str, Any], client: str) -> dict[str, Any]:
        """Store an image as pending. Returns: `sentence`, and `undo` where that is possible.

        Raises: UserInputError where the visitor has not agreed, has suggested too much, or the
        image is gone; NotAllowedError where nobody would look at it.
        """
        self._check_open()
        if values.get("agreed") is not True:
            raise UserInputError("Nothing is kept before you agree to it. Press Send.")
        upload, data = self.read_upload(values.get("upload"))
        label = self._read_label(values.get("label"), upload.prediction.model)
        if not self.limit.take(client):
            raise UserInputError("That was a lot of suggestions. Come back in an hour.")
        self.store.purge(_PURGE_SECONDS)
        return self._thank(self._add(data, label, upload))

    def read_upload(self, token: object) -> tuple[AnsweredUpload, bytes]:
        """Return the upload that a token was made for, and its bytes.

        Raises: UserInputError where it is none of ours, too old, or the upload is gone.
        """
        try:
            found = self._signer.loads(str(token), max_age=_TOKEN_SECONDS)
            prediction = RecordedPrediction(**found["prediction"])
            data = Path(found["path"]).read_bytes()
        except (BadData, UnicodeEncodeError, FileNotFoundError) as error:
            raise UserInputError(_LOST) from error
        return AnsweredUpload(found["path"], found["name"], prediction), data

    def withdraw(self, values: dict[str, Any]) -> dict[str, Any]:
        """Take a suggestion back, for whoever holds its token.

        Raises: UserInputError where it is too late.
        """
        self._check_open()
        with self._lock:
            found = self._withdrawals.pop(str(values.get("undo")), None)
        if found is None or found.until < time.monotonic():
            raise UserInputError("It is too late to take this back here. Ask a teacher.")
        self.store.withdraw(found.change, VISITOR)
        return {"sentence": "Taken back."}

    def _check_open(self) -> None:
        if not self.access.can_anyone_teach:
            raise NotAllowedError("No suggestions are taken here: nobody would look at them.")

    def _read_label(self, label: object, model: str) -> str:
        """Return the class that is meant, however it was typed."""
        typed = check_label(label if isinstance(label, str) else "")
        names = self.service.open(model).card.class_names
        for name in names:
            if typed.casefold() in (name.casefold(), name_for_display(name).casefold()):
                return name
        self._check_room(typed, names)
        return typed

    def _check_room(self, label: str, names: tuple[str, ...]) -> None:
        """Raise UserInputError where visitors have made up too many names already."""
        pending = {entry.label for entry in self.store.find(None, states=("pending",))}
        if label not in pending and len(pending - set(names)) >= MAX_NEW_NAMES:
            raise UserInputError(
                "A teacher has enough new names to look at. Choose one that is there."
            )

    def _add(self, data: bytes, label: str, upload: AnsweredUpload) -> Added | None:
        """Store an image; None where a teacher has labelled this very image already."""
        if len(self.store.find(None, states=("pending",), limit=MAX_PENDING)) >= MAX_PENDING:
            raise UserInputError("A teacher has enough to look at. Come back another day.")
        try:
            return self.store.add(
                data,
                label,
                model=upload.prediction.model,
                state="pending",
                who=VISITOR,
                prediction=upload.prediction,
                name=upload.name,
            )
        except UserInputError:
            if self.store.knows([hashlib.sha256(data).hexdigest()]):
                return None
            raise

    def _thank(self, added: Added | None) -> dict[str, Any]:
        if added is None or not added.change:
            return {"sentence": "Thank you. A teacher has this picture already.", "undo": None}
        token, until = secrets.token_urlsafe(24), time.monotonic() + UNDO_SECONDS
        with self._lock:
            now = time.monotonic()
            self._withdrawals = {k: w for k, w in self._withdrawals.items() if w.until >= now}
            self._withdrawals[token] = _Withdrawal(added.change, until)
        return {"sentence": "Thank you. A teacher will look at it.", "undo": token}


def make_suggestion_routes(suggestions: Suggestions) -> list[BaseRoute]:
    """Return the routes: JSON in and out."""

    async def suggest(request: Request) -> JSONResponse:
        client = name_client(request, suggestions.access)
        return await _answer(request, lambda values: suggestions.suggest(values, client))

    async def withdraw(request: Request) -> JSONResponse:
        return await _answer(request, suggestions.withdraw)

    return [
        Route("/suggestions", answering_errors(suggest), methods=["POST"]),
        Route("/suggestions/withdraw", answering_errors(withdraw), methods=["POST"]),
    ]


def draw_feedback(prediction: Prediction, token: str) -> str:
    """Return what stands under the verdict: the question, the consent, the thanks."""
    others = [name for name in prediction.probabilities if name != prediction.label]
    buttons = "".join(
        f'<button type="button" data-label="{escape(name)}">{escape(name_for_display(name))}'
        "</button>"
        for name in others[:_MAX_BUTTONS]
    )
    return (
        f'<div class="wrong" data-state="closed" data-upload="{escape(token)}">'
        '<button type="button" class="quiet" data-wrong="open" aria-expanded="false">'
        "That’s wrong</button>"
        '<div class="ask" role="group" aria-label="What is it?" tabindex="-1"><p>What is it?</p>'
        f'<div class="buttons">{buttons}<button type="button" data-wrong="type">Something else'
        '</button></div><form class="typed" hidden><label>Its name '
        f'<input name="label" maxlength="{MAX_LENGTH}" required autocomplete="off"></label>'
        '<button>Next</button></form></div><div class="consent" tabindex="-1">'
        '<p>Your picture will be kept here, as <b class="chosen"></b>, for a teacher to look at.'
        '</p><div class="buttons"><button type="button" data-wrong="send">Send</button>'
        '<button type="button" data-wrong="close">Cancel</button></div></div>'
        '<p class="said" role="status"></p>'
        '<button type="button" class="quiet undo" data-wrong="undo" hidden>Undo</button></div>'
    )


async def _answer(request: Request, handle: Any) -> JSONResponse:  # noqa: ANN401
    if is_cross_site(read_headers(request)):
        raise NotAllowedError("Suggestions are taken from this page only.")
    values = await read_object(request, _MAX_BODY)
    try:
        return JSONResponse(await run_in_threadpool(handle, values))
    except StorageError as error:  # says where the data folder lies: not for visitors
        logging.getLogger(__name__).error("A suggestion could not be kept. %s", error)
        raise type(error)(_NOT_KEPT) from error
