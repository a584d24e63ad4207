# SPDX-License-Identifier: Apache-2.0
"""A store has one writer; who it is and since when, anybody may ask, and asking keeps nobody from writing."""

import fcntl
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from shoal.errors import StoreLocked
from shoal.store import Store, held_since, lock


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@pytest.fixture
def killed(path):
    """Takes a store in a process that is killed at the end of a test, or before."""
    hold = f"import time; from shoal.store import Store; s = Store.open({str(path)!r}, write=True)"
    command = [sys.executable, "-c", hold + "; print('open', flush=True); time.sleep(60)"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "open\n"
        yield holder
        holder.kill()


def test_a_second_writer_is_told_of_the_first(writer, path):
    with pytest.raises(StoreLocked, match=rf"process {os.getpid()} on .* since 2.*--store"):
        Store.open(path, write=True)


def test_the_lock_of_a_killed_process_is_no_lock(path, killed):
    with pytest.raises(StoreLocked, match=f"process {killed.pid} "):
        Store.open(path, write=True)
    assert held_since(path) is not None
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert (path.parent / "shoal.db.lock").read_text(), "its name is left"
    assert held_since(path) is None
    Store.open(path, write=True).close()


def test_the_lock_file_says_who_and_is_emptied_in_the_end(writer, path):
    holder = json.loads((path.parent / "shoal.db.lock").read_text())
    assert holder["pid"] == os.getpid()
    writer.close()
    assert (path.parent / "shoal.db.lock").read_text() == ""


def test_anybody_may_ask_since_when_it_is_held(path):
    assert held_since(path) is None
    assert not path.parent.joinpath("shoal.db.lock").exists(), "asking makes no file"
    before = now()
    with Store.open(path, write=True):
        assert before <= held_since(path) <= now()
    assert held_since(path) is None


@pytest.mark.parametrize("content", ["", "half of a na", "[]", '{"pid": 1}'])
def test_who_holds_it_and_has_not_said_so_yet_is_nobody(writer, path, content):
    path.parent.joinpath("shoal.db.lock").write_text(content)
    assert held_since(path) is None


def test_who_only_asks_keeps_nobody_from_writing(path, monkeypatch):
    """To ask takes the lock for a moment: whoever wants to write just then asks again."""
    pauses = []
    with open(f"{path}.lock", "w+") as asking:
        fcntl.flock(asking, fcntl.LOCK_SH)
        monkeypatch.setattr(lock, "sleep", lambda pause: pauses.append(pause) or (pause and asking.close()))
        Store.open(path, write=True).close()
    assert len(pauses) == 2
