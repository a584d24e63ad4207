# SPDX-License-Identifier: Apache-2.0
"""The ten sections of the report as questions to play with: one click sets everything up, and a sentence says where to
look. They are smaller than the sections' studies (few epochs, and as few seeds as can settle a difference), and none
says what will be seen.
"""

from collections.abc import Mapping
from math import ceil
from typing import Any, Literal

import msgspec

from shoal import wording
from shoal.data import Dataset
from shoal.live import asks
from shoal.live.asks_settings import Ask, ModelSetting, OptimizerSetting, Setting

Lesson = Literal["gradients", "weights", "confusion", "worst", "curvature"]
"""What there is to see of a network's weights, by the names that the page has for it."""


class Puzzle(msgspec.Struct, frozen=True):
    """A question that is ready to be asked.

    Args:
        section: the section of the report that answers it with all seeds.
        look: what to watch while it trains.
        metric: what the chart shows at first, and whether on a log scale.
        setting: whose weights are looked at first: 0 for A, 1 for B.
        lesson: what is shown first of them.
    """

    section: str
    title: str
    question: str
    look: str
    ask: Ask
    metric: str = "validation_loss"
    log_y: bool = False
    setting: int = 0
    lesson: Lesson = "gradients"


def _perceptron(*hidden: int, activation: str = "relu") -> ModelSetting:
    return ModelSetting(kind="mlp", hidden=hidden, activation=activation)


def _lenet(activation: str, pooling: str) -> ModelSetting:
    return ModelSetting(kind="lenet", activation=activation, pooling=pooling)


_ORIGINAL = Setting(model=_lenet("sigmoid", "avg"), lr=0.9, batch_size=256, epochs=3)
_MODIFIED = Setting(model=_lenet("relu", "max"), lr=0.1, batch_size=128, epochs=3)
_LINEAR = Setting(init="normal", epochs=10)

