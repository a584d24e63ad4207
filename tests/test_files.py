# SPDX-License-Identifier: Apache-2.0
"""A file is the old one or the new one, whatever goes wrong while it is written, and nothing is left beside it."""

import errno
import os
from pathlib import Path

import pytest

from shoal import files


def test_content_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "numbers.csv"
    for content in (b"old", b"new"):
        files.write(path, content)
        assert path.read_bytes() == content
    assert [each.name for each in tmp_path.iterdir()] == ["numbers.csv"]
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("fails", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_what_fails_halfway_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str, error: BaseException
) -> None:
    path = tmp_path / "numbers.csv"
    files.write(path, b"old")

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(os, fails, fail)
    with pytest.raises(type(error)):
        files.write(path, b"new")
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["numbers.csv"]


def test_an_error_names_the_file_that_was_meant(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"No such file or directory: '[^']*/nowhere/numbers\.csv'$"):
        files.write(tmp_path / "nowhere" / "numbers.csv", b"")


def test_what_is_no_ordinary_file_is_written_into(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    files.write(pipe, b"through")
    assert os.read(reader, 99) == b"through"
    os.close(reader)
    assert pipe.is_fifo()
