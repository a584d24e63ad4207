# SPDX-License-Identifier: Apache-2.0
"""What happened, kept: one SQLite file in WAL mode, with one writer and any number of readers.

The store keeps and gives back. It trains nothing, draws nothing, and knows no engine but by its name.
"""

from shoal.store.lock import Lock, held_since
from shoal.store.rows import Extent, History, NewRecord, RunRow, StoredPoint, StoredRun, StoredStudy
from shoal.store.store import Store

__all__ = [
    "Extent",
    "History",
    "Lock",
    "NewRecord",
    "RunRow",
    "Store",
    "StoredPoint",
    "StoredRun",
    "StoredStudy",
    "held_since",
]
