"""How to call the page from code, with the page's own address filled in by the browser."""

from html import escape

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
    "curl": """curl --data-binary @photo.jpg ADDRESS/api/classify""",
    "onnxruntime": """# without this page: the network holds its own preprocessing
import numpy as np, onnxruntime
from PIL import Image

session = onnxruntime.InferenceSession("model.onnx")
image = np.array(Image.open("photo.jpg").convert("RGB"))[None]  # (1, H, W, 3) uint8
print(session.run(["probabilities"], {"image": image})[0])""",
}


def draw_snippets() -> str:
    """Return every snippet as a figure with a copy button."""
    return "".join(_draw_snippet(title, code) for title, code in SNIPPETS.items())


def _draw_snippet(title: str, code: str) -> str:
    filled = escape(code).replace("ADDRESS/", "<span data-address>ADDRESS/</span>")
    return (
        f'<figure class="snippet"><figcaption>{title}'
        f'<button type="button" class="copy" aria-label="Copy the {title} code">Copy</button>'
        f'</figcaption><pre tabindex="0"><code>{filled}</code></pre></figure>'
    )
