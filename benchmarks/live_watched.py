# SPDX-License-Identifier: Apache-2.0
"""What watchers cost whoever trains, and how long events take to them: one long training, watched and not, in turn.

Two trainings one after the other differ by several per cent on an idle machine, for reasons that have nothing to do
with watchers. Here one training goes on; every pair of segments, side by side, has one with the crowd and one without,
in an order that was drawn, as often the one way as the other. Beside this the CPU seconds of all threads that do not
train are counted: what watching takes of the cores, with little noise, though not what it makes training wait for.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from typing import Any

import numpy as np
from live_line import End, listening, progress, serving, times

from shoal.bench import RATES

STUDY = "watched"
SETTLE = 0.5
"""Seconds after a crowd has come or gone that belong to no segment."""
LAST = 0.6
"""Seconds that the last bundle of events may take: what was stored within them is not waited for."""
SWEEP = [round(0.005 * step, 3) for step in range(1, 201)]
"""Learning rates of the long training: of 20 epochs on 10 seeds each, more than there is time for."""
LAG = 0.5
"""Seconds: the promise."""


@dataclass(frozen=True)
class Extent:
    """How much is measured."""

    watchers: int = 200
    model: str = "softmax"
    pairs: int = 120
    segment: float = 2.0
    """Seconds."""
    lone: tuple[str, int, int] = ("lenet", 2, 4)
    """Model, epochs and seeds of trainings whose events are timed too."""
    rounds: int = 2


QUICK = Extent(watchers=5, pairs=2, segment=1.0, lone=("lenet", 1, 2), rounds=1)


def measure(extent: Extent, data: Path | None, folder: Path) -> dict[str, Any]:
    """Training's speed by segment, with watchers and without; what both took of the cores; the events' lags."""
    with serving(folder / "watched.db", data) as (server, page), listening(page) as crowd:
        slowed = _slowed(extent, server, crowd)
        lone = _lone(extent, server, crowd)
    return {"watchers": extent.watchers, **slowed, "lone": lone}


# ---- one long training ----------------------------------------------------------------------------------


def _slowed(extent: Extent, server: End, crowd: End) -> dict[str, Any]:
    server.ask(do="train", name=STUDY, model=extent.model, rates=SWEEP, epochs=20, seeds=10)
    sleep(2.0)  # to be warm
    segments, lags = [], list[float | None]()
    for number, watched in enumerate(order(extent.pairs)):
        segment, late = _segment(extent, server, crowd, watched)
        segments.append(segment)
        lags += late
        if number % 10 == 9:
            progress(f"watchers: {(number + 1) // 2} of {extent.pairs} pairs")
    stored = np.array([at for _, epoch, at in server.ask(do="stored") if epoch])
    server.ask(do="end")
    for one in segments:
        one["epochs_per_second"] = rate(stored, one.pop("from"), one.pop("to"))
    return {"model": extent.model, "seconds": extent.segment, "segments": segments, **_heard(lags)}


def _segment(extent: Extent, server: End, crowd: End, watched: bool) -> tuple[dict[str, Any], list[float | None]]:
    """Some seconds of it, and the lags of what was stored in them."""
    crowd.ask(do="open", count=extent.watchers if watched else 0, study=STUDY)
    sleep(SETTLE)
    before = server.ask(do="mark") | crowd.ask(do="mark")
    sleep(extent.segment)
    after = server.ask(do="mark") | crowd.ask(do="mark")
    lags = []
    if watched:
        sleep(LAST)
        lags = crowd.ask(
            do="lags", stored=[one for one in server.ask(do="stored", since=before["at"]) if one[2] < after["at"]]
        )
    crowd.ask(do="close")
    sleep(SETTLE)
    spent = {name: after[name] - before[name] for name in ("training", "page", "crowd", "readings")}
    return {"watched": watched, "from": before["at"], "to": after["at"], **spent}, lags


def order(pairs: int) -> Iterator[bool]:
    """Whether each segment is watched: pairs, as many with the watched one first as last, the order drawn once."""
    first = [at % 2 == 0 for at in range(pairs)]
    random.Random(0).shuffle(first)
    for watched in first:
        yield from (watched, not watched)


def rate(stored: np.ndarray, begun: float, ended: float) -> float:
    """Epochs a second between two moments; the epochs on their way at either count by the time that had passed."""
    done = np.interp([begun, ended], stored, np.arange(len(stored)))
    return float((done[1] - done[0]) / (ended - begun))


# ---- events ---------------------------------------------------------------------------------------------


def _lone(extent: Extent, server: End, crowd: End) -> dict[str, Any]:
    """The lags of a larger network's events, which come one by one."""
    model, epochs, seeds = extent.lone
    lags: list[float | None] = []
    for turn in range(extent.rounds):
        crowd.ask(do="open", count=extent.watchers, study=STUDY)
        sleep(SETTLE)
        server.ask(
            do="train",
            name=f"{model}-{turn}",
            model=model,
            rates=[RATES[model] + 1e-6 * turn],
            epochs=epochs,
            seeds=seeds,
        )
        server.ask(do="wait")
        sleep(LAST)
        lags += crowd.ask(do="lags", stored=server.ask(do="stored"))
        crowd.ask(do="close")
        progress(f"watchers: training {turn + 1} of {extent.rounds} of {model}")
    return {"model": model, "epochs": epochs, "seeds": seeds, **_heard(lags)}


def _heard(lags: Sequence[float | None]) -> dict[str, Any]:
    came = [lag for lag in lags if lag is not None]
    return {"lags": times(came, LAG), "lost": len(lags) - len(came)}
