"""A plain training loop, as PyTorch's transfer-learning tutorial has it; prints pictures a second.

python -m benchmarks.peers.torch_training FOLDER WEIGHTS BACKBONE SIZE BATCH WORKERS
"""

import sys
import time

import timm
import torch
from safetensors.torch import load_file
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms


def main(folder: str, weights: str, backbone: str, numbers: list[int]) -> None:
    """Train for one epoch. `numbers`: size in pixels, pictures a batch, workers."""
    size, batch, workers = numbers
    transform = transforms.Compose(
        [
            transforms.RandomResizedCrop(size),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]),
        ]
    )
    pictures = datasets.ImageFolder(folder, transform)
    loader = DataLoader(pictures, batch, shuffle=True, num_workers=workers, drop_last=True)
    model = timm.create_model(backbone, num_classes=len(pictures.classes))
    model.load_state_dict(load_file(weights))
    model.train()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    start, seen = time.perf_counter(), 0
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), labels)
        loss.backward()
        optimizer.step()
        seen += len(labels)
    sys.stdout.write(f"{seen / (time.perf_counter() - start)}\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], [int(number) for number in sys.argv[4:7]])
