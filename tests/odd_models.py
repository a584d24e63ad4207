# SPDX-License-Identifier: Apache-2.0
"""Random configs of odd shapes, for holding one engine against another: whatever a config can say, small.

`odd(seed)` is a run and its data set. Each kind of thing it may draw has a name in `DRAWN`. A new layer is a line
in one method of `Chain`, a new optimizer one more of `OPTIMIZERS`.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from shoal import losses, models, optimizers, training
from shoal.data import Dataset
from shoal.engines import EpochRecord
from shoal.models import Layer, Model, Shape
from shoal.study import Config, Run
from small_data import patches

DRAWN = frozenset(
    {"Add", "AvgPool2d", "BatchNorm", "Conv2d", "Dropout", "GELU", "GlobalAvgPool2d", "LeakyReLU", "MaxPool2d"}
    | {"ReLU", "SiLU", "Sigmoid", "Tanh", "wide-padding", "SGD", "Lion", "Adagrad", "RMSprop", "Adam", "AdamW"}
    | {"forms", "label-smoothing", "clipping", "schedules"}
)

Draw = np.random.Generator


EPS = 0.01
"""Of BatchNorm and of optimizers: well above rounding errors. A channel of one constant value, or the gradient of a
bias before a BatchNorm, is nothing else, and a small epsilon would blow it up to whole steps."""

SMALL = 20_000
"""Floating-point operations an image: of that, a minibatch may have hundreds."""


def drawing(seed: int, purpose: int) -> Draw:
    """A stream of its own for each purpose, so that a change of one leaves the others as they were."""
    return np.random.Generator(np.random.Philox([seed, purpose]))


def up_to(draw: Draw, most: int) -> int:
    """1 to ``most``."""
    return int(draw.integers(1, most + 1))


def one_of(draw: Draw, options: Collection[Any]) -> Any:
    return list(options)[draw.integers(len(options))]


# ---- models -------------------------------------------------------------------------------------------


class Chain:
    """Layers that fit together, one added after the other."""

    def __init__(self, draw: Draw, drawn: Collection[str]) -> None:
        self.draw, self.drawn = draw, drawn
        # Some images have less pixels than a tile has examples.
        most = one_of(draw, (4, 15))
        self.input_shape: Shape = (one_of(draw, (1, 1, 2, 3)), up_to(draw, most), up_to(draw, most))
        self.shapes: list[Shape] = [self.input_shape]
        self.layers: list[Layer] = []

    @property
    def shape(self) -> Shape:
        return self.shapes[-1]

    def add(self, layer: Layer) -> None:
        self.shapes.append(layer.output_shape(self.shape, "here"))
        self.layers.append(layer)

    def chance(self, of: float, *kinds: str) -> bool:
        return set(kinds) <= set(self.drawn) and self.draw.random() < of

    def convolution(self) -> None:
        """Any stride; padding less than the kernel, and where that is drawn up to two more than it."""
        kernel = up_to(self.draw, min(*self.shape[1:], 7))
        most = kernel + 2 if self.chance(0.3, "wide-padding") else kernel - 1
        channels, padding = up_to(self.draw, 19), int(self.draw.integers(0, most + 1))
        self.add(models.Conv2d(self.shape[0], channels, kernel, stride=up_to(self.draw, 3), padding=padding))

    def pooling(self) -> None:
        if self.chance(0.1, "GlobalAvgPool2d"):
            return self.add(models.GlobalAvgPool2d())
        window = up_to(self.draw, min(*self.shape[1:], 3))
        padding = int(self.draw.integers(0, window // 2 + 1))
        pool = one_of(self.draw, [models.MaxPool2d, models.AvgPool2d])
        return self.add(pool(window, stride=up_to(self.draw, 3), padding=padding))

    def activation(self) -> None:
        kinds = sorted({"ReLU", "Sigmoid", "Tanh", "LeakyReLU", "GELU", "SiLU"} & set(self.drawn))
        self.add(getattr(models, one_of(self.draw, kinds))())

    def extra(self) -> None:
        """Now and then what keeps the shape: normalisation, dropout, an earlier value added."""
        if self.chance(0.3, "BatchNorm"):
            kind = models.BatchNorm1d if len(self.shape) == 1 else models.BatchNorm2d
            self.add(kind(self.shape[0], eps=EPS, momentum=one_of(self.draw, (0.1, 0.3))))
        if self.chance(0.2, "Dropout"):
            self.add(models.Dropout(float(self.draw.uniform(0, 0.7))))
        equal = [place for place, shape in enumerate(self.shapes[:-1]) if shape == self.shape]
        if equal and self.chance(0.4, "Add"):
            self.add(models.Add(len(self.layers) - one_of(self.draw, equal)))

    def model(self, name: str, classes: int) -> Model:
        """Up to three rounds of convolution and pooling, up to two hidden layers."""
        for _ in range(one_of(self.draw, (0, 1, 1, 2, 3))):
            self.convolution()
            self.extra()
            if self.chance(0.8):
                self.activation()
            if self.chance(0.7):
                self.pooling()
            self.extra()
        self.add(models.Flatten())
        for _ in range(one_of(self.draw, (0, 1, 2))):
            self.add(models.Linear(self.shape[0], up_to(self.draw, 40)))
            self.extra()
            self.activation()
            self.extra()
        self.add(models.Linear(self.shape[0], classes))
        return Model(tuple(self.layers), self.input_shape, name=name)


def odd_model(seed: int, drawn: Collection[str] = DRAWN) -> Model:
    """A random model of three classes."""
    return Chain(drawing(seed, 1), drawn).model(f"odd {seed}", 3)


# ---- training -----------------------------------------------------------------------------------------


def _decay(draw: Draw) -> float:
    return float(one_of(draw, (0.0, 0.0, 0.01, 0.1)))


def _sgd(draw: Draw) -> Any:
    momentum = one_of(draw, (0.0, 0.5, 0.9))
    nesterov = bool(momentum) and draw.random() < 0.5
    return optimizers.SGD(
        lr=one_of(draw, (0.01, 0.1, 0.2)), momentum=momentum, nesterov=nesterov, weight_decay=_decay(draw)
    )


def _adam(name: str) -> Callable[[Draw], Any]:
    def adam(draw: Draw) -> Any:
        betas = one_of(draw, ((0.9, 0.999), (0.8, 0.95), (0.0, 0.9)))
        kind = getattr(optimizers, name)
        return kind(lr=one_of(draw, (0.001, 0.01)), betas=betas, eps=EPS, weight_decay=_decay(draw))

    return adam


def _rmsprop(draw: Draw) -> Any:
    alpha, momentum = one_of(draw, (0.9, 0.99)), one_of(draw, (0.0, 0.9))
    return optimizers.RMSprop(lr=0.001, alpha=alpha, eps=10 * EPS, momentum=momentum, weight_decay=_decay(draw))


OPTIMIZERS: dict[str, Callable[[Draw], Any]] = {
    "SGD": _sgd,
    "Lion": lambda draw: optimizers.Lion(lr=one_of(draw, (1e-4, 1e-3)), weight_decay=_decay(draw)),
    "Adagrad": lambda draw: optimizers.Adagrad(
        lr=0.01, lr_decay=one_of(draw, (0.0, 0.1)), eps=EPS, weight_decay=_decay(draw)
    ),
    "RMSprop": _rmsprop,
    "Adam": _adam("Adam"),
    "AdamW": _adam("AdamW"),
}
SCHEDULES = (
    optimizers.Constant(),
    optimizers.StepDecay(1, factor_each=0.5),
    optimizers.Exponential(0.9),
    optimizers.Cosine(2),
    optimizers.WarmUp(1, then=optimizers.Cosine(2)),
)


def _loss(draw: Draw, drawn: Collection[str]) -> losses.CrossEntropy:
    if "label-smoothing" in drawn and draw.random() < 0.3:
        return losses.CrossEntropy(label_smoothing=0.1)
    forms = ("log-sum-exp", "shifted", "naive") if "forms" in drawn else ("log-sum-exp",)
    return losses.CrossEntropy(form=one_of(draw, forms))


def how_to_train(draw: Draw, drawn: Collection[str]) -> dict[str, Any]:
    """What a config says besides data and model; about six steps at most."""
    optimizer = OPTIMIZERS[one_of(draw, [name for name in OPTIMIZERS if name in drawn])](draw)
    chosen = {
        "optimizer": optimizer,
        "epochs": up_to(draw, 2),
        "batch_size": one_of(draw, (2, 5, 16, 17, 37, 1000)),
        "init": one_of(draw, (models.XavierUniform(), models.KaimingUniform(), models.PyTorchDefault())),
        "schedule": one_of(draw, SCHEDULES) if "schedules" in drawn else SCHEDULES[0],
        "standardize": draw.random() < 0.3,
        "loss": _loss(draw, drawn),
    }
    if "clipping" in drawn and draw.random() < 0.3:
        clips = (training.ClipNorm(1.0), training.ClipNorm(0.05), training.ClipValue(0.01))
        chosen["gradient_clipping"] = one_of(draw, clips)
    return chosen


def many_images(seed: int, model: Model) -> int | None:
    """For one small model in six 300 to 600 images to a minibatch: more than the native engine keeps at once."""
    draw = drawing(seed, 5)
    return int(draw.integers(300, 601)) if draw.random() < 1 / 6 and model.flops < SMALL else None


def odd(seed: int, drawn: Collection[str] = DRAWN) -> tuple[Run, dict[str, Dataset]]:
    """A run and its data: everything follows from the seed and from what may be drawn."""
    draw = drawing(seed, 0)
    classes = one_of(draw, (2, 3, 10, 17))
    model = Chain(drawing(seed, 1), drawn).model(f"odd {seed}", classes)
    # A bias before a BatchNorm has a gradient of zero but for rounding, and Lion steps by its sign.
    chosen = how_to_train(drawing(seed, 2), set(drawn) - ({"Lion"} if model.buffers() else set()))
    many = many_images(seed, model)
    chosen["batch_size"] = batch = many or chosen["batch_size"]
    rest = one_of(draw, (0, 2, batch // 2)) if batch > 2 else 0  # never 1, which a BatchNorm may refuse
    count = batch * (1 if many else up_to(draw, 2)) + rest if batch < 1000 else 53
    holdout = one_of(draw, (0, 0, 0, 7))
    data = patches(train=count + holdout, test=21, classes=classes, shape=model.input_shape)
    return Run(Config(data="patches", model=model, holdout=holdout, **chosen), seed), {"patches": data}


def wild(seed: int, drawn: Collection[str] = DRAWN) -> tuple[Run, dict[str, Dataset]]:
    """The same with a learning rate of 1 to 10⁶, or initial weights of up to 10²⁰, for more epochs."""
    run, data = odd(seed, drawn)
    draw = drawing(seed, 3)
    changes: dict[str, Any] = {"epochs": 5}
    if draw.random() < 0.7:
        changes["optimizer"] = run.config.optimizer.replace(lr=float(10 ** draw.uniform(0, 6)))
    else:
        changes["init"] = models.Normal(std=float(10 ** draw.uniform(0, 20)))
    return Run(run.config.replace(**changes), seed), data


# ---- comparing ----------------------------------------------------------------------------------------


def furthest(one: Sequence[EpochRecord], other: Sequence[EpochRecord]) -> float:
    """The largest difference between two courses, relative to the size of what differs (losses, weights, state).

    A tensor's size is its largest entry, and at least a twentieth of the largest of all of its kind: the gradient of a
    bias before a BatchNorm is all rounding.
    """
    assert [record.epoch for record in one] == [record.epoch for record in other]
    return max(max(_of_losses(a, b), _of_tensors(a, b)) for a, b in zip(one, other, strict=True))


def _of_losses(one: EpochRecord, other: EpochRecord) -> float:
    pairs = (one.step_losses, other.step_losses), ([one.validation_loss], [other.validation_loss])
    return max(float(np.max(np.abs(np.subtract(a, b)), initial=0) / np.max(np.abs(b), initial=1e-2)) for a, b in pairs)


def _of_tensors(one: EpochRecord, other: EpochRecord) -> float:
    kinds: dict[str, float] = {}
    for name, tensor in other.tensors.items():
        kinds[_kind(name)] = max(kinds.get(_kind(name), 1e-30), float(np.abs(tensor).max()))
    return max(
        float(np.abs(one.tensors[name] - tensor).max()) / max(float(np.abs(tensor).max()), kinds[_kind(name)] / 20)
        for name, tensor in other.tensors.items()
    )


def _kind(name: str) -> str:
    """``"momentum"`` of ``"momentum/0.bias"``, ``"running_mean"`` of ``"3.running_mean"``, else ``""``: a weight."""
    kind, _, rest = name.rpartition("/")
    return kind or (rest.partition(".")[2] if ".running_" in rest else "")


def mark(records: Sequence[EpochRecord]) -> tuple[int, int | None]:
    """Where a run ended, and the step it diverged at."""
    return records[-1].epoch, records[-1].diverged_at
