"""Torch-free inference: picture bytes in, a `Prediction` out of a frozen ONNX network."""
