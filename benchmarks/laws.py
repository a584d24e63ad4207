# SPDX-License-Identifier: Apache-2.0
"""Laws that every training must keep, measured on the native engine and judged: three parts of `replicate.py`.

**The prefix law.** A run of few epochs is the beginning of a longer run of the same seed, to the last bit.

**The lr-rescaling law.** For small learning rates SGD follows the gradient flow dw/dt = -∇L(w), with t = lr × steps.
So k epochs at lr η do what one does at lr kη, but for O(kη). Two checks. The curves agree, loss by loss, to a share of
the loss no larger than `SAME` × the larger rate, so that at half the rate they have to agree twice as closely. And
halving the rate halves what is left: measured with full batches, since with minibatches what is left is mostly chance,
the order of the examples.

**The critical learning rate.** Near a minimum a step of gradient descent multiplies what is off along a direction of
curvature λ by 1 - lr·λ, so beyond lr = 2/λ it grows. That is predicted from `probes.gradients.curvature` at the start
of training, and observed by bisection in two ways that know nothing of the curvature. *Around the start*: from
weights nudged in a random direction, does the nudge grow in the end, when the slope at the start is taken out of every
gradient? (That makes the start a minimum, and leaves the curvature.) Only the nudge's size and the bisection are in
the way: within 2%. *In training*: does the loss of full-batch steps ever rise? As weights move, the curvature moves
with them: within 15%. Softmax regression only, whose loss is convex: where some direction bends down, a nudge
grows at any rate.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from shoal import streams, wording
from shoal.data import Dataset, Split
from shoal.engines import EpochRecord, Tensors, scaling
from shoal.engines.native import NativeEngine
from shoal.models import Model, lenet, mlp, normal, softmax_regression, xavier_uniform
from shoal.optimizers import SGD
from shoal.probes.gradients import curvature, mean_gradient
from shoal.study import Config, Run

SOFTMAX, MLP, LENET = softmax_regression(), mlp(256), lenet("sigmoid", "avg")

SAME = 1.0
"""Share of the loss, per unit of the larger learning rate: 1% at lr .01, .5% at .005."""
HALVED = 2.0, 0.2
"""What a rate leaves over what half of it leaves, and how far from that it may be, for the next order of lr."""
AROUND, IN_TRAINING = 0.02, 0.15
"""How far the observed critical rate may be from the predicted one, as a share of it."""
RATES = (0.01, 1.0)
"""Critical rates are looked for between these."""


class Size(NamedTuple):
    """How much is trained."""

    seeds: int
    """Of the published configs."""
    prefixes: tuple[tuple[Model, float, int, int], ...]
    """Model, lr, epochs of the short run and of the long one."""
    few: int
    """Seeds of the laws."""
    epochs: int
    """At lr 0.01: how far the rescaled curves are followed."""
    images: int
    """Training images in a full batch."""


WHOLE = Size(10, ((SOFTMAX, 0.1, 5, 20), (MLP, 0.1, 5, 20), (LENET, 0.9, 2, 4)), 3, 5, 1000)
QUICK = Size(2, ((SOFTMAX, 0.1, 2, 4), (MLP, 0.1, 1, 2), (LENET, 0.9, 1, 2)), 1, 2, 500)


@dataclass(frozen=True)
class Check:
    """What was expected and found, in words and as plain numbers. ``holds`` is None where nothing is judged."""

    law: str
    what: str
    expected: str
    found: str
    holds: bool | None
    note: str = ""
    numbers: dict[str, Any] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        return {True: "✓ holds", False: "✗ fails", None: "· only shown"}[self.holds]


# ---- training -----------------------------------------------------------------------------------------


def train(engine: NativeEngine, runs: Sequence[Run], data: Dataset) -> dict[Run, list[EpochRecord]]:
    """Every record of every run, epoch 0 first."""
    found: dict[Run, list[EpochRecord]] = {run: [] for run in runs}
    for record in engine.train(runs, {data.name: data}):
        found[record.run].append(record)
    return found


def asked(data: Dataset, model: Model, lr: float, epochs: int, batch_size: int = 256) -> Config:
    """As in the report: normal weights, and LeNet's by Xavier."""
    init = xavier_uniform() if model == LENET else normal(0.01)
    return Config(data=data.name, model=model, optimizer=SGD(lr=lr), init=init, epochs=epochs, batch_size=batch_size)


def beginning(data: Dataset, images: int) -> Dataset:
    """Its first training images alone, which a full batch can hold; a few test images, which nobody looks at."""
    train, test = (
        Split(split.images[:count], split.labels[:count]) for split, count in ((data.train, images), (data.test, 16))
    )
    return Dataset(f"{data.name}-beginning", data.classes, train, test, data.source)


