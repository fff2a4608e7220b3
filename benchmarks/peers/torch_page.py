"""Peer 1: a Gradio page with a PIL picture, torch in eager mode, the same backbone and weights.

python -m benchmarks.peers.torch_page VERSION_FOLDER PORT
"""

import json
import sys
from pathlib import Path

import gradio as gr
import timm
import torch
from PIL import Image
from safetensors.torch import load_file
from torchvision import transforms

folder, port = Path(sys.argv[1]), int(sys.argv[2])
card = json.loads((folder / "model.json").read_text(encoding="utf-8"))
model = timm.create_model(card["backbone"], num_classes=len(card["class_names"]))
model.load_state_dict(load_file(folder / "checkpoint.safetensors"))
model.eval()
size = card["input"]["size"]
transform = transforms.Compose(
    [
        transforms.Resize(256, transforms.InterpolationMode.BICUBIC),
        transforms.CenterCrop(size),
        transforms.ToTensor(),
        transforms.Normalize(card["input"]["mean"], card["input"]["std"]),
    ]
)


def predict(image: Image.Image) -> dict[str, float]:
    """Return class name → probability."""
    with torch.no_grad():
        scores = torch.softmax(model(transform(image).unsqueeze(0))[0], dim=0)
    return dict(zip(card["class_names"], scores.tolist(), strict=True))


if __name__ == "__main__":
    page = gr.Interface(predict, gr.Image(type="pil"), gr.Label(num_top_classes=3))
    page.launch(server_name="127.0.0.1", server_port=port)
