# SPDX-License-Identifier: Apache-2.0
"""Optimizers and learning-rate schedules as frozen data, in order of increasing complexity.

The formulas stand once in words here, once in NumPy (`engines/reference/update.py`) and once in C++
(`native/kernels/update.cpp`); names and conventions are PyTorch's. None keeps more than two tensors for a
parameter. A schedule is a factor on ``lr``, a pure function of the step.
"""

from math import cos, inf, pi
from typing import Annotated

import numpy as np
from msgspec import Meta

from shoal.errors import StudyError
from shoal.spec import Spec

LEAST, MOST = 1e-30, 1e30
"""Well inside float32: beyond, engines of different precision would not compute the same."""

Rate = Annotated[float, Meta(ge=LEAST, le=MOST)]
Fraction = Annotated[float, Meta(ge=0, lt=1)]
Decay = Annotated[float, Meta(ge=0, le=MOST)]
Epochs = Annotated[int, Meta(ge=1, le=2**31 - 1)]


class SGD(Spec, frozen=True, tag=True):
    """w ← w - lr · g, with g ← g + weight_decay · w, and with momentum v ← momentum · v + g in place of g.

    Args:
        lr: learning rate.
        momentum: share of the last step's velocity that is kept, in [0, 1).
        nesterov: step along g + momentum · v instead of v (Sutskever et al. 2013).
        weight_decay: coefficient of the L2 penalty, added to the gradient.
    """

    lr: Rate
    momentum: Fraction = 0.0
    nesterov: bool = False
    weight_decay: Decay = 0.0

    def check(self) -> None:
        if self.nesterov and self.momentum == 0:
            raise StudyError("SGD(nesterov=True) needs a momentum. Use momentum=0.9, or nesterov=False.")

    @property
    def state(self) -> tuple[str, ...]:
        """Names of the tensors it keeps for each parameter."""
        return ("momentum",) if self.momentum else ()


class Lion(Spec, frozen=True, tag=True):
    """w ← w - lr · sign(b1 · m + (1 - b1) · g), then m ← b2 · m + (1 - b2) · g, with betas (b1, b2).

    Every weight moves by ``lr`` a step, whatever its gradient: rates are three to ten times smaller than Adam's.
    Source: Chen et al. 2023, "Symbolic discovery of optimization algorithms".

    Args:
        lr: learning rate.
        betas: share of the running mean m in the direction, and its decay; each in [0, 1).
        weight_decay: decoupled, as in `AdamW`: first w ← w · (1 - lr · weight_decay).
    """

    lr: Rate = 1e-4
    betas: tuple[Fraction, Fraction] = (0.9, 0.99)
    weight_decay: Decay = 0.0

    @property
    def state(self) -> tuple[str, ...]:
        """Names of the tensors it keeps for each parameter."""
        return ("mean",)


class Adagrad(Spec, frozen=True, tag=True):
    """w ← w - lr / (1 + (step - 1) · lr_decay) · g / (√s + eps), with s the sum of all g² so far (Duchi et al. 2011).

    Args:
        lr: learning rate.
        lr_decay: how fast the rate falls, beside any schedule; steps count from 1 over the whole run.
        weight_decay: L2 penalty, added to the gradient.
        eps: added to the root.
    """

    lr: Rate = 1e-2
    lr_decay: Decay = 0.0
    weight_decay: Decay = 0.0
    eps: Rate = 1e-10

    @property
    def state(self) -> tuple[str, ...]:
        """Names of the tensors it keeps for each parameter."""
        return ("sum",)


class RMSprop(Spec, frozen=True, tag=True):
    """w ← w - lr · g / (√v + eps), with the running mean v of g² (Hinton 2012, lecture 6e), no bias correction.

    Args:
        lr: learning rate.
        alpha: decay of v, in [0, 1).
        eps: added to the root.
        weight_decay: L2 penalty, added to the gradient.
        momentum: with b ← momentum · b + g / (√v + eps) the step is lr · b; in [0, 1).
    """

    lr: Rate = 1e-2
    alpha: Fraction = 0.99
    eps: Rate = 1e-8
    weight_decay: Decay = 0.0
    momentum: Fraction = 0.0

    @property
    def state(self) -> tuple[str, ...]:
        """Names of the tensors it keeps for each parameter."""
        return ("square", "momentum") if self.momentum else ("square",)