def full_batch_losses(engine: NativeEngine, data: Dataset, lr: float, steps: int, seed: int) -> np.ndarray:
    """(steps,): the loss of softmax regression before each step on all images at once."""
    run = Run(asked(data, SOFTMAX, lr, steps, len(data.train)), seed)
    return np.concatenate([record.step_losses for record in train(engine, [run], data)[run]]).astype(np.float64)


# ---- the prefix law -----------------------------------------------------------------------------------


def differing(one: EpochRecord, other: EpochRecord) -> list[str]:
    """What is not equal to the last bit in two records, but for the time it took."""
    numbers = ("epoch", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "diverged_at")
    names = [name for name in numbers if repr(getattr(one, name)) != repr(getattr(other, name))]
    names += ["step losses"] * (one.step_losses.tobytes() != other.step_losses.tobytes())
    tensors = one.tensors.keys() | other.tensors.keys()
    both = one.tensors.keys() & other.tensors.keys()
    same = {name for name in both if one.tensors[name].tobytes() == other.tensors[name].tobytes()}
    return names + sorted(tensors - same)


def judge_prefix(short: Sequence[EpochRecord], long: Sequence[EpochRecord]) -> Check:
    """The records of the short run beside the first ones of the long run."""
    config, longer = short[0].run.config, long[0].run.config.epochs
    pairs = list(zip(short, long, strict=False))
    differences = [(one.epoch, names) for one, other in pairs if (names := differing(one, other))]
    missing = config.epochs + 1 - len(pairs)
    losses, weights = sum(len(one.step_losses) for one, _ in pairs), config.model.parameter_count
    counted = f"{losses:,} step losses and {weights:,} weights after each epoch are equal"
    first = f"epoch {differences[0][0]} differs in {wording.listed(differences[0][1])}" if differences else ""
    return Check(
        "prefix law",
        f"{config.model.name}, {wording.count(config.epochs, 'epoch')} of {longer}",
        "the same bits",
        first or (f"{wording.count(missing, 'record')} missing" if missing else counted),
        not differences and not missing,
        numbers={"epochs": config.epochs, "of": longer, "step_losses": losses, "weights": weights}
        | {"differing": {str(epoch): names for epoch, names in differences}, "missing": missing},
    )


def prefix_checks(engine: NativeEngine, data: Dataset, size: Size) -> Iterator[Check]:
    """Short and long runs are trained apart, and in another company."""
    short = [Run(asked(data, model, lr, few), 0) for model, lr, few, _ in size.prefixes]
    long = [Run(asked(data, model, lr, many), 0) for model, lr, _, many in size.prefixes]
    shorts, longs = train(engine, short, data), train(engine, long[::-1], data)
    for one, other in zip(short, long, strict=True):
        yield judge_prefix(shorts[one], longs[other])


# ---- the lr-rescaling law -----------------------------------------------------------------------------


def judge_same_curve(lr: float, slower: int, fast: np.ndarray, slow: np.ndarray) -> Check:
    """Losses (seeds, points) at the same lr × epochs, at a rate and at a rate so many times slower; first the start."""
    apart = float(np.max(np.abs(fast - slow) / slow))
    fell = float(np.mean(slow[:, 0] - slow[:, -1]))
    holds = bool(apart <= SAME * lr and fell > 0)  # not <, so that NaN fails
    return Check(
        "lr-rescaling law",
        f"softmax regression, lr {lr:g} beside {slower} × as many epochs at {lr / slower:g}",
        f"within {wording.percent(SAME * lr, 2)} of the loss",
        f"within {wording.percent(apart, 2)}",
        holds,
        f"{wording.seeds(len(fast))}, largest of {fast[:, 1:].size} points, while the loss fell by {fell:.2f}",
        {"lr": lr, "slower": slower, "apart": apart, "allowed": SAME * lr, "fell": fell, "n": len(fast)}
        | {"fast": fast.tolist(), "slow": slow.tolist()},
    )


def judge_halving(lr: float, losses: Sequence[np.ndarray]) -> Check:
    """Losses (points,) at the same lr × steps, for a rate, half of it, a quarter ...: how far neighbours are apart."""
    left = [float(np.max(np.abs(one - other))) for one, other in pairwise(losses)]
    ratios = [one / other if other else np.inf for one, other in pairwise(left)]
    factor, allowed = HALVED
    return Check(
        "lr-rescaling law",
        f"softmax regression, full batches from lr {lr:g}: what each halving of lr leaves",
        f"half, a factor of {factor:g} ± {wording.fixed(allowed, 1)}",
        wording.listed([f"{ratio:.3f}" for ratio in ratios]),
        all(abs(ratio - factor) <= allowed for ratio in ratios),
        f"losses at lr {lr:g} and {lr / 2:g} are at most {wording.significant(left[0])} apart",
        {"lr": lr, "left": left, "ratios": ratios, "factor": factor, "allowed": allowed},
    )


