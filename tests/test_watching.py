# SPDX-License-Identifier: Apache-2.0
"""`shoal watch` shows what another process stores, and nothing else: as marks, as lines, as one object."""

import contextlib
import io
import json
import sqlite3

import pytest
from rich.console import Console

from fakes import STUDY_FILE, FakeEngine, dots, tiny_config, tiny_study
from shoal.cli import watching
from shoal.cli.options import Setting
from shoal.cli.watching import Following
from shoal.progress import Board
from shoal.runner import Demand, train
from shoal.store import Store
from shoal.study import Grid, Study
from shoal.terminal import picture
from shoal.training import EarlyStopping

DATA = {"dots": dots()}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(watching, "SECONDS_BETWEEN_READINGS", 0.0)
    monkeypatch.setattr(watching, "SHARE", 0.0)
    monkeypatch.setattr(watching, "sleep", lambda seconds: pytest.fail("there was nothing to wait for"))
    return tmp_path


def trained(*studies, stop_after=None, path="shoal.db") -> None:
    with Store.open(path, write=True) as store, contextlib.suppress(KeyboardInterrupt):
        train(Demand.of(studies), FakeEngine(stop_after=stop_after), DATA, store)


def forget_studies() -> None:
    """As the store of an older Shoal is."""
    with contextlib.closing(sqlite3.connect("shoal.db")) as db, db:
        db.execute("DELETE FROM study")


def following(*names) -> Following:
    found = Following(Setting(None, None, None, ""), names)
    found.look()
    return found


def drawn(board: Board, width=80, height=24) -> str:
    console = Console(width=width, file=io.StringIO())
    console.print(picture(board, width, height))
    return console.file.getvalue()


def meanwhile(monkeypatch, *steps) -> None:
    """Instead of each pause the next of these happens; after the last, Ctrl-C."""
    rest = iter(steps)

    def pause(seconds: float) -> None:
        step = next(rest, None)
        if step is None:
            raise KeyboardInterrupt
        step()

    monkeypatch.setattr(watching, "sleep", pause)


# ---- what is on the board -----------------------------------------------------------------------------


def test_a_study_has_a_mark_for_every_run_asked_for():
    trained(tiny_study(), stop_after=0)
    assert "rates  ·· ·· ··" in drawn(following().board)
    trained(tiny_study(), stop_after=10)
    assert "rates  ◔◔ ◔◔ ··" in drawn(following().board), "epoch 0 of all, then epoch 1 of four"
    trained(tiny_study())
    board = following().board
    assert "rates  ●● ●● ●●" in drawn(board)
    assert board.epochs == (18, 18)


def test_runs_that_no_study_asked_for_go_by_data_and_model():
    trained(tiny_study())
    forget_studies()
    assert "dots · softmax regression  ●● ●● ●●" in drawn(following().board)
    trained(tiny_study("slow", seeds=[7], epochs=2))
    board = following().board
    assert [name for name, _ in board.rows] == ["slow", "dots · softmax regression"]
    assert len(board.cells) == 8
    assert [name for name, _ in following("slow").board.rows] == ["slow"]


def test_a_diverged_run_is_crossed_and_has_ended():
    def config(lr):
        return tiny_config(lr)

    trained(Study("far", config, Grid(lr=[0.1, 100.0]), seeds=[0]))
    found = following()
    assert "far  ●×" in drawn(found.board)
    assert found.ended
    assert found.conclusion() == "shoal.db has everything that was asked for: 2 runs, of which 1 diverged."


def test_a_run_asked_for_at_two_lengths_is_shown_once():
    trained(tiny_study("short", epochs=2), tiny_study("long", epochs=5))
    board = following().board
    assert board.epochs == (30, 30)
    assert len(board.cells) == 6


# ---- what is new --------------------------------------------------------------------------------------


