# SPDX-License-Identifier: Apache-2.0
"""The second half of section 3.2's chapter: which rate each corner of the factorial chose, how the other does,
and what each change does. The choice is the claims' own; nothing is chosen or judged here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from shoal import wording
from shoal.analysis.curves import Curves
from shoal.analysis.outcomes import outcome
from shoal.analysis.statistics import Summary, mean_interval
from shoal.studies import compose
from shoal.studies.clauses import ACCURACY, apart, difference, magnitude, settled, summary, told
from shoal.studies.relu_max.factorial import CORNERS, EFFECTS, HELD_OUT, RATES, TEST, Corner, called, config, contrasts
from shoal.studies.section import Block, Figure, Results, Table


@dataclass(frozen=True)
class Tried:
    """A corner whose rates have all been run, on the seeds that they share."""

    name: str
    rates: tuple[float, ...]
    curves: tuple[Curves, ...]
    """In the order of the rates."""
    best: int
    """Which of them the claims judge by: the best on the images held out."""
    test: np.ndarray
    """(n,): how that one does on the test images."""

    @property
    def rate(self) -> float:
        return self.rates[self.best]

    @property
    def chosen(self) -> Curves:
        return self.curves[self.best]

    @property
    def learnt(self) -> bool:
        """Whether any run ended at the rate chosen: else every rate had runs that diverged."""
        return bool(summary(self.chosen, ACCURACY).n)

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(seed for seed in self.chosen.seeds if all(seed in one.seeds for one in self.curves))

    @property
    def held_out(self) -> np.ndarray:
        """(n, k): final accuracy on the images held out, a row per seed, a column per rate."""
        rows = [[one.seeds.index(seed) for seed in self.seeds] for one in self.curves]
        return np.array([ACCURACY.of(one)[row] for one, row in zip(self.curves, rows, strict=True)]).T


def blocks(results: Results) -> list[Block]:
    """The second half of the chapter: the design, and as soon as every rate has a run, choices and effects."""
    every = {corner: _curves(corner, results) for corner in CORNERS}
    ended = [one for curves in every.values() for one in curves if one.seeds]
    tried = [found for corner, curves in every.items() if (found := _tried(corner, curves, results))]
    if len(tried) < len(CORNERS):
        count = sum(map(len, every.values()))
        awaited = f"It is too early to choose: {len(ended)} of these {count} have a finished run."
        return [compose.paragraph(_design(results), awaited, compose.diverged(ended))]
    contrast = contrasts(results)
    return [
        compose.paragraph(_design(results), compose.diverged(ended), choice(tried)),
        _figure(tried, compose.seeds(ended)),
        _corner_table(tried),
        compose.paragraph(causes(contrast)),
        _effect_table(contrast),
    ]


def _curves(corner: Corner, results: Results) -> tuple[Curves, ...]:
    """Of every rate that the corner tries, named as the chapter names it."""
    return tuple(
        replace(results.curves(**values), label=f"{called(corner)} at {values['lr']:g}")
        for values in CORNERS[corner].among
    )


def _tried(corner: Corner, curves: tuple[Curves, ...], results: Results) -> Tried | None:
    """None as long as the corner's rates share no seed."""
    if not set.intersection(*(set(one.seeds) for one in curves)):
        return None
    judged = outcome(CORNERS[corner], TEST, results)
    best = [one.config.hash for one in curves].index(judged.hashes[0])
    return Tried(called(corner), RATES[corner[0]], curves, best, judged.values)


def _design(results: Results) -> str:
    shared = config("relu", "max", RATES["relu"][0])
    images = len(results.dataset(shared.data).train)
    return (
        f"Which of the two changes does it? Activation and pooling are crossed, and each of the four networks gets the "
        f"better of two learning rates, the one with the higher accuracy on {HELD_OUT:,} of the {images:,} training "
        f"images, held out for that. The test images judge once the rates are chosen. Each network is trained on the "
        f"other training images for {wording.count(shared.epochs, 'epoch')}, in batches of {shared.batch_size}."
    )


def choice(tried: Sequence[Tried]) -> str:
    """Which of its two rates each corner chose, and how the other does: little apart says that the top is flat."""
    learnt = [one for one in tried if one.learnt]
    if not learnt:
        return "Every run diverged: no rate is better."
    chosen = wording.listed([f"{one.rate:g} for {one.name}" for one in learnt])
    other = wording.listed([f"{_other(one)} for {one.name}" for one in learnt])
    return (
        f"The better rate is {chosen}. Of two, either is at an end of what was tried, and a still better one may lie "
        f"beyond it. At the other rate accuracy is {other}."
    )


def _other(one: Tried) -> str:
    """How the rate that was not chosen does, beside the one that was."""
    return apart(difference(one.curves[1 - one.best], one.chosen, ACCURACY))


