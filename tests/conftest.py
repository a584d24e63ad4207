# SPDX-License-Identifier: Apache-2.0
"""What holds for all tests: a property is never refuted by a slow machine; commands are called as typed."""

import signal
from pathlib import Path

import pytest
from hypothesis import settings

from fakes import STUDY_FILE
from shoal.cli import run_command
from shoal.store import Store
from tiny_files import OTHER, TINY

settings.register_profile("shoal", deadline=None)
settings.load_profile("shoal")
signal.signal(signal.SIGINT, signal.default_int_handler)  # begun in the background, commands would be deaf to Ctrl-C


@pytest.fixture
def shell(capsys):
    """A command line to its exit code, stdout and stderr."""

    def shell(line: str) -> tuple[int, str, str]:
        code = run_command(line.split())
        out, err = capsys.readouterr()
        return code, out, err

    return shell


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Every command runs in a folder of its own, without the network and without anybody's data."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOAL_OFFLINE", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("SHOAL_DATA", raising=False)
    (tmp_path / "mine.py").write_text(STUDY_FILE)
    return tmp_path


@pytest.fixture
def trained(shell):
    """The same, after the study in mine.py was trained."""
    assert shell("run mine.py --engine reference")[0] == 0
    return shell


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of its own, no data from outside, no network but the one a test opens."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("SHOAL_DATA", raising=False)
    monkeypatch.delenv("SHOAL_OFFLINE", raising=False)
    monkeypatch.setattr("shoal.data.sources.OFFICIAL", {"tiny": TINY, "other": OTHER})


@pytest.fixture
def path(tmp_path):
    """Where a test's store is, or will be."""
    return tmp_path / "shoal.db"


@pytest.fixture
def writer(path):
    """That store, open to write."""
    with Store.open(path, write=True) as store:
        yield store


@pytest.fixture
def proved(request):
    """Says in one sentence what a proof has shown; `make prove` prints it once the test has passed."""

    def proved(sentence: str) -> None:
        request.node.user_properties.append(("proved", sentence))

    return proved


def pytest_terminal_summary(terminalreporter) -> None:
    for report in terminalreporter.stats.get("passed", []):
        for name, sentence in report.user_properties:
            if name == "proved" and report.when == "call":
                terminalreporter.write_line(f"proved: {sentence}")
