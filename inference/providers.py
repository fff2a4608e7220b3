"""Opening a frozen network with the provider that was asked for, and saying which it got.

onnxruntime warns and falls back to the CPU when a provider cannot be had
(microsoft/onnxruntime issue 23372): only a made session's own list is believed.
"""

import ctypes
import sys
from collections.abc import Callable
from pathlib import Path

import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as failures

from inference.errors import UserInputError
from inference.process import count_usable_cores

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
_NAMES = {
    "cpu": CPU,
    "cuda": CUDA,
    "tensorrt": "TensorrtExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
    "rocm": "ROCMExecutionProvider",
    "migraphx": "MIGraphXExecutionProvider",
}

# What onnxruntime raises for a network that it cannot open.
_FAILURES = (
    *(failures.Fail, failures.InvalidArgument, failures.InvalidGraph, failures.InvalidProtobuf),
    *(failures.NoModel, failures.NoSuchFile, failures.NotImplemented, failures.RuntimeException),
    *(failures.EPFail, failures.EngineError),
)

Check = Callable[[ort.InferenceSession], str | None]


def name_provider(session: ort.InferenceSession) -> str:
    """Return the short name of the provider that the session really uses, such as `cpu`."""
    used = session.get_providers()[0]
    return next((short for short, name in _NAMES.items() if name == used), used)


def list_providers() -> list[str]:
    """Return the short names of the providers that this onnxruntime was built with."""
    built = ort.get_available_providers()
    return [short for short, name in _NAMES.items() if name in built]


def make_session(model_path: Path, wanted: str, check: Check) -> ort.InferenceSession:
    """Open a network with `auto` (CUDA where it works, else the CPU) or a provider by name.

    `check` returns a sentence if a session that is not the CPU's answers wrongly.
    Raises: UserInputError where a named provider is unknown, cannot be had or answers wrongly.
    """
    if wanted == "auto":
        return _try_provider(model_path, CUDA, check)[0] or open_session(model_path, CPU)
    if wanted not in _NAMES:
        raise UserInputError(
            f"There is no provider {wanted!r}. Choose among auto, {', '.join(list_providers())}."
        )
    if wanted == "cpu":
        return open_session(model_path, CPU)
    session, reason = _try_provider(model_path, _NAMES[wanted], check)
    if session is None:
        raise UserInputError(f"{wanted} cannot be had: {reason} Use auto or cpu.")
    return session


def open_session(model: Path | bytes, provider: str = CPU) -> ort.InferenceSession:
    """Open a network, from its file or its bytes, with as many threads as we have cores.

    Raises: UserInputError for what onnxruntime cannot open.
    """
    if provider == CUDA and hasattr(ort, "preload_dlls"):
        ort.preload_dlls()
    options = ort.SessionOptions()
    options.intra_op_num_threads = count_usable_cores()
    options.inter_op_num_threads = 1
    # Threads that spin while they wait take the cores from whoever decodes the next picture: two
    # pictures at once were 206 a second with, and 262 without; one alone 3.5 and 3.9 ms.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = False  # the arena never gives back the memory of a large batch
    providers = [provider] if provider == CPU else [provider, CPU]
    source = model if isinstance(model, bytes) else str(model)
    try:
        return ort.InferenceSession(source, options, providers=providers)
    except _FAILURES as error:
        name = "This network" if isinstance(model, bytes) else str(model)
        reason = str(error).partition("\n")[0][:200]
        raise UserInputError(f"{name} cannot be opened: {reason} Use another version.") from error


def _try_provider(
    model_path: Path, provider: str, check: Check
) -> tuple[ort.InferenceSession | None, str]:
    """Return a session that really uses the provider, or None and a sentence that says why not."""
    if provider not in ort.get_available_providers():
        return None, f"this onnxruntime was built with {', '.join(list_providers())} only."
    if provider == CUDA and not _has_cuda_driver():
        return None, "this machine has no CUDA driver."
    session = open_session(model_path, provider)
    if session.get_providers()[0] != provider:
        return None, "onnxruntime could not start it (its log says why)."
    wrong = check(session)
    return (None, wrong) if wrong else (session, "")


def _has_cuda_driver() -> bool:
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True
