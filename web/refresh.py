"""What is drawn anew when another version answers: strip, chip, title and the Model tab."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from inference.classifier import Classifier
from web.access.rules import Access
from web.frame import draw_chip, draw_strip, draw_title, name_version
from web.model.tab import ModelTab, draw_model, draw_speed
from web.serving import Response, Service
from web.try_it.chooser import EXAMPLE_LABELS


@dataclass(frozen=True)
class Refresh:
    """The components around the answer, and what draws them."""

    service: Service
    access: Access
    strip: gr.HTML
    chip: gr.HTML
    title: gr.HTML
    model: ModelTab

    def list_components(self) -> list[Any]:
        """Return them in the order in which they are drawn."""
        return [self.strip, self.chip, self.title, *self.model.list_components()]

    def draw(self, classifier: Classifier, request: gr.Request) -> tuple[Any, ...]:
        """Return everything as one visitor may see it."""
        return (
            draw_strip(self.service, classifier),
            draw_chip(classifier),
            draw_title(classifier.card, EXAMPLE_LABELS),
            *draw_model(self.service, classifier, self.access.may_teach(request)),
        )

    def draw_after(
        self, response: Response | None, seen: str, request: gr.Request
    ) -> tuple[Any, ...]:
        """Return what an answer changes; `seen`: the version that this visitor's page shows."""
        skipped = (gr.skip(),) * len(self.list_components())
        if response is None:
            return skipped
        classifier = response.classifier
        strip = draw_strip(self.service, classifier)
        chip = draw_chip(classifier, response.prediction.milliseconds)
        if seen != name_version(classifier):
            return strip, chip, *self.draw(classifier, request)[2:]
        return strip, chip, *skipped[3:], draw_speed(self.service, classifier)
