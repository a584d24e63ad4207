# SPDX-License-Identifier: Apache-2.0
"""The models as any user of PyTorch would write them; what the PyTorch twins share. Nothing here trains."""

from collections.abc import Mapping

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


def model_of(name: str, weights: Mapping[str, np.ndarray]) -> nn.Sequential:
    """The model with these weights."""
    model = MODELS[name]()
    model.load_state_dict({key: torch.from_numpy(value) for key, value in weights.items()})
    return model