def rescaling_checks(engine: NativeEngine, data: Dataset, size: Size) -> Iterator[Check]:
    lengths = {0.01: 1, 0.005: 2, 0.001: 10, 0.0005: 20}  # epochs for the way that lr 0.01 goes in one
    configs = {lr: asked(data, SOFTMAX, lr, size.epochs * each) for lr, each in lengths.items()}
    found = train(engine, [Run(config, seed) for seed in range(size.few) for config in configs.values()], data)

    def losses(lr: float) -> np.ndarray:
        rows = [found[Run(configs[lr], seed)] for seed in range(size.few)]
        return np.array([[record.validation_loss for record in row[:: lengths[lr]]] for row in rows])

    for lr in (0.01, 0.005):
        yield judge_same_curve(lr, 10, losses(lr), losses(lr / 10))
    some, lr, steps = beginning(data, size.images), 0.08, 10
    curves = [full_batch_losses(engine, some, lr / half, steps * half + 1, 0)[::half] for half in (1, 2, 4, 8)]
    yield judge_halving(lr, curves)


# ---- the critical learning rate -----------------------------------------------------------------------


def threshold(unstable: Callable[[float], bool], low: float, high: float, halvings: int = 13) -> float:
    """The rate at which ``unstable`` begins, by bisection on the log scale; an end, where it begins at neither side."""
    for _ in range(halvings):
        middle = float(np.sqrt(low * high))
        low, high = (low, middle) if unstable(middle) else (middle, high)
    return float(np.sqrt(low * high))


def nudge_grows(
    gradient: Callable[[np.ndarray], np.ndarray], start: np.ndarray, lr: float, steps: int = 60, nudge: float = 1e-5
) -> bool:
    """Whether gradient descent from start + nudge grows away, on the loss less its slope at the start.

    The nudge is random, so most of it shrinks at first: what counts is how the gradient's norm moves in the last
    third, when the sharpest direction is all that is left. A hundredfold norm is growth at once.
    """
    slope = gradient(start)
    random = streams.normals(len(start), "nudge", 0)
    weights = start + nudge * random / np.linalg.norm(random)
    norms: list[float] = []
    while len(norms) < steps and (not norms or norms[-1] < 100 * norms[0]):
        move = gradient(weights) - slope
        norms.append(float(np.linalg.norm(move)))
        weights = weights - lr * move
    return len(norms) < steps or norms[-1] > norms[-steps // 3]


def judge_critical(what: str, predicted: Sequence[float], observed: Sequence[float], within: float, note: str) -> Check:
    """The critical rates of some seeds: 2 / λ and what was seen."""
    shares = np.array(observed) / np.array(predicted)
    return Check(
        "critical learning rate",
        what,
        f"{wording.listed([wording.fixed(each, 4) for each in predicted])}, ± {within:.0%}",
        wording.listed([wording.fixed(each, 4) for each in observed]),
        bool(np.max(np.abs(shares - 1)) <= within),
        f"{wording.listed([f'{share:.3f}' for share in shares])} of the prediction; {note}",
        {"predicted": list(predicted), "observed": list(observed), "allowed": within, "n": len(shares)},
    )


def critical_checks(engine: NativeEngine, data: Dataset, size: Size, steps: int = 24) -> Iterator[Check]:
    some = beginning(data, size.images)
    config = asked(some, SOFTMAX, 0.1, 1)
    images = some.train.images, some.train.labels, scaling(config, some)
    predicted, around, training = [], [], []
    for seed in range(size.few):
        weights = streams.initial_weights(SOFTMAX, config.init, seed)
        predicted.append(curvature(SOFTMAX, weights, *images)["critical_lr"] or np.inf)
        start = _flat(weights)

        def gradient(flat: np.ndarray) -> np.ndarray:
            return _flat(mean_gradient(SOFTMAX, _shaped(SOFTMAX, flat), *images))

        def rises(lr: float, seed: int = seed) -> bool:
            return bool((np.diff(full_batch_losses(engine, some, lr, steps, seed)) > 0).any())

        around.append(threshold(lambda lr, start=start: nudge_grows(gradient, start, lr), *RATES))
        training.append(threshold(rises, *RATES))
    shared = f"{wording.seeds(size.few)}, the first {size.images:,} training images"
    yield judge_critical("around the start: a small nudge grows", predicted, around, AROUND, shared)
    what = f"in training: the loss rises within {steps} steps"
    yield judge_critical(what, predicted, training, IN_TRAINING, shared)


def _flat(tensors: Tensors) -> np.ndarray:
    return np.concatenate([tensor.ravel() for tensor in tensors.values()]).astype(np.float64)


def _shaped(model: Model, flat: np.ndarray) -> Tensors:
    ends = np.cumsum([parameter.size for parameter in model.parameters()])[:-1]
    pieces = zip(model.parameters(), np.split(flat, ends), strict=True)
    return {parameter.name: piece.reshape(parameter.shape) for parameter, piece in pieces}
