# SPDX-License-Identifier: Apache-2.0
"""The twin: a PyTorch training loop over images in memory, written as well as PyTorch allows.

Reads requests as JSON lines, answers each with one. It never imports Shoal: images, initial weights and the
order of examples come in a file, so that both sides compute the same epoch.
"""

import json
import sys
import time

import numpy as np
import torch
from torch import nn


def lenet(activation: type[nn.Module], pooling: type[nn.Module]) -> nn.Sequential:
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), activation(), pooling(2)),
        *(nn.Conv2d(6, 16, 5), activation(), pooling(2)),
        nn.Flatten(),
        *(nn.Linear(400, 120), activation()),
        *(nn.Linear(120, 84), activation()),
        nn.Linear(84, 10),
    )


MODELS = {
    "softmax": lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 10)),
    "mlp-256": lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10)),
    "lenet": lambda: lenet(nn.Sigmoid, nn.AvgPool2d),
    "lenet-relu-max": lambda: lenet(nn.ReLU, nn.MaxPool2d),
}


def epoch(request: dict, images: torch.Tensor, labels: torch.Tensor) -> dict:
    """Train one epoch; the seconds it took and the loss of every step."""
    given = np.load(request["given"])
    model = MODELS[request["model"]]()
    model.load_state_dict({name: torch.from_numpy(given[name]) for name in model.state_dict()})
    order = torch.from_numpy(given["order"].astype(np.int64))
    optimizer = torch.optim.SGD(model.parameters(), lr=request["lr"])
    criterion = nn.CrossEntropyLoss()
    losses = []
    start = time.perf_counter()
    for batch in order.split(request["batch"]):
        optimizer.zero_grad()
        loss = criterion(model(images[batch]), labels[batch])
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "losses": torch.stack(losses).tolist()}


def main() -> None:
    torch.set_num_threads(int(sys.argv[2]))
    data = np.load(sys.argv[1])
    images = torch.from_numpy(data["images"]).float().mul_(np.float32(1 / 255))
    labels = torch.from_numpy(data["labels"].astype(np.int64))
    print(json.dumps({"peer": f"PyTorch {torch.__version__}", "threads": torch.get_num_threads()}), flush=True)
    for line in sys.stdin:
        print(json.dumps(epoch(json.loads(line), images, labels)), flush=True)


if __name__ == "__main__":
    main()
