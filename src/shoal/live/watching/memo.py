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
MOST = 60
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

    def get(self, key: Hashable, compute: Callable[[], tuple[int, T]]) -> T:
        """What was computed before, if it is new enough; of several who ask at once, one computes.

        The others are given what there was, so that a dear answer does not keep every thread of the server waiting.

        Args:
            compute: gives how new what it read was, and the answer: it may have read what is kept itself.
        """
        kept = self._entry(key)
        if not kept.turn.acquire(blocking=kept.version is None):
            return cast(T, kept.value)
        try:
            if kept.version != self._version() and self._clock() >= kept.until:
                before = self._spent()
                kept.version, kept.value = compute()
                kept.until = self._clock() + max(0.8 * self._pace(), (self._spent() - before) / SHARE)
            return cast(T, kept.value)
        finally:
            kept.turn.release()

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
