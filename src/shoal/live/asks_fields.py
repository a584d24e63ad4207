# SPDX-License-Identifier: Apache-2.0
"""What Play lets be chosen, as one table: the page makes its form of it, and what comes back is checked by it.

It knows no model and trains nothing; what a choice means is said in `asks.py`.
"""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from shoal.errors import UsageError

Kind = Literal["choice", "number", "whole", "widths", "switch"]


class Field(msgspec.Struct, frozen=True):
    """One thing to choose.

    Args:
        name: where it stands in a setting: ``"optimizer.momentum"``; ``"seeds"`` stands beside the settings.
        kind: a "choice" of words, a "number", a "whole" number, "widths" (a list of whole numbers) or a "switch".
        choices: the words, and what people call each.
        least, most: of a number, both allowed; of each width.
        step: what a slider moves by; on a log scale, decades.
        longest: how many widths there may be.
        when: field to the words of it with which this one matters; otherwise it is not looked at.
    """

    name: str
    title: str
    kind: Kind
    default: Any
    choices: tuple[tuple[str, str], ...] = ()
    least: float | None = None
    most: float | None = None
    step: float | None = None
    log: bool = False
    longest: int | None = None
    when: Mapping[str, tuple[str, ...]] = {}
    hint: str = ""

    def check(self, value: Any) -> None:
        """Raise `UsageError` unless the value is one to choose."""
        if self.kind == "choice":
            self._check_choice(value)
        elif self.kind == "widths":
            self._check_widths(value)
        elif self.kind != "switch":
            self._check_number(value)

    def _check_choice(self, value: Any) -> None:
        if self.choices and value not in dict(self.choices):
            words = ", ".join(word for word, _ in self.choices)
            raise UsageError(f"{self.name}={value!r} is nothing to choose. Use one of {words}.")

    def _check_widths(self, value: Any) -> None:
        if not 1 <= len(value) <= (self.longest or 1):
            raise UsageError(f"{self.name}: {len(value)} layers. Use 1 to {self.longest}.")
        for width in value:
            self._check_number(width)

    def _check_number(self, value: Any) -> None:
        least, most = self.least or 0, self.most or 0
        if not least <= value <= most:
            raise UsageError(f"{self.name}={value!r} is out of range. Use {least:g} to {most:g}.")


PERCEPTRON, HIDDEN, LENET = {"model.kind": ("mlp",)}, {"model.kind": ("mlp", "lenet")}, {"model.kind": ("lenet",)}
VELOCITY = {"optimizer.kind": ("momentum", "nesterov")}

FIELDS: tuple[Field, ...] = (
    Field("data", "Images", "choice", "fashion-mnist"),
    Field(
        "model.kind",
        "Model",
        "choice",
        "softmax",
        choices=(("softmax", "Softmax regression"), ("mlp", "Perceptron with hidden layers"), ("lenet", "LeNet")),
        hint="From one linear layer to two convolutions and three linear layers.",
    ),
    Field(
        "model.hidden",
        "Hidden units",
        "widths",
        (256,),
        least=1,
        most=1024,
        longest=3,
        when=PERCEPTRON,
        hint="One width for each hidden layer.",
    ),
    Field(
        "model.activation",
        "Activation",
        "choice",
        "relu",
        choices=(
            ("sigmoid", "Sigmoid"),
            ("tanh", "Tanh"),
            ("relu", "ReLU"),
            ("leaky-relu", "Leaky ReLU"),
            ("gelu", "GELU"),
            ("silu", "SiLU"),
        ),
        when=HIDDEN,
        hint="What bends the output of each hidden layer.",
    ),
    Field("model.pooling", "Pooling", "choice", "max", choices=(("avg", "Average"), ("max", "Maximum")), when=LENET),
    Field(
        "model.dropout",
        "Dropout",
        "number",
        0.0,
        least=0,
        most=0.9,
        step=0.05,
        when=PERCEPTRON,
        hint="The share of hidden units left out of each step.",
    ),
    Field(
        "model.batch_norm",
        "Batch normalisation",
        "switch",
        False,
        when=PERCEPTRON,
        hint="Each hidden unit is shifted and scaled over the minibatch.",
    ),
    Field(
        "optimizer.kind",
        "Optimizer",
        "choice",
        "sgd",
        choices=(
            ("sgd", "SGD"),
            ("momentum", "SGD with momentum"),
            ("nesterov", "SGD with Nesterov's momentum"),
            ("rmsprop", "RMSprop"),
            ("adagrad", "Adagrad"),
            ("adam", "Adam"),
            ("adamw", "AdamW"),
            ("lion", "Lion"),
        ),
        hint="Adam and its kin want learning rates about a hundred times smaller than SGD.",
    ),
    Field(
        "optimizer.momentum",
        "Momentum",
        "number",
        0.9,
        least=0.05,
        most=0.99,
        step=0.01,
        when=VELOCITY,
        hint="The share of the last step's velocity that is kept.",
    ),
    Field(
        "lr",
        "Learning rate",
        "number",
        0.1,
        least=1e-6,
        most=1e3,
        step=0.05,
        log=True,
        hint="How far each step goes against the gradient.",
    ),
    Field(
        "optimizer.weight_decay",
        "Weight decay",
        "number",
        0.0,
        least=0,
        most=1,
        step=0.001,
        hint="How strongly weights are drawn towards zero.",
    ),
    Field(
        "batch_size",
        "Batch size",
        "whole",
        256,
        least=1,
        most=8192,
        step=0.30103,
        log=True,
        hint="Images in each step.",
    ),
    Field("epochs", "Epochs", "whole", 5, least=1, most=50, step=1, hint="Passes over the training images."),
    Field(
        "init",
        "Initial weights",
        "choice",
        "xavier",
        choices=(
            ("xavier", "Xavier"),
            ("kaiming", "Kaiming"),
            ("pytorch", "As PyTorch begins"),
            ("normal", "Normal, σ = 0.01"),
        ),
    ),
    Field(
        "standardize",
        "Standardize pixels",
        "switch",
        False,
        hint="Shift and scale them to mean 0 and standard deviation 1.",
    ),
    Field(
        "loss",
        "Loss",
        "choice",
        "log-sum-exp",
        choices=(("log-sum-exp", "Log-sum-exp"), ("shifted", "Shifted softmax"), ("naive", "Naive softmax")),
        hint="Three ways to compute the same cross-entropy; only the first never breaks.",
    ),
    Field(
        "seeds",
        "Seeds",
        "whole",
        3,
        least=1,
        most=20,
        step=1,
        hint="Replicates of each setting. Fewer than 6 settle nothing.",
    ),
)
"""In the order of the form. The data sets to choose from are those that the server has."""

DEFAULTS: dict[str, Any] = {field.name: field.default for field in FIELDS}