PUZZLES: tuple[Puzzle, ...] = (
    Puzzle(
        "1.1",
        "Ten kinds of garments",
        "Which garments does a linear model take for one another?",
        "The confusion matrix as it fills in, and the worst mistakes: would you have known better? The weights of each "
        "class are an image, and show what it looks for.",
        Ask((Setting(init="normal", lr=0.1, epochs=5),), seeds=6),
        "validation_accuracy",
        lesson="confusion",
    ),
    Puzzle(
        "1.2",
        "How fast is too fast?",
        "Does a ten times larger learning rate learn faster, or does it sway?",
        "The curvature against 2/lr: steps beyond it overshoot in the direction in which the loss bends most. Move "
        "the rate until the curve only just stays calm.",
        Ask((msgspec.structs.replace(_LINEAR, lr=0.1), msgspec.structs.replace(_LINEAR, lr=1.0)), seeds=6),
        setting=1,
        lesson="curvature",
    ),
    Puzzle(
        "1.3",
        "Many small steps or few large ones?",
        "At the same learning rate, do batches of 32 or of 256 learn more in an epoch?",
        "The first epochs: small batches take eight times as many steps. Then try eight times the rate with the large "
        "ones.",
        Ask(
            (
                msgspec.structs.replace(_LINEAR, lr=0.05, batch_size=32),
                msgspec.structs.replace(_LINEAR, lr=0.05, batch_size=256),
            ),
            seeds=6,
        ),
    ),
    Puzzle(
        "1.4",
        "When the softmax breaks",
        "Does it matter how the loss is written, if it is the same function on paper?",
        "Whether a run diverges: the naive form ends where an exponential overflows or a probability becomes zero. "
        "Both have the same rate, the same images and the same weights at the start.",
        Ask(
            (
                msgspec.structs.replace(_LINEAR, lr=1.0, epochs=5, loss="log-sum-exp"),
                msgspec.structs.replace(_LINEAR, lr=1.0, epochs=5, loss="naive"),
            ),
            seeds=6,
        ),
        log_y=True,
    ),
    Puzzle(
        "2.1",
        "The gradient that fades",
        "Why do three layers of sigmoids learn more slowly than three of ReLUs?",
        "The gradient norms, layer by layer: how much is left of it in the first layer, beside the last?",
        Ask(
            (
                Setting(model=_perceptron(64, 64, 64, activation="sigmoid"), lr=0.1, epochs=5),
                Setting(model=_perceptron(64, 64, 64, activation="relu"), lr=0.1, epochs=5),
            ),
            seeds=6,
        ),
    ),
    Puzzle(
        "2.2",
        "One hidden unit",
        "What can a network learn through a single hidden unit?",
        "The confusion matrix of one unit: it can only put the classes in a row. And its seeds: in how many of them "
        "does the unit never switch on?",
        Ask(
            (
                Setting(model=_perceptron(1), lr=0.1, epochs=5, init="normal"),
                Setting(model=_perceptron(256), lr=0.1, epochs=5, init="normal"),
            ),
            seeds=6,
        ),
        "validation_accuracy",
        lesson="confusion",
    ),
    Puzzle(
        "2.3",
        "What memory buys",
        "Adam keeps two more numbers for every weight. What does it give for them?",
        "The first epochs, and how much the learning rate matters: move both rates by a factor of ten. SGD keeps "
        "nothing beside the weights and their gradients.",
        Ask(
            (
                Setting(model=_perceptron(64), lr=0.1, epochs=5),
                Setting(model=_perceptron(64), optimizer=OptimizerSetting(kind="adam"), lr=0.001, epochs=5),
            ),
            seeds=6,
        ),
    ),
    Puzzle(
        "3.1",
        "The long wait of LeNet",
        "When does LeNet as it was, with sigmoids and average pooling, begin to learn?",
        "The gradient of the first layer while the loss lies still, and the kernels while they form. Each seed waits "
        "as long as it likes.",
        Ask((msgspec.structs.replace(_ORIGINAL, epochs=5),), seeds=6),
        "validation_accuracy",
    ),
    Puzzle(
        "3.2",
        "A modern LeNet",
        "How much do ReLU and max pooling change?",
        "Where each of them stands after its first epoch, and the gradient norms of both: the textbook's two editions "
        "also differ in learning rate and batch size.",
        Ask((_ORIGINAL, _MODIFIED), seeds=6),
        "validation_accuracy",
    ),
    Puzzle(
        "3.3",
        "Digits or garments?",
        "Is it easier to tell handwritten digits apart than clothes?",
        "Both curves after the first epoch, and the worst mistakes on digits. Then draw one yourself: this network "
        "names it in the room Draw.",
        Ask(
            (_MODIFIED, msgspec.structs.replace(_MODIFIED, data="mnist")),
            seeds=6,
        ),
        "validation_accuracy",
        setting=1,
        lesson="worst",
    ),
)
"""In the order of the report."""


def offered(data: Mapping[str, Dataset], threads: int) -> list[dict[str, Any]]:
    """The puzzles whose data is here, as plain data, each with what it trains and for how long.

    Args:
        data: by the name asked for.
        threads: runs that train at once.
    """
    here = (one for one in PUZZLES if all(setting.data in data for setting in one.ask.settings))
    return [msgspec.to_builtins(one) | {"takes": takes(one.ask, data, threads)} for one in here]


def takes(ask: Ask, data: Mapping[str, Dataset], threads: int) -> str:
    """ "12 runs, in about 50 s or less": rather too long than too short, and nothing is stored yet."""
    runs = ask.seeds * len(ask.settings)
    each = (one.epochs * asks.epoch_seconds(asks.config(one, data[one.data]), data[one.data]) for one in ask.settings)
    seconds = ask.seeds * sum(each) / min(threads, runs)
    return f"{wording.count(runs, 'run')}, in about {_duration(seconds)} or less"


def _duration(seconds: float) -> str:
    """Rounded up, to what an estimate can be trusted with."""
    step = 10 if seconds < 60 else 30
    return wording.duration(max(ceil(seconds / step), 1) * step)
