# SPDX-License-Identifier: Apache-2.0
"""The commands, as somebody types them: results on stdout, and what each of them promises."""

import csv
import io
import json

import click
import pytest
from safetensors.numpy import load_file

from fakes import STUDY_FILE
from shoal import __version__
from shoal.cli import shoal
from shoal.cli.training import find_studies
from shoal.results import StoredResults
from shoal.store import Store

DIVERGING = STUDY_FILE.replace("[0.1, 0.5]", "[0.1, 1e20]").replace(
    "SGD(lr=lr)", "SGD(lr=lr, weight_decay=lr), batch_size=1"
)
pytestmark = pytest.mark.usefixtures("folder")


# ---- run and plan -------------------------------------------------------------------------------------


def test_run_trains_and_prints_a_row_a_config(shell):
    code, out, err = shell("run mine.py --engine reference")
    assert code == 0
    assert [line.split()[:3] for line in out.splitlines() if line.startswith("lr")] == [
        ["lr", "0.1", "2"],
        ["lr", "0.5", "2"],
    ]
    assert "Training 4 runs, 8 epochs." in err
    assert "Training" not in out


def test_run_again_trains_nothing(trained):
    code, out, err = trained("run mine.py --engine reference")
    assert (code, "Every run is in the store already." in err) == (0, True)
    assert "lr 0.5" in out


def test_run_as_json_is_one_versioned_object(shell):
    code, out, _ = shell("run mine.py --engine reference --json --seeds 1")
    answer = json.loads(out)
    assert (code, answer["schema"], answer["command"]) == (0, 1, "run")
    assert [row["n"] for row in answer["studies"]["rates"]] == [1, 1]


def test_runs_that_diverge_end_with_3(shell, folder):
    (folder / "far.py").write_text(DIVERGING)
    code, out, _ = shell("run far.py --engine reference")
    assert code == 3
    (row,) = [line for line in out.splitlines() if "1e+20" in line]
    assert row.split()[-2] == "2", "both seeds diverged"


def test_plan_tells_and_trains_nothing(shell, folder):
    code, out, _ = shell("plan mine.py --engine reference")
    assert code == 0
    assert out.startswith("4 runs asked for, 0 in the store, 4 to train: 8 epochs.")
    assert not (folder / "shoal.db").exists()


def test_plan_subtracts(trained):
    _, out, _ = trained("plan mine.py --engine reference --seeds 3 --json")
    answer = json.loads(out)
    assert (answer["runs"], [task["seed"] for task in answer["tasks"]]) == (6, [2, 2])


@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_study_that_does_not_fit_its_data_ends_with_2_and_trains_nothing(shell, folder, command):
    (folder / "narrow.py").write_text(STUDY_FILE.replace("classes=2", "classes=2 if lr > 0.1 else 1"))
    code, out, err = shell(f"{command} narrow.py --engine reference")
    assert (code, out) == (2, "")
    assert "tells 1 classes apart, but mine-" in err
    assert not json.loads(shell("list --json")[1])["runs"]


def test_a_built_in_study_goes_by_name_or_section():
    (study,), _ = find_studies("batch-sizes")
    assert find_studies("1.3") == ([study], {})


# ---- list, show, export -------------------------------------------------------------------------------


def test_list_has_a_row_a_run(trained):
    _, out, _ = trained("list")
    assert len(out.splitlines()) == 5
    answer = json.loads(trained("list --json")[1])
    assert [(run["seed"], run["status"], run["epochs_done"]) for run in answer["runs"]] == [
        (0, "finished", 2),
        (0, "finished", 2),
        (1, "finished", 2),
        (1, "finished", 2),
    ]


def test_list_of_nothing_says_what_to_do(shell):
    code, out, err = shell("list")
    assert (code, out) == (0, "")
    assert "shoal.db holds no runs yet. Train some: shoal report, or shoal run STUDY." in err


def test_reading_finds_the_reports_store(trained, folder):
    (folder / "report").mkdir()
    (folder / "shoal.db").rename(folder / "report" / "shoal.db")
    assert len(trained("list")[1].splitlines()) == 5


def test_show_takes_the_beginning_of_a_hash(trained):
    run = json.loads(trained("list --json")[1])["runs"][0]
    _, out, _ = trained(f"show {run['run'][:8]}")
    assert run["run"] in out
    assert "weights after epoch  2" in out
    shown = json.loads(trained(f"show {run['hash'][:8]} --json")[1])["runs"]
    assert [(one["hash"], one["seed"], len(one["epochs"])) for one in shown] == [
        (run["hash"], 0, 3),
        (run["hash"], 1, 3),
    ]


def test_export_reads_back_to_the_same_bits(trained, folder):
    _, out, _ = trained("export")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert len(rows) == 4 * 3
    with Store.open(folder / "shoal.db") as store:
        history = store.history(store.runs()[0].run, "reference-float64")
    assert [float(row["validation_loss"]) for row in rows[:3]] == list(history.validation_loss)
    assert rows[0]["train_loss"] == "", "there is none before training"
    assert json.loads(trained("export --format json")[1])["runs"][0]["epochs"][0]["train_loss"] is None


def test_export_to_files(trained, folder):
    code, out, err = trained("export --to all.csv --weights tensors")
    assert (code, out, err) == (0, "", "4 files of weights in tensors\n")
    assert (folder / "all.csv").read_text() == trained("export")[1]
    assert load_file(sorted((folder / "tensors").iterdir())[0]).keys() == {"1.weight", "1.bias"}


# ---- data and doctor ----------------------------------------------------------------------------------


def test_data_says_what_is_missing_and_what_helps(shell):
    code, out, _ = shell("data")
    assert code == 0
    assert "fashion-mnist: not found; reports use its stand-in." in out
    assert "dataset-fashion-mnist" in out
    assert [one["found"] for one in json.loads(shell("data --json")[1])["data"]] == [False, False]


def test_doctor_tells_how_things_are(trained):
    code, out, _ = trained("doctor --engine reference --json")
    checks = {check["check"]: check for check in json.loads(out)["checks"]}
    assert checks["shoal"]["finding"] == __version__
    assert checks["engine"]["finding"] == "name reference-float64"
    assert checks["store"]["finding"] == "shoal.db, 4 runs"
    assert checks["mnist"]["well"], "missing data is no illness"
    assert code == 0


def test_doctor_finds_a_broken_store(shell, folder):
    (folder / "shoal.db").write_text("Dear diary, " * 500)
    code, out, _ = shell("doctor --engine reference")
    assert code == 1
    assert "!!  store" in out
    assert "not a database" in out


# ---- options ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(shoal.commands))
def test_every_command_takes_the_shared_options(name):
    options = {option for parameter in shoal.commands[name].params for option in parameter.opts}
    shared = {"--store", "--data", "--threads", "--engine", "--json"}
    if name == "bench":  # it times the native engine on all cores, and keeps no run
        shared = {"--data", "--json"}
    if name == "watch":  # it reads what others train
        shared = {"--store", "--json"}
    assert shared <= options
    assert shoal.commands[name].get_short_help_str(limit=200)
    assert isinstance(shoal.commands[name], click.Command)


def test_results_satisfy_what_chapters_ask_for():
    """Every question of `Results` has an answer in `StoredResults`."""
    from shoal.studies.section import Results

    asked = {name for name in vars(Results) if not name.startswith("_")}
    assert asked <= set(dir(StoredResults))