def test_news_move_the_marks_and_fill_the_line_of_a_run():
    study = tiny_study(seeds=[0], epochs=4)
    trained(study, stop_after=0)
    watched = following()
    assert watched.news() == []
    trained(study, stop_after=5)
    assert [cell.done for cell in watched.news()] == [2, 1]
    assert [cell.label for cell in watched.board.running] == ["lr 0.1", "lr 0.5"]
    assert "rates  ◑◔" in drawn(watched.board)
    trained(study, stop_after=2)
    assert len(watched.news()) == 2
    shown = drawn(watched.board, 100)
    assert "rates · lr 0.1 · seed 0" in shown
    assert "3/4   loss" in shown
    assert not watched.ended
    trained(study)
    watched.news()
    assert watched.board.running == []
    assert watched.ended
    assert watched.board.pace.trained > 0


def test_a_study_asked_for_meanwhile_appears(monkeypatch):
    trained(tiny_study("first"))
    watched = following()
    trained(tiny_study("second", seeds=[5]))
    assert {cell.study for cell in watched.news()} == {"second"}
    assert [name for name, _ in watched.board.rows] == ["first", "second"]
    assert watched.ended


def test_early_stopping_is_found_out():
    def config(lr):
        return tiny_config(lr, epochs=9).replace(early_stopping=EarlyStopping(1, min_delta=10.0))

    study = Study("soon", config, Grid(lr=[0.1]), seeds=[0])
    trained(study, stop_after=1)
    watched = following()
    trained(study)
    watched.news()
    (cell,) = watched.board.cells.values()
    assert (cell.stopped, cell.mark) == (True, "●")
    assert watched.ended


def test_what_was_stored_twice_as_fast_takes_half_as_long_still(monkeypatch):
    """Of an epoch that had begun before the watching only the part since then counts."""
    trained(tiny_study(seeds=[0], epochs=9), stop_after=2)
    watched = following()
    trained(tiny_study(seeds=[0], epochs=9), stop_after=6)
    board = watched.board
    now = board.pace.begun + 0.05
    monkeypatch.setattr("shoal.pace.monotonic", lambda: now)
    watched.news()
    assert board.pace.trained == pytest.approx(6 * 0.5), "each took .1 s, half of it since"
    assert board.left is None, "too short a time to say more"
    board.pace.latest = board.pace.begun + 0.2
    assert board.left == pytest.approx(12 * 0.1 * (0.2 - 0.05) / 0.3)


def test_a_writer_that_fell_silent_is_noticed(monkeypatch):
    trained(tiny_study(), stop_after=4)
    watched = following()
    now = watched._heard + 95
    monkeypatch.setattr(watching, "monotonic", lambda: now)
    with Store.open("shoal.db", write=True):
        watched.news()
        assert "nothing new for 1 min 35 s" in drawn(watched.board)
        assert not watched.ended
        assert not watched.abandoned


def test_where_nobody_trains_any_more_what_is_missing_is_not_waited_for(monkeypatch):
    trained(tiny_study(), stop_after=10)
    watched = following()
    now = watched._heard
    monkeypatch.setattr(watching, "monotonic", lambda: now)
    with Store.open("shoal.db", write=True):
        now += 20
        watched.news()
    for passed, note in ((watching.SETTLED - 1, ""), (2, "nobody trains"), (3, "nobody trains")):
        now += passed
        watched.news()
        assert (watched.board.note, watched.abandoned) == (note, False)
    now += watching.ALONE
    assert watched.abandoned
    trained(tiny_study(), stop_after=1)
    watched.news()
    assert not watched.abandoned, "somebody trained meanwhile"


def test_without_studies_it_ends_once_it_is_quiet(monkeypatch):
    trained(tiny_study())
    forget_studies()
    watched = following()
    assert not watched.ended
    now = watched._heard + watching.SETTLED
    monkeypatch.setattr(watching, "monotonic", lambda: now)
    assert watched.ended


# ---- the picture --------------------------------------------------------------------------------------


def test_more_marks_than_fit_are_counted():
    board = Board([tiny_study("many", seeds=range(500)), tiny_study("few", epochs=4)])
    next(iter(board.cells.values())).diverged = True
    lines = drawn(board, 60, 12).splitlines()
    assert lines[0].split() == ["many", "×", "1", "·", "999"]
    assert len(lines) < 12
    names = [f"s{number}" for number in range(30)]
    board.rows = [(name, board.rows[0][1]) for name in names]
    lines = drawn(board, 60, 12).splitlines()
    assert "and 24 more" in lines[6]
    assert len(lines) < 12


