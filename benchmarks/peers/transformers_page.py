"""Peer 2: a Gradio page with a transformers pipeline of a ViT-B/16; random weights, for the time.

python -m benchmarks.peers.transformers_page PORT
"""

import sys

import gradio as gr
from PIL import Image
from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessor, pipeline

classifier = pipeline(
    "image-classification",
    model=ViTForImageClassification(ViTConfig(num_labels=2)),
    image_processor=ViTImageProcessor(),
)


def predict(image: Image.Image) -> dict[str, float]:
    """Return class name → probability."""
    return {found["label"]: found["score"] for found in classifier(image)}


if __name__ == "__main__":
    page = gr.Interface(predict, gr.Image(type="pil"), gr.Label(num_top_classes=3))
    page.launch(server_name="127.0.0.1", server_port=int(sys.argv[1]))
