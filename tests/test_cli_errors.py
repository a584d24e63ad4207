# SPDX-License-Identifier: Apache-2.0
"""What goes wrong at a command: a line on stderr, the exit code that is promised, and nothing lost."""

import errno
import io
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from fakes import STUDY_FILE, FakeEngine, dots, tiny_study
from shoal import __version__
from shoal.cli import run_command, shoal
from shoal.runner import Demand, train
from shoal.store import Store

pytestmark = pytest.mark.usefixtures("folder")


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("run nothing-known", 2, "'nothing-known' is neither a section nor a study"),
        ("run none.py", 2, "none.py cannot be read"),
        ("run 2.3", 2, "Section 2.3 trains nothing. See it with `shoal report --sections 2.3`"),
        ("run", 2, "Missing argument 'STUDY'"),
        ("run 1.2 --seeds 0", 2, "0 is not in the range"),
        ("swim", 2, "No such command 'swim'"),
        ("show zzzz", 2, "no run whose hash begins with 'zzzz'"),
        ("report --sections 9.9", 2, "'9.9' is neither a section"),
        ("report --sections ,", 2, "expected ids such as 1.2,1.3"),
        ("run 1.2 --data fashion-mnist", 4, "apt install dataset-fashion-mnist"),
        ("run 1.2 --data nowhere", 4, "--data nowhere: there is no such folder"),
        ("plan mine.py --store mine.py", 1, "mine.py cannot be opened as a store"),
    ],
)
def test_errors_are_lines_on_stderr_with_a_code(shell, line, code, words):
    found, out, err = shell(line)
    assert (found, out) == (code, "")
    assert words in " ".join(err.split())
    assert "Traceback" not in err


def test_a_folder_without_the_data_is_an_error(shell, folder):
    """Who names a folder means it: a stand-in would hide the slip."""
    (folder / "empty").mkdir()
    code, _, err = shell("plan 1.3 --data empty")
    assert code == 4
    assert "--data empty: it has none of fashion-mnist" in err


def test_a_store_that_is_being_written_to_ends_with_5(shell, folder):
    with Store.open(folder / "shoal.db", write=True):
        code, _, err = shell("run mine.py --engine reference")
        assert code == 5
        assert f"process {os.getpid()} " in err
        assert shell("list")[0] == 0


def await_an_epoch(training, path, seconds=30):
    """A training that has ended, or stores nothing, fails here instead of being waited for."""
    until = time.monotonic() + seconds
    while not any(stored.epochs for stored in Store.open(path).runs()):
        if training.poll() is not None or time.monotonic() > until:
            training.kill()
            pytest.fail(f"no epoch was stored: {training.communicate()[1]}")
        time.sleep(0.05)


