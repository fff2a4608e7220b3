"""The device that training runs on: CUDA, MPS or the CPU, in one process or several."""

import os

import torch
from accelerate import Accelerator

from inference.errors import UserInputError
from inference.process import count_usable_cores, keep_freed_memory


def make_accelerator(device: str = "auto") -> Accelerator:
    """Return Accelerate set up for CUDA (mixed precision), MPS or the CPU, and all processes.

    Raises: UserInputError if `torchrun` started several processes but they do not work together.
    """
    on_cuda = device in ("auto", "cuda") and torch.cuda.is_available()
    if device not in ("auto", "cpu", "cuda", "mps") or (device == "cuda" and not on_cuda):
        raise UserInputError(f"The device {device!r} is not available. Use auto, cpu, cuda or mps.")
    on_cpu = device == "cpu" or not (on_cuda or torch.backends.mps.is_available())
    precision = "no"
    if on_cuda:
        precision = "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    accelerator = Accelerator(cpu=on_cpu, mixed_precision=precision)
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if accelerator.num_processes != started:
        raise UserInputError(
            f"{started} processes were started but only {accelerator.num_processes} take part. "
            "Start with: torchrun --nproc_per_node N -m trainer train …"
        )
    if on_cpu:
        keep_freed_memory()
        torch.set_num_threads(max(1, count_usable_cores() // accelerator.num_processes))
    return accelerator
