# SPDX-License-Identifier: Apache-2.0
"""Runs that early stopping ended, as others see them: results, measures, curves in a figure, progress, commands."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fakes import STUDY_FILE, FakeEngine, dots
from imagined import curves, dataset
from shoal.analysis import measures
from shoal.analysis.curves import CURVES, Curves
from shoal.engines import EpochRecord
from shoal.losses import CrossEntropy
from shoal.models import mlp
from shoal.optimizers import SGD
from shoal.plan import Progress
from shoal.progress import Board
from shoal.report import record
from shoal.report.configuration import described
from shoal.results import StoredResults
from shoal.runner import Demand, train
from shoal.store import Store
from shoal.studies import compose
from shoal.study import Config, Run
from shoal.terminal import standing
from shoal.training import ClipNorm, ClipValue, EarlyStopping
from test_early_stopping_stored import study

DOTS = {"dots": dots()}
CONFIG = Config(data="fashion-mnist", model=mlp(8), optimizer=SGD(lr=0.1), epochs=8)
WHOLE = curves(CONFIG, seeds=(0, 1, 2, 3), diverged=(3,), rebound=0.5)


def stopped(whole: Curves, *ends: int | None) -> Curves:
    """The same runs, stopped after these epochs: NaN beyond."""
    steps = whole.steps_per_epoch
    found = {name: getattr(whole, name).copy() for name in (*CURVES, "step_losses")}
    for row, end in enumerate(ends):
        for name, values in found.items():
            if end:
                values[row, end * steps if name == "step_losses" else end + 1 :] = np.nan
    return dataclasses.replace(whole, **found, stopped_after=ends)


def alone(whole: Curves, row: int, end: int) -> Curves:
    """One of the runs as if no more epochs had been asked for."""
    rows = {name: getattr(whole, name)[row : row + 1, : end + 1] for name in CURVES}
    steps = whole.step_losses[row : row + 1, : end * whole.steps_per_epoch]
    return dataclasses.replace(whole, **rows, seeds=whole.seeds[row : row + 1], step_losses=steps, diverged_at=(None,))


STOPPED = stopped(WHOLE, 3, None, 5, None)


# ---- results and measures -----------------------------------------------------------------------------


def test_results_know_the_weights_and_images_of_the_end(tmp_path: Path) -> None:
    with Store.open(tmp_path / "shoal.db", write=True) as store:
        train(Demand.of([study()]), FakeEngine(), DOTS, store)
        results = StoredResults(store, study(), DOTS, FakeEngine())
        for found in results.all():
            assert found.seeds == (0, 1, 2, 3)
            for row, seed in enumerate(found.seeds):
                run, end = Run(found.config, seed), int(found.last[row])
                assert store.correct(run, "fake", 12) is not None
                kept = store.checkpoint(run, "fake", end)
                assert kept is not None
                assert results.weights(found.config, seed)["1.bias"].tobytes() == kept.tensors["1.bias"].tobytes()
                assert found.stopped_after[row] == (end if end < 12 else None)
                assert np.isfinite(found.validation_loss[row]).sum() == end + 1
                assert np.isfinite(found.step_losses[row]).sum() == 3 * end


def test_the_final_value_is_that_of_each_runs_last_epoch() -> None:
    assert STOPPED.last.tolist() == [3, 8, 5, 8]
    expected = [WHOLE.validation_loss[0, 3], WHOLE.validation_loss[1, 8], WHOLE.validation_loss[2, 5], np.nan]
    np.testing.assert_array_equal(STOPPED.final("validation_loss"), expected)
    assert STOPPED.steps_per_epoch == WHOLE.steps_per_epoch
    assert STOPPED.shortest == 3
    assert WHOLE.shortest == 8


ASKED = {name: one for name, one in measures.MEASURES.items() if not one.deep} | {
    "after epoch 2": measures.at(2),
    "time to 1.0": measures.time_to(1.0),
    "steps to 0.6": measures.time_to(0.6, unit="steps"),
    "seconds to an accuracy": measures.time_to(0.7, metric="validation_accuracy", unit="seconds"),
    "gained by 1": measures.gained_by(1),
    "late slope": measures.late_slope(2),
}


@pytest.mark.parametrize("name", ASKED)
def test_every_measure_reads_a_runs_own_epochs(name: str) -> None:
    """What it gives for each run is what it would give had that many epochs been asked for; none is the worst value
    for having ended early, but the diverged one still is."""
    measure = ASKED[name]
    found, whole = measure.values(STOPPED), measure.values(WHOLE)
    for row, end in enumerate((3, 8, 5)):
        assert found[row] == measure.values(alone(WHOLE, row, end))[0]
        assert np.isfinite(found[row]) or name.endswith("0.6")
    assert found[3] == whole[3]


def test_beyond_its_end_a_run_stays_what_it_was() -> None:
    """What asks for more epochs than a run has sees the network that was left."""
    values = measures.at(7).values(STOPPED)
    assert values[:3].tolist() == [WHOLE.validation_loss[row, end] for row, end in ((0, 3), (1, 7), (2, 5))]
    assert measures.gained_by(6).values(STOPPED)[0] == 1
    assert np.isfinite(measures.late_slope(6).values(STOPPED)[:3]).all()
    (held,) = [held for rows, held in STOPPED.by_length(7) if 0 in rows]
    assert held.seconds[0].tolist() == [*WHOLE.seconds[0, :4], 0, 0, 0, 0]


def test_without_a_stopped_run_every_curve_is_whole() -> None:
    ((rows, same),) = WHOLE.by_length()
    assert rows.tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(same.validation_loss, WHOLE.validation_loss)


# ---- figure, record, configuration --------------------------------------------------------------------


def test_means_end_with_the_first_run_that_was_stopped() -> None:
    """Or the mean would jump there to that of the others."""
    figure = compose.epoch_figure("a-figure", "validation_loss", [STOPPED], "Loss.")
    assert figure.caption == "Loss. Runs that were stopped early: 2 of 4 at a; means end with the first of them."
    means = [row["validation_loss"] for row in figure.rows]
    assert [mean is not None for mean in means] == [True] * 4 + [False] * 5
    assert [row["value 3"] is not None for row in figure.rows] == [True] * 6 + [False] * 3
    assert compose.epoch_figure("a-figure", "validation_loss", [WHOLE], "Loss.").caption == "Loss."


def test_the_report_records_when_a_run_was_stopped() -> None:
    one, other = record._run(STOPPED, 0), record._run(STOPPED, 1)
    assert (one["status"], one["stopped_after"], len(one["epochs"])) == ("finished", 3, 4)
    assert other["status"] == "finished"
    assert "stopped_after" not in other
    assert "stopped_after" not in record._run(WHOLE, 0)


def rows_of(*configs: Config) -> dict[str, str]:
    return dict(described(configs, [], [dataset("fashion-mnist")]))


def test_the_configuration_says_it_in_words() -> None:
    assert not {"gradient clipping", "early stopping", "loss"} & rows_of(CONFIG).keys()
    full: dict[str, Any] = {
        "gradient_clipping": ClipNorm(1),
        "early_stopping": EarlyStopping(3, min_delta=0.01),
        "loss": CrossEntropy(label_smoothing=0.1),
    }
    rows = rows_of(CONFIG.replace(**full))
    assert rows["gradient clipping"] == "clip norm, max norm 1"
    assert rows["early stopping"] == "patience 3, min delta 0.01"
    assert rows["loss"] == "cross-entropy, log-sum-exp with labels smoothed by 0.1"
    rows = rows_of(CONFIG, CONFIG.replace(gradient_clipping=ClipValue(0.5)))
    assert rows["gradient clipping"] == "none; clip value, clip value 0.5"


# ---- progress -----------------------------------------------------------------------------------------


def test_a_stopped_run_is_done_on_the_board(tmp_path: Path) -> None:
    board = Board([study()], None, {})
    told = []
    with Store.open(tmp_path / "shoal.db", write=True) as store:

        def on_record(found: EpochRecord) -> None:
            told.append(standing(board.record(found)))

        train(Demand.of([study()]), FakeEngine(), DOTS, store, on_plan=board.plan, on_record=on_record)
        assert board.running == []
        assert board.epochs == (96, 96)
        assert board.left == 0
        assert {cell.mark for cell in board.cells.values()} == {"●"}
        again = Board([study()], None, store.progress("fake"))
        assert {cell.mark for cell in again.cells.values()} == {"●"}
    assert any(": stopped early after epoch " in line for line in told)


def test_what_the_store_has_of_a_stopped_run_is_all_there_is() -> None:
    (run, *_) = study().runs()
    board = Board([study()], [0], {run.trajectory: Progress(4, stopped=True)})
    assert board.cells[run.trajectory].mark == "●"
    assert board.epochs == (12, 24)


# ---- commands -----------------------------------------------------------------------------------------


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A study whose runs end after epoch 2 of 9, since nothing is an improvement of ten nats."""
    monkeypatch.chdir(tmp_path)
    stopping = "epochs=9, early_stopping=EarlyStopping(1, min_delta=10.0)"
    text = STUDY_FILE.replace("import Config,", "import Config, EarlyStopping,").replace("epochs=2", stopping)
    (tmp_path / "mine.py").write_text(text)


@pytest.mark.parametrize("engine", ["reference", "native"])
def test_commands_tell_of_it(shell: Any, mine: None, engine: str) -> None:
    _, out, _ = shell(f"plan mine.py --engine {engine}")
    assert "4 to train: at most 36 epochs." in out
    assert "0 to at most 9" in out
    assert json.loads(shell(f"plan mine.py --engine {engine} --json")[1])["tasks"][0]["may_stop_early"] is True
    code, out, err = shell(f"run mine.py --engine {engine}")
    assert code == 0
    assert "Training 4 runs, at most 36 epochs." in err
    assert "stopped early after epoch 2 of 9" in err
    rows = [line for line in out.splitlines() if line.startswith("lr")]
    assert all("–" not in row and "nan" not in row for row in rows)
    assert "4 in the store, 0 to train: 0 epochs." in shell(f"plan mine.py --engine {engine}")[1]
    _, out, _ = shell("list --json")
    assert {(run["status"], run["epochs_done"], run["stopped_early"]) for run in json.loads(out)["runs"]} == {
        ("finished", 2, True)
    }