def test_ctrl_c_ends_with_130_and_the_same_command_goes_on(shell, folder):
    slow = STUDY_FILE.replace("epochs=2", "epochs=100000")
    (folder / "slow.py").write_text(slow)
    command = [sys.executable, "-m", "shoal", "run", "slow.py", "--engine", "reference", "--seeds", "1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as training:
        await_an_epoch(training, folder / "shoal.db")
        training.send_signal(signal.SIGINT)
        _, said = training.communicate(timeout=60)
    assert training.returncode == 130
    assert "the same command goes on from there" in said
    assert "Traceback" not in said
    stored = json.loads(shell("list --json")[1])["runs"]
    assert 0 < stored[0]["epochs_done"] < 100_000
    tasks = json.loads(shell("plan slow.py --engine reference --seeds 1 --json")[1])["tasks"]
    assert {task["run"]: task["from_epoch"] for task in tasks}[stored[0]["run"]] == stored[0]["epochs_done"]


def test_what_cannot_be_written_is_named_before_anything_trains(shell, folder):
    (folder / "file").touch()
    code, out, err = shell("report --out file --store r.db --sections 1.1 --data sketches --engine reference")
    assert (code, out) == (1, "")
    assert err.splitlines()[-1].startswith("shoal: file cannot be used: File exists. Check the path")
    assert not (folder / "r.db").exists()


@pytest.mark.parametrize("line", ["export --to nowhere/all.csv", "export --weights mine.py/tensors"])
def test_an_export_that_cannot_be_written_is_a_line(trained, line):
    code, out, err = trained(line)
    assert (code, out) == (1, "")
    assert err.startswith(f"shoal: {line.split()[-1]} cannot be used: No")


def test_an_export_that_fails_halfway_leaves_the_old_file(trained, folder, monkeypatch):
    (folder / "all.csv").write_text("old")

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    code, _, err = trained("export --to all.csv")
    assert (code, err.startswith("shoal: all.csv cannot be used: No space left on device.")) == (1, True)
    assert (folder / "all.csv").read_text() == "old"


def test_too_little_memory_is_a_line(shell, folder):
    (folder / "huge.py").write_text(
        STUDY_FILE.replace("softmax_regression(", "mlp(10**6, 10**6, ").replace("softmax_regression", "mlp")
    )
    code, _, err = shell("run huge.py --engine reference")
    assert (code, "Traceback" in err) == (1, False)
    assert err.splitlines()[-1].startswith("shoal: not enough memory. Use a smaller model")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_full_disk_at_the_end_of_a_pipe_is_a_line(trained):
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "shoal", "list", "--json"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("shoal: the output cannot be used: No space left on device. Check")


def test_who_has_read_enough_ends_it_without_a_word(trained):
    reads, writes = os.pipe()
    os.close(reads)
    command = [sys.executable, "-m", "shoal", "list", "--json"]
    done = subprocess.run(command, stdout=writes, stderr=subprocess.PIPE, text=True)
    os.close(writes)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_terminal_that_lacks_a_letter_shows_another(folder, monkeypatch):
    """The name of an MLP has dashes that Latin-1 has not; so has a bad study's error."""
    (folder / "wide.py").write_text(
        STUDY_FILE.replace("softmax_regression(", "mlp(3, ").replace("softmax_regression", "mlp")
    )
    (folder / "bad.py").write_text("raise ValueError('1–2')")
    streams = [io.TextIOWrapper(io.BytesIO(), encoding="latin-1", write_through=True) for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])
    assert run_command(["plan", "wide.py", "--engine", "reference"]) == 0
    assert run_command(["plan", "bad.py"]) == 2
    assert b"MLP 4?3?2 relu" in streams[0].buffer.getvalue()
    assert b"ValueError: 1?2" in streams[1].buffer.getvalue()


def test_a_folder_is_no_matter_to_the_sketches(shell, folder):
    (folder / "empty").mkdir()
    (folder / "drawn.py").write_text(
        STUDY_FILE.replace('data="mine"', 'data="sketches-garments"').replace("classes=2, input_shape=(1, 2, 2)", "")
    )
    assert shell("plan drawn.py --data empty --engine reference")[0] == 0


def test_runs_of_two_engines_are_listed_and_shown_side_by_side(shell, folder):
    with Store.open(folder / "shoal.db", write=True) as store:
        for name in ("native-portable", "native"):
            train(Demand.of([tiny_study(seeds=[0])]), FakeEngine(name), {"dots": dots()}, store)
        run = store.runs()[0]
    assert [one["engine"] for one in json.loads(shell("list --json")[1])["runs"]] == [
        *["native-portable"] * 2,
        *["native"] * 2,
    ]
    shown = json.loads(shell(f"show {run.trajectory} --json")[1])["runs"]
    assert [one["engine"] for one in shown] == ["native-portable", "native"]
    assert shell("export --weights tensors")[2] == "4 files of weights in tensors\n"
    assert len(list((folder / "tensors").iterdir())) == 4


def test_show_knows_the_hash_of_the_first_epochs(trained, folder):
    with Store.open(folder / "shoal.db") as store:
        short = store.runs()[0].config.replace(epochs=1)
    shown = json.loads(trained(f"show {short.hash[:8]} --json")[1])["runs"]
    assert [(one["hash"], one["seed"], one["status"], len(one["epochs"])) for one in shown] == [
        (short.hash, 0, "finished", 2),
        (short.hash, 1, "finished", 2),
    ]
    assert short.hash in trained(f"show {short.hash}")[1]


def test_version_and_help(shell):
    assert shell("--version")[:2] == (0, f"shoal {__version__}\n")
    code, out, _ = shell("--help")
    assert code == 0
    assert [line.split()[0] for line in out.split("Commands:\n")[1].splitlines()] == list(shoal.commands)
