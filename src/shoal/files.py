# SPDX-License-Identifier: Apache-2.0
"""How Shoal writes a file that somebody may be reading: beside its place, synced, then renamed, so that there is
the old file or the new one and never half of either. It knows no format.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


def write(path: Path, content: bytes) -> None:
    """Put content at ``path``, whole; straight into what is no ordinary file, such as /dev/stdout.

    Raises:
        OSError: it cannot be written; ``path`` is as it was.
    """
    if path.exists() and not path.is_file():
        path.write_bytes(content)
        return
    with replacing(path) as file:
        file.write(content)


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file, under a name of its own, that takes the place of ``path`` once the block ends well.

    Raises:
        OSError: it names ``path``, not the file beside it.
    """
    try:
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f".{path.name}.", suffix=".part", delete=False
        ) as file:
            try:
                yield file
                file.flush()
                os.fsync(file.fileno())
                os.chmod(file.name, 0o644)
                os.replace(file.name, path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as reason:
        if reason.errno is None:
            raise
        raise OSError(reason.errno, reason.strerror, str(path)) from None
