# SPDX-License-Identifier: Apache-2.0
"""The loop of Dive into Deep Learning: a data set that makes a tensor of one image at a time, as torchvision's
does, a `DataLoader` with four workers, loss and accuracy added up at every step. The order is given instead of
drawn, and torchvision's few lines stand here, so that it needs no installing; all else is the book's."""

import time

import numpy as np
import torch
from PIL import Image
from serve import Request, given, serve
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torch_models import MODELS, model_of

WORKERS = 4

images, labels, cores = given()


class FashionMNIST(Dataset):
    """`torchvision.datasets.FashionMNIST` with `transforms.ToTensor()`: bytes in memory, a picture, then floats."""

    def __init__(self) -> None:
        self.data = torch.from_numpy(np.rint(images[:, 0] * 255).astype(np.uint8))
        self.targets = torch.from_numpy(labels)

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        picture, target = self.data[index], int(self.targets[index])
        return to_tensor(Image.fromarray(picture.numpy())), target


def to_tensor(picture: Image.Image) -> torch.Tensor:
    """As in `torchvision.transforms.functional`."""
    pixels = torch.from_numpy(np.array(picture, np.uint8, copy=True)).view(picture.size[1], picture.size[0], 1)
    return pixels.permute((2, 0, 1)).contiguous().to(dtype=torch.get_default_dtype()).div(255)


dataset = FashionMNIST()


def accuracy(y_hat: torch.Tensor, y: torch.Tensor) -> float:
    """How many predictions are right."""
    y_hat = y_hat.argmax(axis=1)
    compared = y_hat.type(y.dtype) == y
    return float(compared.type(y.dtype).sum())


def epoch(request: Request) -> tuple[float, list[float]]:
    net = model_of(request.model, request.weights)
    updater = torch.optim.SGD(net.parameters(), lr=request.lrs[0])
    loss = nn.CrossEntropyLoss(reduction="none")
    losses, right, count = [], 0.0, 0
    start = time.perf_counter()
    for X, y in DataLoader(dataset, request.batch, sampler=request.order.tolist(), num_workers=WORKERS):
        y_hat = net(X)
        each = loss(y_hat, y)
        updater.zero_grad()
        each.mean().backward()
        updater.step()
        losses.append(float(each.detach().sum()) / len(y))
        right, count = right + accuracy(y_hat, y), count + y.numel()
    return time.perf_counter() - start, losses


if __name__ == "__main__":
    torch.set_num_threads(cores)
    serve(f"PyTorch {torch.__version__}", epoch, list(MODELS))