class Adam(Spec, frozen=True, tag=True):
    """w ← w - lr · m̂ / (√v̂ + eps), with running means m of g and v of g² (Kingma and Ba 2015, with bias correction).

    Args:
        lr: learning rate.
        betas: decay of the running means m and v, each in [0, 1).
        eps: added to the root.
        weight_decay: L2 penalty, added to the gradient (so Adam rescales it; see `AdamW`).
    """

    lr: Rate = 1e-3
    betas: tuple[Fraction, Fraction] = (0.9, 0.999)
    eps: Rate = 1e-8
    weight_decay: Decay = 0.0

    @property
    def state(self) -> tuple[str, ...]:
        """Names of the tensors it keeps for each parameter."""
        return ("mean", "square")


class AdamW(Spec, frozen=True, tag=True):
    """Adam whose weight decay shrinks the weights directly: first w ← w · (1 - lr · weight_decay).

    Source: Loshchilov and Hutter 2019.
    """

    lr: Rate = 1e-3
    betas: tuple[Fraction, Fraction] = (0.9, 0.999)
    eps: Rate = 1e-8
    weight_decay: Decay = 1e-2

    @property
    def state(self) -> tuple[str, ...]:
        """Names of the tensors it keeps for each parameter."""
        return ("mean", "square")


Optimizer = SGD | Lion | Adagrad | RMSprop | Adam | AdamW


class Constant(Spec, frozen=True, tag=True):
    """The factor 1."""

    def factor(self, epoch: float) -> float:
        return 1.0


class StepDecay(Spec, frozen=True, tag=True):
    """Multiplied by ``factor_each`` after every ``every`` epochs."""

    every: Epochs
    factor_each: Rate = 0.1

    def factor(self, epoch: float) -> float:
        return _power(self.factor_each, int(epoch) // self.every)


class Exponential(Spec, frozen=True, tag=True):
    """Multiplied by ``factor_each`` after every epoch."""

    factor_each: Rate

    def factor(self, epoch: float) -> float:
        return _power(self.factor_each, int(epoch))


class Cosine(Spec, frozen=True, tag=True):
    """Half a cosine from 1 to ``floor`` over ``epochs`` epochs, step by step, then ``floor``.

    Source: Loshchilov and Hutter 2017.
    """

    epochs: Epochs
    floor: Annotated[float, Meta(ge=0, le=1)] = 0.0

    def factor(self, epoch: float) -> float:
        done = min(epoch / self.epochs, 1.0)
        return self.floor + (1 - self.floor) * (1 + cos(pi * done)) / 2


class WarmUp(Spec, frozen=True, tag=True):
    """A straight line from 0 to 1 over ``epochs`` epochs, step by step; then another schedule, from its own start."""

    epochs: Epochs
    then: Constant | StepDecay | Exponential | Cosine = Constant()

    def factor(self, epoch: float) -> float:
        return epoch / self.epochs if epoch < self.epochs else self.then.factor(epoch - self.epochs)


Schedule = Constant | StepDecay | Exponential | Cosine | WarmUp


def _power(factor: float, times: int) -> float:
    """``factor ** times``, infinite where Python would raise."""
    try:
        return factor**times
    except OverflowError:
        return inf


def learning_rates(optimizer: Optimizer, schedule: Schedule, epoch: int, steps: int) -> np.ndarray:
    """The learning rate of every step of one epoch.

    Args:
        epoch: epochs already done, 0 for the first.
        steps: steps in an epoch.

    Returns:
        float64 (steps,), at most `MOST`. Step ``i`` is at epoch ``epoch + i / steps``; a warm-up counts the step
        it is on as done, so that its first step is not wasted on a rate of zero.
    """
    ahead = 1 if isinstance(schedule, WarmUp) and epoch < schedule.epochs else 0
    rates = (optimizer.lr * schedule.factor(epoch + (step + ahead) / steps) for step in range(steps))
    return np.array([min(rate, MOST) for rate in rates])
