# SPDX-License-Identifier: Apache-2.0
"""The memory of training and of prediction, counted and measured for every case of section 2.3, and what the original
says of it: claims 13 and 14. They are facts of arithmetic and of one training step; nothing is trained.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

from shoal import wording
from shoal.analysis.claims import Fact, Found
from shoal.models import Model, lenet, mlp, softmax_regression
from shoal.optimizers import SGD, Adam, Optimizer
from shoal.studies.section import Results

MODELS: dict[str, Model] = {"softmax regression": softmax_regression(), "MLP-256": mlp(256), "LeNet": lenet()}
PREDICTION = "prediction"
USES: dict[str, Optimizer | None] = {
    PREDICTION: None,
    "SGD": SGD(lr=0.1),
    "momentum": SGD(lr=0.1, momentum=0.9),
    "Adam": Adam(),
}
BATCHES = (1, 32, 128, 256, 1024)
SHOWN = 256

SEVERAL = 2.0
"""Several times as much is tested as more than so many times."""
DEPTHS = range(1, 9)
WIDTH = 64
"""Deeper networks are those of section 2.1: so many hidden layers, of so many units."""

Rows = Sequence[dict[str, Any]]


# ---- what is kept -------------------------------------------------------------------------------------


def rows_in(results: Results) -> Rows:
    rows: Rows = results.probe("memory", measure)
    return rows


def measure() -> list[dict[str, Any]]:
    """Ledger and measurement of every model, batch size and use, in bytes."""
    from shoal.probes import memory

    return [
        {"model": name, "batch": batch, "use": use}
        | memory.ledger(model, batch, optimizer)
        | undisturbed(partial(memory.measured, model, batch, optimizer))
        for name, model in MODELS.items()
        for batch in BATCHES
        for use, optimizer in USES.items()
    ]


def undisturbed(measured: Callable[[], Mapping[str, Any]]) -> dict[str, int]:
    """The least of two measurements, or of up to four where the lowest two are more than 1% apart: other threads,
    which may be training meanwhile, can only add to one."""
    found = [measured(), measured()]
    while len(found) < 4 and any(low < 0.99 * next_ for low, next_ in (_lowest(found, kind) for kind in found[0])):
        found.append(measured())
    return {kind: min(one[kind] for one in found) for kind in found[0]}


def _lowest(found: Sequence[Mapping[str, Any]], kind: str) -> list[int]:
    return sorted(one[kind] for one in found)[:2]


def one(rows: Rows, model: str, batch: int, use: str) -> dict[str, Any]:
    return next(row for row in rows if (row["model"], row["batch"], row["use"]) == (model, batch, use))


def ratio(rows: Rows, model: str, batch: int, use: str, kind: str = "total") -> float:
    """Training with this use over prediction, by the ledger, or with ``kind="peak"`` as measured."""
    return float(one(rows, model, batch, use)[kind] / one(rows, model, batch, PREDICTION)[kind])


# ---- claim 13 -----------------------------------------------------------------------------------------

TIMES = "training can use several times more memory than prediction"
OVER = "memory of training over that of prediction"
BESIDE = f"{OVER}, the lower of ledger and peak"


def _least(rows: Rows, model: str, batch: int, use: str) -> float:
    """The lower of what the ledger and the measured peak say."""
    return min(ratio(rows, model, batch, use, kind) for kind in ("total", "peak"))


def often(rows: Rows, kind: str) -> int:
    """In how many of the cases training takes several times the memory of prediction, by the ledger or the peak."""
    return sum(ratio(rows, *case, kind) > SEVERAL for case in CASES)


def _both(rows: Rows, model: str, batch: int, use: str) -> str:
    ledger, peak = (wording.times(ratio(rows, model, batch, use, kind), 3) for kind in ("total", "peak"))
    return f"{ledger} by the ledger, {peak} at the measured peak"


def _several(id: str, model: str) -> Fact:
    def find(results: Results) -> Found:
        rows, case = rows_in(results), (model, SHOWN, "SGD")
        least = _least(rows, *case)
        return Found(least > SEVERAL, least, SEVERAL, "×", BESIDE, _both(rows, *case))

    tested = (
        f"With batches of {SHOWN}, training {model} by SGD takes more than {SEVERAL:g} times the memory of prediction, "
        "both by the ledger and by the measured peak."
    )
    return Fact(id, f"… {TIMES} …", tested, find)


CASES = [(model, batch, use) for model in MODELS for batch in BATCHES for use in USES if use != PREDICTION]


def _somewhere(results: Results) -> Found:
    rows = rows_in(results)
    case = max(CASES, key=lambda case: _least(rows, *case))
    most, (model, batch, use) = _least(rows, *case), case
    beside = f"{model}, batches of {batch:,}, {use}: {_both(rows, *case)}"
    return Found(most > SEVERAL, most, SEVERAL, "×", f"{BESIDE}, at its highest", beside)


def _mostly(results: Results) -> Found:
    rows = rows_in(results)
    both = sum(_least(rows, *case) > SEVERAL for case in CASES)
    measure = f"combinations in which training takes more than {SEVERAL:g} times as much"
    beside = f"{both} of {len(CASES)}; by the peak alone {often(rows, 'peak')}"
    return Found(both > len(CASES) / 2, 100 * both / len(CASES), 50, "%", measure, beside)


def _with_deeper(results: Results) -> Found:
    """The least factor by which a further layer multiplies the ratio."""
    from shoal.probes.memory import ledger

    models = [mlp(*[WIDTH] * depth) for depth in DEPTHS]
    ratios = [ledger(model, SHOWN, SGD(lr=0.1))["total"] / ledger(model, SHOWN)["total"] for model in models]
    least = min(after / before for before, after in pairwise(ratios))
    return Found(least > 1, least, 1, "×", f"{OVER}: least factor of a further layer")


def _with_bigger(results: Results) -> Found:
    """The least factor, over models, by which the biggest batches multiply the ratio of the smallest."""
    rows = rows_in(results)
    first, last = BATCHES[0], BATCHES[-1]
    grown = {model: ratio(rows, model, last, "SGD") / ratio(rows, model, first, "SGD") for model in MODELS}
    least = min(grown.values())
    beside = wording.listed([f"{wording.times(times, 3)} for {model}" for model, times in grown.items()])
    return Found(least > 1, least, 1, "×", f"{OVER}: least factor of bigger batches", beside)


# ---- claim 14 -----------------------------------------------------------------------------------------

COPIES = "… if using adaptive moment estimation, extra copies of the weights."


def _as_much_as_two(results: Results) -> Found:
    """Whichever case is furthest from two."""
    states = [row["optimizer_state"] / row["parameters"] for row in rows_in(results) if row["use"] == "Adam"]
    furthest = max(states, key=lambda times: abs(times - 2))
    return Found(furthest == 2, furthest, 2, "×", "what Adam keeps over the weights")


def _are_copies(results: Results) -> Found:
    from shoal.probes.memory import copied

    share = results.probe("memory/copied-by-adam", lambda: copied(MODELS["MLP-256"], Adam()))
    return Found(share == 1, 100 * share, 100, "%", "numbers kept that equal their weight")


FACTS = (
    *(_several(f"13{letter}", model) for letter, model in zip("abc", MODELS, strict=True)),
    Fact(
        "13d",
        f"… {TIMES} …",
        f"At least one of the {len(CASES)} combinations of model, batch size and optimizer here takes more "
        f"than {SEVERAL:g} times the memory of prediction, by the ledger and by the measured peak.",
        _somewhere,
    ),
    Fact(
        "13e",
        f"… {TIMES} …",
        f"More than half of the {len(CASES)} combinations of model, batch size and optimizer here take more than "
        f"{SEVERAL:g} times the memory of prediction, by the ledger and by the measured peak.",
        _mostly,
    ),
    Fact(
        "13f",
        "… especially with deeper networks …",
        f"With batches of {SHOWN} and SGD, each further hidden layer of {WIDTH} units, from {DEPTHS[0]} to "
        f"{DEPTHS[-1]}, raises the memory of training over that of prediction, by the ledger.",
        _with_deeper,
    ),
    Fact(
        "13g",
        "… especially with … bigger batch sizes",
        f"For every model here, the memory of training by SGD over that of prediction is larger with batches of "
        f"{BATCHES[-1]:,} than with batches of {BATCHES[0]}, by the ledger.",
        _with_bigger,
    ),
    Fact(
        "14a",
        COPIES,
        "Adam keeps exactly as much, besides weights and gradients, as two copies of the weights would take.",
        _as_much_as_two,
    ),
    Fact(
        "14b",
        COPIES,
        "What Adam keeps are copies of the weights: after one step of MLP-256, each number kept equals its weight.",
        _are_copies,
    ),
)
