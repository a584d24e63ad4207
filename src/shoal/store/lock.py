# SPDX-License-Identifier: Apache-2.0
"""The store's one writer: a lock file beside the store that says who holds it.

The lock is the kernel's (flock), so it ends with its process: what a killed writer leaves behind is a
file, not a lock. The file is never removed, since two writers could then lock two files of one name.
"""

import fcntl
import json
import os
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shoal.errors import StoreLocked


class Lock:
    """Held from construction to `release`.

    Raises:
        StoreLocked: another process holds it; the message names the process.
    """

    def __init__(self, store: Path) -> None:
        self._file = os.open(f"{store}.lock", os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _describe(os.read(self._file, 65536))
            os.close(self._file)
            raise StoreLocked(
                f"{store} is being written to by {holder}. Wait until it ends, stop it, or use another --store. "
                f"Reading (shoal list, show, export) works meanwhile."
            ) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, json.dumps(_this_process()).encode(), 0)

    def release(self) -> None:
        os.ftruncate(self._file, 0)
        os.close(self._file)


def _this_process() -> dict[str, Any]:
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join(sys.argv)[:1000],
    }


def _describe(content: bytes) -> str:
    try:
        holder = json.loads(content)
        return f"process {holder['pid']} on {holder['host']} since {holder['started']} ({holder['command']})"
    except (ValueError, KeyError, TypeError):  # it has the lock, but has not yet written its name
        return "another process"
