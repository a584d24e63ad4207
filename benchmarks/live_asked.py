# SPDX-License-Identifier: Apache-2.0
"""What the server alone is asked: to cancel a training, and to bear visitors who never finish a request."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from live_line import Page, listening, progress, serving, times

CANCELLED, CUT, ANSWERED = 1.0, 5.0, 0.1
"""Seconds: the promises."""


@dataclass(frozen=True)
class Extent:
    """How much is measured."""

    cancels: int = 20
    slow: int = 500


QUICK = Extent(cancels=2, slow=20)


# ---- cancel ---------------------------------------------------------------------------------------------


def cancels(extent: Extent, data: Path | None, folder: Path) -> dict[str, Any]:
    """Seconds from asking for the end of a LeNet's training, in the midst of an epoch, to hearing that it has ended."""
    found = []
    with serving(folder / "cancels.db", data) as (_, page):
        heard, draws = page.listen(), random.Random(0)
        next(heard)
        for number in range(extent.cancels):
            model = {"kind": "lenet", "activation": "sigmoid", "pooling": "avg"}
            setting = {"data": "fashion-mnist", "model": model, "lr": 0.9 + 1e-6 * number, "epochs": 20}
            _, answer = page.ask("POST", "/api/play/train", {"settings": [setting], "seeds": 4})
            _until(heard, answer["training"], "training")
            sleep(draws.uniform(0.3, 1.2))
            begun = monotonic()
            page.ask("POST", "/api/play/cancel", {"training": answer["training"]})
            _until(heard, answer["training"], "cancelled")
            found.append(monotonic() - begun)
        progress(f"cancel: {extent.cancels} trainings")
    return times(found, CANCELLED)


def _until(heard: Iterator[dict[str, Any]], training: int, state: str) -> None:
    for event in heard:
        if event["topic"] == "training" and event["id"] == training and event["state"] == state:
            return


# ---- slow visitors --------------------------------------------------------------------------------------


def slow(extent: Extent, data: Path | None, folder: Path) -> dict[str, Any]:
    """Seconds until slow requests are cut, and how long the page takes to answer before and meanwhile."""
    with serving(folder / "slow.db", data) as (_, page), listening(page) as crowd:
        before = list(_answers(page, 2.0))
        crowd.tell(do="slow", count=extent.slow)
        meanwhile = list(_answers(page, 4.5))
        cut = crowd.hear()
    progress(f"slow: {extent.slow} requests")
    return {
        "lines": extent.slow,
        "cut": times(cut, CUT),
        "quiet": times(before),
        "besieged": times(meanwhile, ANSWERED),
    }


def _answers(page: Page, seconds: float) -> Iterator[float]:
    ends = monotonic() + seconds
    while monotonic() < ends:
        yield page.ask("GET", "/api/state")[0]
        sleep(0.02)
