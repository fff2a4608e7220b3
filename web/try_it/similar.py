"""Pictures like this one: the labelled pictures that the network sees as most alike, for teachers.

They are looked for only when a teacher opens the section, so that no answer waits for them.
`try_it` → `draw_neighbours` → `similar.js` → `POST /teach/neighbours`.
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
# Cosine distances (0–2), up to which pictures are called so. With the shipped network's memory,
# validation pictures are 0.11 (median) from the nearest training picture, 0.23 at the 95th
# percentile; two pictures picked at random are under 0.15 in 5% of all pairs, under 0.25 in 25%.
_WORDS = (
    (0.001, "the same picture"),
    (0.05, "almost the same"),
    (0.15, "very alike"),
    (0.25, "alike"),
)
_FAR = "not much alike"
_SECTION = (
    '<details class="near" data-slip="{slip}"><summary>Pictures like this one</summary>'
    '<p class="said" role="status"></p><ol class="found"></ol></details>'
)


@dataclass(frozen=True)
class Asked:
    """A picture whose neighbours are wanted. `embedding` (D,) float32; `sha256` of its file."""

    embedding: NDArray[np.float32]
    sha256: str


def draw_neighbours(store: Store, model: str, slip: str) -> str:
    """Return the closed section for a teacher; empty where no picture is labelled.

    `slip`: what proves which upload the answer was for.
    """
    if not store.find(model, limit=1):
        return ""
    return _SECTION.format(slip=escape(slip))


def make_neighbour_route(suggestions: Suggestions, access: Access) -> Route:
    """Return `POST /teach/neighbours`: a slip in, the nearest labelled pictures out."""

    def show(call: Call) -> Response:
        slip, data = suggestions.read_upload(call.get_text("slip"))
        classifier = suggestions.service.open(slip["model"])
        image = decode(data, classifier.min_side)
        asked = Asked(classifier.predict([image])[0].embedding, hash_bytes(data))
        return reply(describe_neighbours(suggestions.store, classifier, asked))

    return post(access, "/teach/neighbours", show)


def describe_neighbours(store: Store, classifier: Classifier, asked: Asked) -> dict[str, Any]:
    """Return the nearest labelled pictures as the page shows them, and a sentence about them."""
    entries = store.find(classifier.folder.parent.name)
    vectors = store.read_embeddings(
        classifier.card.backbone_key, [entry.sha256 for entry in entries]
    )
    seen = [entry for entry in entries if entry.sha256 in vectors]
    return {
        "sentence": _count(len(entries), len(seen)),
        "pictures": [_describe(*found) for found in find_nearest(seen, vectors, asked)],
    }


def find_nearest(
    entries: list[Entry], vectors: dict[str, NDArray[np.float16]], asked: Asked
) -> list[tuple[Entry, float]]:
    """Return the nearest entries, each with its cosine distance (0–2), the nearest first.

    The same picture is at distance 0 however it was stored.
    """
    if not entries:
        return []
    rows = normalise(np.stack([vectors[entry.sha256] for entry in entries]))
    distances = 1.0 - rows @ normalise(asked.embedding[None])[0]
    same = [asked.sha256 in (entry.sha256, entry.origin_sha256) for entry in entries]
    distances = np.where(same, 0.0, distances)
    order = np.argsort(distances, kind="stable")[:_SHOWN]
    return [(entries[i], float(distances[i])) for i in order]


def name_distance(distance: float) -> str:
    """Return in words how alike two pictures are to the network."""
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
    return f"As this network sees it, among {seen:,} labelled {word}{left}."