def causes(contrast: Mapping[str, np.ndarray]) -> str:
    """Which change does more, and whether one depends on the other, as far as the intervals tell."""
    effects = {name: mean_interval(contrast[which]) for which, name in EFFECTS.items()}
    if any(not one.n for one in effects.values()):
        return "In every seed a run diverged: there is no effect to tell."
    parts = [f"by {_effect(effects[name])} with {name}" for name in (EFFECTS["first"], EFFECTS["second"])]
    depends = _depends(effects[EFFECTS["interaction"]])
    larger = _larger(contrast["first"], contrast["second"])
    return (
        f"With each network at its own better rate, test accuracy changes {wording.listed(parts)}; {larger}. {depends}."
    )


def _larger(relu: np.ndarray, pool: np.ndarray) -> str:
    with np.errstate(invalid="ignore"):
        gap = mean_interval(np.abs(relu) - np.abs(pool))
    if not gap.n or not settled(gap) or gap.mean == 0:
        return "which of the two does more is not settled"
    return f"{'the activation' if gap.mean > 0 else 'the pooling'} does more"


def _depends(interaction: Summary) -> str:
    if interaction.mean == 0 and not interaction.sd:
        return "Max pooling adds as much with ReLU as with the sigmoid"
    if not settled(interaction):
        return f"What max pooling adds does not clearly depend on the activation ({wording.measured(interaction)})"
    word = "more" if interaction.mean > 0 else "less"
    return f"Max pooling adds {wording.measured(magnitude(interaction))} {word} with ReLU than with the sigmoid"


def _effect(effect: Summary) -> str:
    return wording.measured(effect) + ("" if settled(effect) else " (not clearly different from nothing)")


# ---- what is shown ------------------------------------------------------------------------------------


def _figure(tried: Sequence[Tried], n: str) -> Figure:
    """Whether each corner had a fair chance: accuracy against every rate that was tried."""
    from shoal import figures

    drawn = [figures.Choice(one.name, one.rates, one.held_out, one.best) for one in tried]
    best = [f"{told(one.chosen, ACCURACY)} with {one.name} at {one.rate:g}" for one in tried if one.learnt]
    caption = (
        f"Accuracy on the images held out at every learning rate tried, after {tried[0].chosen.config.epochs} epochs: "
        f"a dot per seed, a line through the means, a disc at the rate that is chosen. There it is "
        f"{wording.listed(best) if best else 'nowhere to be told: every run diverged'}. {n}."
    )
    chart = figures.tried(drawn, x_title="learning rate", y_title="accuracy on the images held out")
    rows = [
        {"network": one.name, "learning_rate": rate, "seed": seed, "held_out_accuracy": _plain(value)}
        | {"chosen": rate == one.rate}
        for one in tried
        for rate, column in zip(one.rates, one.held_out.T, strict=True)
        for seed, value in zip(one.seeds, column, strict=True)
    ]
    return Figure("relu-max-rates", chart, caption, rows)


def _corner_table(tried: Sequence[Tried]) -> Table:
    """A corner a row: what it tried and chose, and how it then does on the test images."""
    lone = all(len(one.seeds) == 1 for one in tried)
    body: list[list[str]] = []
    records: list[dict[str, Any]] = []
    for one in tried:
        test = mean_interval(one.test)
        cells = [one.name, ", ".join(f"{rate:g}" for rate in one.rates), f"{one.rate:g}" if one.learnt else "–"]
        cells += [told(one.chosen, ACCURACY) if one.learnt else "diverged", wording.measured(test)]
        body.append(cells if lone else [*cells, compose.deviation(test)])
        parts = {f"test_accuracy_{part}": getattr(test, part) for part in ("n", "mean", "sd", "low", "high")}
        record = {"network": one.name, "tried": list(one.rates), "chosen": one.rate}
        records.append(record | {"hash": one.chosen.config.hash} | parts)
    columns = ["", "rates tried", "chosen", "held-out accuracy", "test accuracy"] + ([] if lone else ["sd"])
    note = compose.spread_note([len(one.test) for one in tried])
    caption = f"Each network at the rate chosen on the images held out, and what the test images then say. {note}"
    return Table("relu-max-rates", columns, body, caption.strip(), records)


def _effect_table(contrast: Mapping[str, np.ndarray]) -> Table:
    """An effect a row: the mean with its interval and, of several seeds, the deviation."""
    numbers = {name: mean_interval(contrast[which]) for which, name in EFFECTS.items()}
    lone = all(one.n < 2 for one in numbers.values())
    body, records = [], []
    for name, one in numbers.items():
        cells = [name, wording.measured(one)]
        body.append(cells if lone else [*cells, compose.deviation(one)])
        records.append({"effect": name} | {part: getattr(one, part) for part in ("n", "mean", "sd", "low", "high")})
    caption = (
        "The two-by-two factorial, paired by seed. An effect is a mean over both levels of the other change; the last "
        "row is what max pooling adds with ReLU minus what it adds with the sigmoid."
    )
    note = compose.spread_note([record["n"] for record in records])
    columns = ["", "effect on test accuracy"] + ([] if lone else ["sd"])
    return Table("factorial", columns, body, f"{caption} {note}".strip(), records)


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
