# SPDX-License-Identifier: Apache-2.0
"""How long somebody who has pressed Enter waits for something to see: a command in a terminal of its own.

Only where Python has pseudo-terminals; it needs no window and shows nothing.
"""

import os
import select
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

MOST_SECONDS = 60.0


def until(words: Sequence[bytes], arguments: Sequence[str], folder: Path) -> list[float]:
    """Seconds from starting `shoal` with these arguments until its terminal shows each of ``words``, one after the
    other; then it is stopped.

    Raises:
        TimeoutError: it ended, or a minute passed, without one of them.
    """
    import pty

    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40"}
    command = [sys.executable, "-m", "shoal", *arguments]
    start = perf_counter()
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, env=environment)
    os.close(theirs)
    try:
        return _seen(words, ours, start)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _seen(words: Sequence[bytes], terminal: int, start: float) -> list[float]:
    shown = b""
    seconds: list[float] = []
    while len(seconds) < len(words) and perf_counter() - start < MOST_SECONDS:
        ready, _, _ = select.select([terminal], [], [], 0.1)
        try:
            shown += os.read(terminal, 65536) if ready else b""
        except OSError:  # the other end was closed
            break
        while len(seconds) < len(words) and words[len(seconds)] in shown:
            seconds.append(perf_counter() - start)
    if len(seconds) < len(words):
        raise TimeoutError(f"the terminal never showed {words[len(seconds)]!r}: {shown[-300:]!r}")
    return seconds
