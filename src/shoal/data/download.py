# SPDX-License-Identifier: Apache-2.0
"""Fetches files from mirrors into a folder. A file appears there whole and verified, or not at all.

Each file is written under a temporary name beside its place, verified, synced, then renamed. What a mirror sends is
bounded and never trusted; a mirror that cannot be reached is asked once, not once a file.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from shoal import files
from shoal.errors import DataError, DataMissing

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

CONNECT_SECONDS, READ_SECONDS = 4, 20
CHUNK = 2**16


def fetch(mirrors: Sequence[str], sizes: dict[str, int], folder: Path, verify: Callable[[Path, str], object]) -> None:
    """Bring the files named in ``sizes`` into ``folder`` as ``NAME.gz``.

    Args:
        mirrors: addresses of folders, tried in turn for every file.
        sizes: file name to the bytes its plain content has; a mirror may send little more.
        folder: made when missing.
        verify: called with a file and its name; raises `DataError` if it is not what it should be.

    Raises:
        DataMissing: no mirror had some file; the message says what each of them did.
    """
    _sweep(folder)
    reachable = list(mirrors)
    for name, size in sizes.items():
        refusals = []
        for mirror in list(reachable):
            address = f"{mirror.rstrip('/')}/{name}.gz"
            try:
                _fetch_one(address, folder / f"{name}.gz", size, name, verify)
                break
            except _Unreachable as reason:
                reachable.remove(mirror)
                refusals.append(f"{address}: {reason}")
            except (DataError, OSError) as reason:
                refusals.append(f"{address}: {reason}")
        else:
            raise DataMissing("\n".join([f"{name} could not be fetched:", *(f"  {line}" for line in refusals)]))


def _sweep(folder: Path) -> None:
    """Remove what a killed process left a day ago or earlier; what is younger may still be written to."""
    for left in folder.glob(".*.part"):
        if left.stat().st_mtime < time.time() - 86_400:
            left.unlink(missing_ok=True)


class _Unreachable(Exception):
    """The mirror's machine does not answer."""


class _Bounded:
    """A file that refuses to grow beyond ``limit``: a mirror cannot fill the disk."""

    def __init__(self, file: IO[bytes], limit: int) -> None:
        self.file, self.limit, self.size = file, limit, 0

    def write(self, piece: bytes) -> int:
        self.size += len(piece)
        if self.size > self.limit:
            raise DataError(f"sent more than the {self.limit:,} bytes the file can have")
        return self.file.write(piece)

    def flush(self) -> None:
        """Flushed once, at the end."""


def _fetch_one(address: str, place: Path, size: int, name: str, verify: Callable[[Path, str], object]) -> None:
    import pooch
    import requests

    place.parent.mkdir(parents=True, exist_ok=True)
    with files.replacing(place) as file:
        with _meter(address) as bar:
            get = pooch.HTTPDownloader(bar, CHUNK, timeout=(CONNECT_SECONDS, READ_SECONDS))
            try:
                get(address, _Bounded(file, size + CHUNK), None)
            except (requests.exceptions.ConnectTimeout, requests.exceptions.ConnectionError) as reason:
                raise _Unreachable(_innermost(reason)) from None
            except requests.exceptions.RequestException as reason:
                raise DataError(_innermost(reason)) from None
        file.flush()
        verify(Path(file.name), name)


class _Bar:
    """Pooch's idea of a progress bar, drawn by rich."""

    def __init__(self, progress: "Progress", task: "TaskID") -> None:
        self.progress, self.task = progress, task
        self.total = 0

    def update(self, size: int) -> None:
        self.progress.update(self.task, advance=size, total=self.total or None)

    def reset(self) -> None:
        self.progress.reset(self.task)

    def close(self) -> None:
        """Closed by the one who opened it."""


@contextmanager
def _meter(address: str) -> Iterator[_Bar | bool]:
    """Progress on stderr: a bar in a terminal, one line a file elsewhere."""
    if not sys.stderr.isatty():
        print(f"fetching {address}", file=sys.stderr, flush=True)
        yield False
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = TextColumn("fetching {task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield _Bar(progress, progress.add_task(address, total=None))


def _innermost(reason: BaseException) -> str:
    """The operating system's own words, without the layers wrapped around them."""
    while reason.__cause__ or reason.__context__:
        reason = reason.__cause__ or reason.__context__  # type: ignore[assignment]
    return str(getattr(reason, "strerror", None) or reason)
