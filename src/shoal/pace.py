# SPDX-License-Identifier: Apache-2.0
"""How fast a training goes by the clock, and how long what is left will take. It knows epochs, and no runs; and it says
nothing before there is something to judge by.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable
from math import prod
from time import monotonic
from typing import NamedTuple

from shoal.study import Config

LANES = 16
"""Examples that the engine computes together; a smaller minibatch costs as much."""
UPDATE, PIXEL = 10, 60
"""Operations that one weight's update, and one pixel's way from memory into the network, count as. Without them a
network of one hidden unit would seem to be two hundred times as fast as one of 256, and is twenty times."""
WAVES = 2
"""Epochs for which there must have been time: until then those under way, which nobody has heard of yet, are most of
what was done."""


class Epochs(NamedTuple):
    """So many epochs of runs that are alike."""

    like: Hashable
    """Those that have the same take as long."""
    work: float
    """About how long one takes, in whatever all share: see `work`."""
    number: int = 1


class Pace:
    """What epochs have taken, and how many of them at once."""

    def __init__(self) -> None:
        self.begun = self.latest = monotonic()
        self.trained = 0.0
        """Epochs trained since then; of one that had begun before, the part since then."""
        self._going = False
        self._busy = 0.0
        """Seconds of training since then, of all runs together."""
        self._epoch = 0.0
        """Seconds that the latest epoch took."""
        self._costs: dict[Hashable, _Mean] = defaultdict(_Mean)
        self._per_work = _Mean()

    def start(self) -> None:
        """Training begins now, or is about to."""
        self.begun = self.latest = monotonic()
        self._going = False

    def hear(self, seconds: float) -> None:
        """A first or a further record: the clock starts with the first epoch, whatever went before, as reading data."""
        if not self._going:
            self.begun, self._going = max(self.begun, monotonic() - seconds), True

    def learn(self, one: Epochs, seconds: float) -> None:
        """What an epoch took, whenever that was."""
        self._costs[one.like].add(seconds)
        self._per_work.add(seconds / one.work)

    def add(self, one: Epochs, seconds: float) -> None:
        """An epoch has ended."""
        self.hear(seconds)
        self.latest = monotonic()
        since = self.latest - self.begun
        share = min(since / seconds, 1.0) if seconds else 1.0
        self.trained, self._busy, self._epoch = self.trained + share, self._busy + share * seconds, seconds
        self.learn(one, seconds)

    @property
    def rate(self) -> float:
        """Epochs a second from the beginning of training to the latest of them."""
        return self.trained / max(self.latest - self.begun, 1e-9)

    def left(self, todo: Iterable[Epochs]) -> float | None:
        """Seconds that these will take by the clock so far, None before there is anything to judge by; 0 of nothing.

        They are weighed by what their like have taken, or by their work. However many runs train at once, each has
        half an epoch under way on average, which took time and is not heard of yet.
        """
        since, more = self.latest - self.begun, [one for one in todo if one.number]
        if not more:
            return 0.0
        if not self._busy or since < WAVES * self._epoch * (1 - 1e-9):
            return None
        return sum(one.number * self._cost(one) for one in more) * (since - self._epoch / 2) / self._busy

    def _cost(self, one: Epochs) -> float:
        like = self._costs.get(one.like)
        return like.value if like else one.work * self._per_work.value


def work(config: Config) -> float:
    """How long one image takes to train on, about, in operations of a processor that does `LANES` images at once."""
    model, batch = config.model, config.batch_size
    rounded = -(-batch // LANES) * LANES / batch
    return rounded * (model.training_flops + PIXEL * prod(model.input_shape)) + UPDATE * model.parameter_count / batch


class _Mean:
    def __init__(self) -> None:
        self.total, self.count = 0.0, 0

    def add(self, value: float) -> None:
        self.total, self.count = self.total + value, self.count + 1

    @property
    def value(self) -> float:
        return self.total / self.count
