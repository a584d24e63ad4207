# SPDX-License-Identifier: Apache-2.0
"""Networks for images of 1 or 3 channels, of 8×8 to 64×64 pixels, and 2 to 1,000 classes, with a run of each."""

from math import prod

from shoal.data import Dataset
from shoal.models import (
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    Flatten,
    GlobalAvgPool2d,
    Linear,
    Model,
    ReLU,
    lenet,
    mlp,
    softmax_regression,
)
from shoal.optimizers import SGD
from shoal.study import Config, Run
from small_data import patches

Shape = tuple[int, int, int]

SHAPES: list[Shape] = [(channels, size, size) for channels in (1, 3) for size in (8, 28, 32, 64)]
CLASSES = (2, 10, 1000)


def convolutional(shape: Shape, classes: int) -> Model:
    """Any image to any number of classes: two convolutions of which the first has a stride, and a mean over places."""
    layers = (
        *(Conv2d(shape[0], 5, 3, stride=2, padding=1), ReLU(), BatchNorm2d(5), AvgPool2d(2)),
        *(Conv2d(5, 7, 3, padding=1), ReLU(), GlobalAvgPool2d(), Flatten(), Linear(7, classes)),
    )
    return Model(layers, shape, name="convolutional")


MODELS: dict[str, Model] = {
    **{
        f"{name}, {'×'.join(map(str, shape))}, {classes} classes": model
        for shape in SHAPES
        for classes in CLASSES
        for name, model in {
            "softmax regression": softmax_regression(classes, shape),
            "MLP": mlp(11, classes=classes, input_shape=shape),
            "convolutional": convolutional(shape, classes),
        }.items()
        if model.parameter_count < 100_000
    },
    "LeNet, 3×32×32": lenet(input_shape=(3, 32, 32)),
    "LeNet, 1×64×64": lenet("relu", "max", input_shape=(1, 64, 64)),
    "LeNet, 1,000 classes": lenet("relu", "max", 1000),
    "higher than wide": convolutional((3, 40, 9), 10),
    "wider than high": convolutional((2, 7, 33), 10),
    "one pixel": mlp(5, classes=2, input_shape=(1, 1, 1)),
}


def run_of(name: str) -> tuple[Run, Dataset]:
    """Two epochs of two steps, the last of three images; the more pixels, the lower the rate that is still stable."""
    model = MODELS[name]
    data = patches(train=19, test=11, classes=model.classes, shape=tuple(model.input_shape))
    optimizer = SGD(lr=min(0.1, 20 / prod(model.input_shape)))
    return Run(Config(data="patches", model=model, optimizer=optimizer, batch_size=16, epochs=2), seed=1), data
