"""Torch-free inference: picture bytes in, a `Prediction` out of a frozen ONNX network.

Every folder of ours imports this package first, before the libraries that report home: they read
these variables when they are imported, and onnxruntime would leave a device id in the home folder.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
