# SPDX-License-Identifier: Apache-2.0
"""Answers that are kept: until the store has something new, and a moment longer while many ask or computing is dear.

Two hundred pages that watch one training are given one answer; what they ask for takes a small share of a core.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from time import monotonic, thread_time
from typing import Any, TypeVar, cast

T = TypeVar("T")
MOST = 100
"""Answers kept at once."""
SHARE = 0.1
"""Of a core, at most, for one answer that is asked for all the time."""


class Memo:
    """Answers by key.

    Args:
        version: how new the store is.
        pace: seconds after which a page asks again, at the earliest.
        clock: seconds that pass.
        spent: seconds that computing has taken of a core; waiting for one takes nothing.
    """

    def __init__(
        self,
        version: Callable[[], int],
        pace: Callable[[], float],
        clock: Callable[[], float] = monotonic,
        spent: Callable[[], float] = thread_time,
    ) -> None:
        self._version, self._pace, self._clock, self._spent = version, pace, clock, spent
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._turn = threading.Lock()

    def get(self, key: Hashable, compute: Callable[[], T]) -> T:
        """What was computed before, if it is new enough; of several who ask at once, one computes."""
        kept = self._entry(key)
        with kept.turn:
            version = self._version()
            if kept.version != version and self._clock() >= kept.until:
                before = self._spent()
                kept.value, kept.version = compute(), version
                kept.until = self._clock() + max(0.8 * self._pace(), (self._spent() - before) / SHARE)
            return cast(T, kept.value)

    def _entry(self, key: Hashable) -> "_Kept":
        with self._turn:
            kept = self._kept.setdefault(key, _Kept())
            self._kept.move_to_end(key)
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)
            return kept


class _Kept:
    def __init__(self) -> None:
        self.turn = threading.Lock()
        self.version: int | None = None
        self.until = float("-inf")
        self.value: Any = None
