# SPDX-License-Identifier: Apache-2.0
"""Who trains at the moment, and how fast. Whoever trains may be another process: its lock and the store are all there
is to see of it.

While nobody holds the store to write, nothing trains: that is known at once. Of who holds it, what grows since then,
or was asked for since then, is what it trains. How fast is told once that has been seen for the time of two epochs.
"""

import threading
from collections import deque
from collections.abc import Callable, Mapping
from time import monotonic
from typing import NamedTuple

WINDOW = 120.0
"""Seconds that are looked back on."""
QUIET = 10.0
"""Seconds without a record after which a study is not what is trained, if its epochs are short; else three epochs."""
WAVES = 2
"""Epochs for whose time a study must have been seen to grow before its speed is told."""
NEVER = float("-inf")


class Seen(NamedTuple):
    """A study at one look."""

    seconds: float
    """That its runs have been trained for, all together."""
    latest: str
    """When it was asked for, or a run of it begun, the last time; ISO 8601 in UTC."""


class Grown(NamedTuple):
    """When a study was seen to grow under one holder of the store, by the clock."""

    first: float
    last: float
    since: str
    """Since when the store was held."""


class Pulse:
    """Every study, look after look.

    Args:
        held: since when somebody has held the store to write; None if nobody does.
    """

    def __init__(self, held: Callable[[], str | None], clock: Callable[[], float] = monotonic) -> None:
        self._held, self._clock = held, clock
        self._looks: deque[tuple[float, Mapping[str, Seen]]] = deque()
        self._grown: dict[str, Grown] = {}
        self._turn = threading.Lock()

    def look(self, studies: Mapping[str, Seen]) -> None:
        """Note how every study stands, by its name."""
        now, since = self._clock(), self._held()
        with self._turn:
            before = self._looks[-1][1] if self._looks else None
            for name, seen in studies.items():
                if since is not None and _grew(seen, before.get(name) if before else None, since):
                    earlier = self._of(name)
                    self._grown[name] = Grown(earlier.first if earlier.since == since else now, now, since)
            self._looks.append((now, dict(studies)))
            while self._looks[0][0] < now - WINDOW:
                self._looks.popleft()

    def trains(self, name: str, epoch: float = 0.0) -> bool:
        """Whether a study is trained by who holds the store now.

        Args:
            epoch: how many seconds one of its epochs takes; 0 while that is not known, and the first is waited for.
        """
        grown = self._of(name)
        quiet = self._clock() - grown.last
        return grown.since == self._held() and (not epoch or quiet < max(QUIET, 3 * epoch))

    def speed(self, name: str, epoch: float = 0.0) -> float | None:
        """Seconds of training a second of the clock: as many runs as are trained at once, about. None if unknown.

        Args:
            epoch: how many seconds one of its epochs takes.
        """
        with self._turn:
            begun = self._of(name).first  # before that nobody trained it, or another study
            looks = [(at, _seconds(studies, name)) for at, studies in self._looks if at >= begun]
        if not looks:
            return None
        passed, grown = looks[-1][0] - looks[0][0], looks[-1][1] - looks[0][1]
        return grown / passed if grown > 0 and passed > 0 and passed >= WAVES * epoch else None

    def _of(self, name: str) -> Grown:
        return self._grown.get(name, Grown(NEVER, NEVER, ""))


def _grew(seen: Seen, before: Seen | None, since: str) -> bool:
    """Since the look before; at the first look, since the store was taken."""
    if before is None:
        return seen.latest >= since
    return seen.seconds > before.seconds or seen.latest > before.latest


def _seconds(studies: Mapping[str, Seen], name: str) -> float:
    return studies[name].seconds if name in studies else 0.0
