# SPDX-License-Identifier: Apache-2.0
"""What the terminal shows is what is going on; and without a terminal it is a few plain lines."""

import io
import itertools
import re

import numpy as np
import pytest
from rich.console import Console

from fakes import FakeEngine, dots, tiny_study
from shoal.plan import Progress
from shoal.progress import Board, duration, sparkline
from shoal.runner import Demand, train
from shoal.store import Store
from shoal.terminal import Lines, Live, announcement, picture, view


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """An epoch of the fake engine, which says that it took a tenth of a second, does."""
    ticks = itertools.count()
    monkeypatch.setattr("shoal.pace.monotonic", lambda: next(ticks) / 10)


def trained(tmp_path, *studies, stop_after=None):
    """A board, and a training that tells it everything."""
    board = Board(studies, None, {})
    with Store.open(tmp_path / "s.db", write=True) as store:
        engine, demand = FakeEngine(stop_after=stop_after), Demand.of(studies)
        try:
            train(demand, engine, {"dots": dots()}, store, on_plan=board.plan, on_record=board.record)
        except KeyboardInterrupt:
            assert stop_after is not None
    return board


def drawn(board: Board, width: int = 80, height: int = 24) -> str:
    console = Console(width=width, file=io.StringIO())
    console.print(picture(board, width, height))
    return console.file.getvalue()


def test_every_run_has_a_mark():
    board = Board([tiny_study("a", epochs=4), tiny_study("b", epochs=4)], [0, 1], {})
    assert "a  ·· ··" in drawn(board)
    assert "\nb" not in drawn(board), "its runs are those of a"
    cells = list(board.cells.values())
    cells[0].done, cells[1].done, cells[2].done, cells[3].diverged = 4, 1, 3, True
    assert "a  ●◔ ◕×" in drawn(board)
    cells[1].done, cells[1].running, cells[2].done = 0, True, 2
    assert "a  ●○ ◑×" in drawn(board)


def test_what_the_store_has_is_done():
    study = tiny_study(seeds=[0])
    first = study.runs()[0].trajectory
    assert "rates  ●·" in drawn(Board([study], None, {first: Progress(3)}))
    assert "rates  ×·" in drawn(Board([study], None, {first: Progress(2, diverged=True)}))


def test_a_run_that_goes_on_is_shown_with_its_loss(tmp_path):
    board = trained(tmp_path, tiny_study(epochs=9, seeds=[0]), stop_after=8)
    assert [cell.done for cell in board.running] == [3, 3]
    cell = board.running[0]
    assert re.search(rf"rates · {cell.label} · seed 0 +[▁-█]+ +3/9   loss +\d?\.\d+   accuracy \.\d+", drawn(board))
    assert "6 of 18 epochs" in drawn(board)
    assert "left" in drawn(board)


def test_at_the_end_nothing_runs(tmp_path):
    board = trained(tmp_path, tiny_study("a"), tiny_study("b", epochs=5))
    assert board.running == []
    assert board.epochs == (30, 30)
    assert board.left == 0
    assert "a  ●● ●● ●●" in drawn(board)


@pytest.mark.parametrize(("width", "height"), [(100, 40), (60, 20), (30, 8), (10, 3)])
def test_no_line_is_wider_than_the_terminal(tmp_path, width, height):
    board = trained(tmp_path, tiny_study("a", seeds=range(20), epochs=9), stop_after=150)
    lines = drawn(board, width, height).splitlines()
    assert max(map(len, lines)) <= width


def test_time_left_weighs_epochs_by_what_their_like_took(tmp_path):
    board = trained(tmp_path, tiny_study(epochs=9, seeds=[0]), stop_after=8)
    assert board.left == pytest.approx(12 * 0.55 / 6), "6 epochs took .55 s, and half of one the rest; 12 are left"
    assert board.pace.rate == pytest.approx(10)


def test_without_a_terminal_there_are_plain_lines(tmp_path):
    stream = io.StringIO()
    board = Board([tiny_study()], None, {})
    with view(board, stream) as lines, Store.open(tmp_path / "s.db", write=True) as store:
        assert isinstance(lines, Lines)
        demand = Demand.of([tiny_study()])
        train(demand, FakeEngine(), {"dots": dots()}, store, on_plan=lines.plan, on_record=lines.record)
    text = stream.getvalue()
    assert text.startswith("Training 6 runs, 18 epochs.\n")
    assert len(text.splitlines()) == 3, "one line every few seconds, and one in the end"
    assert text.splitlines()[-1].startswith("18 of 18 epochs")
    assert "\x1b" not in text


@pytest.mark.parametrize("no_color", [False, True])
def test_in_a_terminal_it_is_redrawn_in_place(tmp_path, monkeypatch, no_color):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    stream, board = Terminal(), Board([tiny_study()], None, {})
    with view(board, stream) as live, Store.open(tmp_path / "s.db", write=True) as store:
        assert isinstance(live, Live)
        demand = Demand.of([tiny_study()])
        train(demand, FakeEngine(), {"dots": dots()}, store, on_plan=live.plan, on_record=live.record)
        live.say("report/index.html is ready")
    assert "18 of 18 epochs" in stream.getvalue()
    assert "report/index.html is ready\n" in stream.getvalue()
    assert ("\x1b[34m" in stream.getvalue()) is not no_color


def test_nothing_to_do_is_said():
    assert announcement(()) == "Every run is in the store already."


def test_a_sparkline_goes_from_least_to_greatest():
    assert sparkline([1, 2, 3], 24) == "▁▅█"
    assert sparkline([3, np.nan, 1], 24) == "█▁"
    assert sparkline([2, 2], 24) == "▁▁"
    assert sparkline([], 24) == ""
    assert len(sparkline(list(range(100)), 24)) == 24


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "0 s"), (59.4, "59 s"), (72, "1 min 12 s"), (7500, "2 h 5 min"), (-1, "0 s")]
)
def test_a_duration_in_words(seconds, words):
    assert duration(seconds) == words
