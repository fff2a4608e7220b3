"""Pictures like this one: the labelled images that the model sees as most similar, for teachers.

They are looked for only when a teacher opens the section, so that no answer waits for them.
`tab.py` → `draw_similar` → `similar.js` → `POST /teach/similar`.
"""

from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.responses import Response
from starlette.routing import Route

from inference.certainty import normalise
from inference.classifier import Classifier
from inference.images import decode
from inference.versions.cards import name_for_display
from labelling.images.encoding import hash_bytes
from labelling.store.entries import Entry
from labelling.store.store import Store
from web.access.rules import Access
from web.access.teacher_routes import Call, post, reply
from web.try_it.feedback import Suggestions

_SHOWN = 5
# Cosine distances (0–2), up to which images are called so. With the shipped model's memory,
# validation images are 0.11 (median) from the nearest training image, 0.23 at the 95th
# percentile; two images picked at random are under 0.15 in 5% of all pairs, under 0.25 in 25%.
_WORDS = (
    (0.001, "the same picture"),
    (0.05, "almost the same"),
    (0.15, "very alike"),
    (0.25, "alike"),
)
_FAR = "not much alike"
_SECTION = (
    '<details class="similar" data-upload="{token}"><summary>Pictures like this one</summary>'
    '<p class="said" role="status"></p><ol class="found"></ol></details>'
)


@dataclass(frozen=True)
class Query:
    """What similar images are looked for: `embedding` (D,) float32; `sha256` of its file."""

    embedding: NDArray[np.float32]
    sha256: str


def draw_similar(store: Store, model: str, token: str) -> str:
    """Return the closed section for a teacher; empty where no image is labelled.

    `token`: what proves which upload the answer was for.
    """
    if not store.find(model, limit=1):
        return ""
    return _SECTION.format(token=escape(token))


def make_similar_route(suggestions: Suggestions, access: Access) -> Route:
    """Return `POST /teach/similar`: an upload token in, the most similar labelled images out."""

    def show(call: Call) -> Response:
        upload, data = suggestions.read_upload(call.get_text("upload"))
        classifier = suggestions.service.open(upload.prediction.model)
        image = decode(data, classifier.min_side)
        query = Query(classifier.predict([image])[0].embedding, hash_bytes(data))
        return reply(describe_similar(suggestions.store, classifier, query))

    return post(access, "/teach/similar", show)


def describe_similar(store: Store, classifier: Classifier, query: Query) -> dict[str, Any]:
    """Return the nearest labelled images as the page shows them, and a sentence about them."""
    entries = store.find(classifier.folder.parent.name)
    vectors = store.read_embeddings(
        classifier.card.backbone_key, [entry.sha256 for entry in entries]
    )
    seen = [entry for entry in entries if entry.sha256 in vectors]
    return {
        "sentence": _count(len(entries), len(seen)),
        "pictures": [_describe(*found) for found in find_nearest(seen, vectors, query)],
    }


def find_nearest(
    entries: list[Entry], vectors: dict[str, NDArray[np.float16]], query: Query
) -> list[tuple[Entry, float]]:
    """Return the nearest entries, each with its cosine distance (0–2), the nearest first.

    The same image is at distance 0 however it was stored.
    """
    if not entries:
        return []
    rows = normalise(np.stack([vectors[entry.sha256] for entry in entries]))
    distances = 1.0 - rows @ normalise(query.embedding[None])[0]
    same = [query.sha256 in (entry.sha256, entry.origin_sha256) for entry in entries]
    distances = np.where(same, 0.0, distances)
    order = np.argsort(distances, kind="stable")[:_SHOWN]
    return [(entries[i], float(distances[i])) for i in order]


def name_distance(distance: float) -> str:
    """Return in words how similar two images are to the model."""
    return next((words for limit, words in _WORDS if distance <= limit), _FAR)


def _describe(entry: Entry, distance: float) -> dict[str, str]:
    return {
        "sha256": entry.sha256,
        "label": name_for_display(entry.label),
        "alike": name_distance(distance),
        "name": entry.name,
    }


def _count(labelled: int, seen: int) -> str:
    if not labelled:
        return "No picture is labelled here any more."
    if not seen:
        return "This version has not looked at the labelled pictures yet. Quick does, under Teach."
    left = "" if seen == labelled else f"; {labelled - seen:,} it has not looked at yet"
    word = "picture" if seen == 1 else "pictures"
    return f"As this model sees it, among {seen:,} labelled {word}{left}."