def test_what_a_store_says_moves_no_cursor():
    def config(data):
        return tiny_config(data="dots")

    wild = Study("wild", config, Grid(data=["\x1b[2Jgone"]), seeds=[0])
    (cell,) = Board([wild]).cells.values()
    assert cell.name == "wild · �[2Jgone · seed 0"


# ---- the command --------------------------------------------------------------------------------------


def test_a_store_that_has_everything_is_told_of_and_that_is_all(shell):
    trained(tiny_study())
    assert shell("watch") == (0, "shoal.db has everything that was asked for: 6 runs.\n", "")


def test_it_waits_for_a_store_and_ends_with_its_last_run(shell, monkeypatch):
    study = tiny_study()
    meanwhile(
        monkeypatch, lambda: None, *(lambda: trained(study, stop_after=7) for _ in range(3)), lambda: trained(study)
    )
    code, out, err = shell("watch")
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert lines[0] == "shoal.db holds no runs yet. Waiting for some; Ctrl-C ends it."
    assert " epochs/s" in lines[1]
    assert "rates · lr " in lines[1]
    assert lines[-2].startswith("18 of 18 epochs")
    assert lines[-1] == "shoal.db has everything that was asked for: 6 runs."


def test_what_was_given_up_has_an_exit_code_of_its_own(shell, monkeypatch):
    trained(tiny_study(), stop_after=10)
    monkeypatch.setattr(watching, "ALONE", 0.0)
    code, out, err = shell("watch")
    assert (code, out) == (1, "")
    assert err == (
        "shoal: Nobody trains into shoal.db, and of 6 runs that were asked for 6 are missing or not at the end. "
        "Ask for them again, with shoal run or in Play: training goes on where it stopped. "
        "Or watch one study, by its name.\n"
    )


def test_it_reads_while_another_writes_and_leaves_the_store_alone(shell):
    trained(tiny_study())
    with Store.open("shoal.db", write=True):
        assert shell("watch")[0] == 0


def test_forever_goes_on_until_ctrl_c(shell, monkeypatch):
    trained(tiny_study("first"))
    meanwhile(monkeypatch, lambda: None, lambda: trained(tiny_study("second", seeds=[9])), lambda: None)
    code, out, err = shell("watch --forever")
    assert (code, err) == (130, "\nshoal: interrupted\n")
    assert "second · lr" in out


def test_as_json_it_is_one_object_of_now(shell):
    code, out, _ = shell("watch --json")
    assert (code, json.loads(out)["studies"]) == (0, [])
    trained(tiny_study(), stop_after=10)
    answer = json.loads(shell("watch --json")[1])
    assert (answer["schema"], answer["command"], answer["store"]) == (1, "watch", "shoal.db")
    assert answer["studies"] == [
        {
            "name": "rates",
            "runs": 6,
            "finished": 0,
            "diverged": 0,
            "begun": 4,
            "waiting": 2,
            "epochs_done": 4,
            "epochs_asked": 18,
        }
    ]


def test_a_study_goes_by_its_name_or_its_file(shell, folder):
    (folder / "mine.py").write_text(STUDY_FILE)
    trained(tiny_study("rates"), tiny_study("other", seeds=[3]))
    for name in ("rates", "mine.py"):
        answer = json.loads(shell(f"watch {name} --json")[1])
        assert [study["name"] for study in answer["studies"]] == ["rates"]


def test_a_name_that_the_store_lacks_is_refused_not_waited_for(shell, folder):
    trained(tiny_study())
    code, out, err = shell("watch rate")
    assert (code, out) == (2, "")
    assert err == "shoal: shoal.db has no study 'rate'. Use one of rates, or the file it stands in.\n"


def test_what_is_no_store_is_refused(shell, folder):
    (folder / "shoal.db").write_text("no database, but long enough to be taken for one, if nobody looked")
    code, _, err = shell("watch")
    assert code == 1
    assert "cannot be opened as a store" in err
