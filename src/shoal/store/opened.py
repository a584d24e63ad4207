# SPDX-License-Identifier: Apache-2.0
"""An open store: its connection, asked by one thread at a time, and whether it still shows what is at its path."""

import sqlite3
import threading
from pathlib import Path
from typing import Any

from shoal.errors import StoreError


class Opened:
    """A path and the connection to what was there when it was opened."""

    def __init__(self, path: Path, db: sqlite3.Connection) -> None:
        self.path = path
        self._db = db
        self._turn = threading.RLock()
        self.file = self._file() if self._is_on_disk() else None
        """The file that was opened, by device and inode; None for the empty store where there was none."""
        self._tables = self._times_changed()

    @property
    def current(self) -> bool:
        """Whether opening it again would show the same: its file was not made, replaced, removed or updated since."""
        return self.file == self._file() and self._tables == self._times_changed()

    def version(self) -> tuple[int, int]:
        """Other than before as soon as anybody has committed something, also this connection; cheap to ask."""
        ((others,),) = self._all("PRAGMA data_version")
        return others, self._db.total_changes

    def _all(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        try:
            with self._turn:
                return self._db.execute(query, values).fetchall()
        except sqlite3.Error as reason:
            raise StoreError(f"{self.path} cannot be read: {reason}. Use another --store, or a copy of it.") from None

    def _file(self) -> tuple[int, int] | None:
        """The file that is at the path now."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _is_on_disk(self) -> bool:
        ((file,),) = self._all("SELECT file FROM pragma_database_list WHERE name = 'main'")
        return bool(file)

    def _times_changed(self) -> int:
        """A number that grows with every migration of the file."""
        ((times,),) = self._all("PRAGMA main.schema_version")
        return int(times)
