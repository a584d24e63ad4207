# SPDX-License-Identifier: Apache-2.0
"""The store's one writer: a lock file beside the store that says who holds it, and who holds it now.

The lock is the kernel's (flock), so it ends with its process: what a killed writer leaves behind is a
file, not a lock. The file is never removed, since two writers could then lock two files of one name.
"""

import fcntl
import json
import os
import socket
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from time import sleep
from typing import Any

from shoal.errors import StoreLocked


class Lock:
    """Held from construction to `release`.

    Raises:
        StoreLocked: another process holds it; the message names the process.
    """

    def __init__(self, store: Path) -> None:
        self._file = os.open(f"{store}.lock", os.O_RDWR | os.O_CREAT, 0o666)
        if not _taken(self._file):
            holder = _describe(os.read(self._file, 65536))
            os.close(self._file)
            raise StoreLocked(
                f"{store} is being written to by {holder}. Wait until it ends, stop it, or use another --store. "
                f"Reading (shoal list, show, export) works meanwhile."
            )
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, json.dumps(_this_process()).encode(), 0)

    def release(self) -> None:
        os.ftruncate(self._file, 0)
        os.close(self._file)


def held_since(store: Path) -> str | None:
    """Since when somebody has held a store to write, ISO 8601 in UTC, this process or another; None if nobody does.

    Whoever was killed has left a name in the file, but no lock: to know that, the lock is taken for a moment.
    """
    try:
        with open(f"{store}.lock", "rb") as file:
            if content := file.read():
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _started(content)
    except OSError:  # nobody ever wrote here, or not where locks are kept
        return None
    return None


def _taken(file: int) -> bool:
    """Whether the lock is ours now. It is asked for again: somebody may only have looked whether it is free."""
    for pause in (0.0, 0.01, 0.03):
        sleep(pause)
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    return False


def _this_process() -> dict[str, Any]:
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join(sys.argv)[:1000],
    }


def _started(content: bytes) -> str | None:
    with suppress(ValueError, KeyError, TypeError):
        return str(json.loads(content)["started"])
    return None


def _describe(content: bytes) -> str:
    try:
        holder = json.loads(content)
        return f"process {holder['pid']} on {holder['host']} since {holder['started']} ({holder['command']})"
    except (ValueError, KeyError, TypeError):  # it has the lock, but has not yet written its name
        return "another process"
