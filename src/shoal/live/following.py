# SPDX-License-Identifier: Apache-2.0
"""Follows the store, whoever trains, and tells the hub what is new. It reads; what cannot be read is tried again.

Another process cannot call this one, so it looks: often while something happens or somebody watches, seldom otherwise.
For the trainer of this process it need not look: that one pokes.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic

from shoal.errors import StoreError
from shoal.live.events import Hub
from shoal.store import Extent, Store

log = logging.getLogger(__name__)

OFTEN = 0.05
SELDOM = 0.5
"""Seconds between looks at what was stored; and, the second, at who stores it, and whether in the same file still:
a look that finds nothing costs more to wake up for than to take."""
LIVELY = 10.0
"""Seconds after something new during which more is expected."""
MOST_RECORDS = 200
"""Told of at once: a page to which more is new reads everything again."""


class Follower:
    """A thread that follows a store, from `start` to `stop`.

    Args:
        path: the store's; it need not be there yet, and may be replaced.
        hub: is told of every record, in bundles: one a pause, but at once after a quiet time, and of the first record
            of a training in this process.
        elsewhere: whether somebody else trains into it; the hub is told when that changes.
    """

    def __init__(self, path: Path, hub: Hub, elsewhere: Callable[[], bool] = lambda: False) -> None:
        self._path, self._hub = path, hub
        self._elsewhere, self._others = elsewhere, False
        self._store: Store | None = None
        self._file: tuple[int, int] | None = None
        self._mark, self._extent = 0, Extent()
        self._version: tuple[int, int] | None = None
        self._exchanged = False
        """Whether the file is another than the one that pages were told of, or there is none any more."""
        self._latest = -LIVELY
        self._next = 0.0
        """When who stores, and where, is looked at again."""
        self._news, self._ending = threading.Event(), threading.Event()
        self._first = threading.Event()
        """Set while somebody waits for the first point of a training: no pause is kept before it."""
        self._thread = threading.Thread(target=self._follow, name="shoal-follower", daemon=True)

    def start(self) -> None:
        """Begin: what the store has by now is not new."""
        with suppress(StoreError):
            store = self._open()
            self._version = store.version()
            self._mark, self._extent = store.mark(), store.extent()
        self._thread.start()

    def stop(self) -> None:
        """End, and let go of the store."""
        self._ending.set()
        self._news.set()
        self._first.set()
        self._thread.join()
        self._let_go()

    def poke(self, first: bool = False) -> None:
        """Something was stored this moment, perhaps the first of a training; may be called from any thread."""
        self._next = 0.0  # it may be the first of all, and the file have been made for it
        if first:
            self._first.set()
        self._news.set()

    # ---- in the thread --------------------------------------------------------------------------------

    def _follow(self) -> None:
        while not self._ending.is_set():
            self._news.clear()
            self._first.clear()
            if self._look():
                self._first.wait(self._hub.pause)  # what comes meanwhile is told of together
            else:
                self._news.wait(self._patience())

    def _patience(self) -> float:
        lively = monotonic() - self._latest < LIVELY
        return OFTEN if lively or self._hub.watchers else SELDOM

    def _look(self) -> bool:
        """Tell of what is new; whether there was something to tell."""
        try:
            if self._store is None or monotonic() >= self._next:
                self._next = monotonic() + SELDOM
                self._tell_of_others()
                self._store = self._open()
            return self._tell(self._store)
        except StoreError:  # locked, or half copied: it can be read in a moment, or says so where it is asked for
            self._let_go()
            return False
        except Exception:  # a row that nobody foresaw must not end the following: pages would stand still, unknowing
            log.exception("following %s", self._path)
            self._let_go()
            self._ending.wait(SELDOM)
            return False

    def _tell_of_others(self) -> None:
        trains = self._elsewhere()
        if trains != self._others:
            self._others = trains
            self._hub.tell("elsewhere", trains=trains)

    def _tell(self, store: Store) -> bool:
        version = store.version()
        if version == self._version:
            return False
        records, newest = store.since(self._mark, MOST_RECORDS + 1)
        extent, before = store.extent(), self._extent
        gone = self._exchanged or extent.lacks(before)
        more = len(records) > MOST_RECORDS or extent.asked != before.asked
        self._version, self._mark, self._extent = version, newest, extent
        self._exchanged, self._latest = False, monotonic()
        self._hub.records(records[:MOST_RECORDS], more and not gone)
        if gone:
            self._hub.greet()
        return bool(records) or gone  # a study that is only asked for begins no pause: its first records are awaited

    def _open(self) -> Store:
        """The store as it is now, opened again if it was made, replaced, removed or updated."""
        if self._store is None or not self._store.current:
            self._let_go()
            self._store = Store.open(self._path)
            if self._file not in (None, self._store.file):
                self._mark, self._exchanged = self._store.mark(), True
            self._file = self._store.file
        return self._store

    def _let_go(self) -> None:
        if self._store:
            self._store.close()
        self._store = self._version = None
