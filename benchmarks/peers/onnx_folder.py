"""Peer 4: plain onnxruntime on the same file, torchvision's resizing before it, in a loop.

python -m benchmarks.peers.onnx_folder MODEL_FILE FOLDER
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort
from PIL import Image
from torchvision import transforms

session = ort.InferenceSession(sys.argv[1])
resize = transforms.Resize((256, 256), transforms.InterpolationMode.BICUBIC)
for path in sorted(Path(sys.argv[2]).iterdir()):
    image = np.asarray(resize(Image.open(path).convert("RGB")))
    [[probabilities]] = session.run(["probabilities"], {"image": image[None]})
    sys.stdout.write(f"{path.name} {probabilities.argmax()} {probabilities.max():.4f}\n")
