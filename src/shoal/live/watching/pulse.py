# SPDX-License-Identifier: Apache-2.0
"""Who trains at the moment, and how fast: seen from outside, by how the stored seconds of training grow.

Whoever trains may be another process: the store is all there is to see of it. Nothing is told before two looks.
"""

import threading
from collections import deque
from collections.abc import Callable, Mapping
from time import monotonic

WINDOW = 120.0
"""Seconds that are looked back on."""
QUIET = 10.0
"""Seconds without a record after which nothing trains, if epochs are short; else three epochs."""


class Pulse:
    """The stored seconds of training of every study, look after look."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._looks: deque[tuple[float, Mapping[str, float]]] = deque()
        self._grown: dict[str, float] = {}
        self._turn = threading.Lock()

    def look(self, seconds: Mapping[str, float]) -> None:
        """Note the seconds that each study's runs have been trained for, all together, by the study's name."""
        now = self._clock()
        with self._turn:
            before = self._looks[-1][1] if self._looks else {}
            for name, amount in seconds.items():
                if self._looks and amount > before.get(name, 0.0):
                    self._grown[name] = now
            self._looks.append((now, dict(seconds)))
            while self._looks[0][0] < now - WINDOW:
                self._looks.popleft()

    def trains(self, name: str, epoch: float = 0.0) -> bool:
        """Whether runs of a study have grown lately.

        Args:
            epoch: how many seconds one of its epochs takes.
        """
        return self._clock() - self._grown.get(name, float("-inf")) < max(QUIET, 3 * epoch)

    def speed(self, name: str) -> float | None:
        """Seconds of training a second of the clock: as many runs as are trained at once, about. None if unknown."""
        with self._turn:
            if not self._looks:
                return None
            (begun, first), (ended, last) = self._looks[0], self._looks[-1]
        grown = last.get(name, 0.0) - first.get(name, 0.0)
        return grown / (ended - begun) if grown > 0 and ended > begun else None
