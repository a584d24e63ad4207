# SPDX-License-Identifier: Apache-2.0
"""The commands, as somebody types them: results on stdout, words on stderr, and the exit codes that are promised."""

import csv
import errno
import io
import json
import os
import signal
import subprocess
import sys
import time

import click
import pytest
from safetensors.numpy import load_file

from fakes import FakeEngine, dots, tiny_study
from shoal import __version__
from shoal.cli import run_command, shoal
from shoal.cli.report import keep_real
from shoal.cli.training import find_studies
from shoal.cli.work import Growing, Work
from shoal.errors import DataMissing
from shoal.results import StoredResults
from shoal.runner import Demand, train
from shoal.store import Store
from shoal.studies.section import Prose, Section
from test_studyfile import GOOD

DIVERGING = GOOD.replace("[0.1, 0.5]", "[0.1, 1e20]").replace("SGD(lr=lr)", "SGD(lr=lr, weight_decay=lr), batch_size=1")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Every command runs in a folder of its own, without the network and without anybody's data."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOAL_OFFLINE", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("SHOAL_DATA", raising=False)
    (tmp_path / "mine.py").write_text(GOOD)
    return tmp_path


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
    (folder / "narrow.py").write_text(GOOD.replace("classes=2", "classes=2 if lr > 0.1 else 1"))
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


# ---- errors and exit codes ----------------------------------------------------------------------------


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
    slow = GOOD.replace("epochs=2", "epochs=100000")
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
        GOOD.replace("softmax_regression(", "mlp(10**6, 10**6, ").replace("softmax_regression", "mlp")
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
    (folder / "wide.py").write_text(GOOD.replace("softmax_regression(", "mlp(3, ").replace("softmax_regression", "mlp"))
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
        GOOD.replace('data="mine"', 'data="sketches-garments"').replace("classes=2, input_shape=(1, 2, 2)", "")
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


# ---- report -------------------------------------------------------------------------------------------


def test_a_report_of_a_section_without_runs(shell, folder):
    code, out, err = shell("report --sections 1.1 --data sketches --engine reference --out here")
    assert code == 0
    assert out == "here/index.html\n"
    assert err.startswith("Reading the data ...\n")
    written = json.loads((folder / "here" / "report.json").read_text())
    assert [section["id"] for section in written["sections"]] == ["1.1"]
    assert (folder / "here" / "shoal.db").exists()


class Screen:
    """A view that only remembers what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


def section_of(study) -> Section:
    def chapter(results):
        return [Prose(f"{study.name}: " + ", ".join(str(curves.seeds) for curves in results.all()))]

    return Section("9.1", "Rates", "Which rate?", chapter, "None.", study, data=("dots",))


def work(store, folder, engine=None) -> Work:
    section = section_of(tiny_study())
    return Work(store, engine or FakeEngine(), [section], {"dots": dots()}, range(3), folder / "out")


def test_the_report_is_written_from_what_was_trained(folder):
    with Store.open("r.db", write=True) as store:
        assert work(store, folder).run().trained == 6
    written = json.loads((folder / "out" / "report.json").read_text())
    assert written["sections"][0]["prose"] == ["rates: (0, 1, 2), (0, 1, 2)"]
    assert written["seeds"] == {"done": 3, "asked": 3}


def test_ctrl_c_leaves_a_true_report_of_what_there_is(folder, capsys):
    with Store.open("r.db", write=True) as store:
        with pytest.raises(KeyboardInterrupt):
            work(store, folder, FakeEngine(stop_after=22)).run()
        written = json.loads((folder / "out" / "report.json").read_text())
        assert written["sections"][0]["prose"] == ["rates: (0, 1), (0, 1)"]
        work(store, folder).run()
    assert "the same command goes on from there" in capsys.readouterr().err
    again = json.loads((folder / "out" / "report.json").read_text())
    assert again["seeds"]["done"] == 3


def test_the_report_grows_in_a_thread_and_says_so(folder):
    written, screen = [], Screen()
    growing = Growing(written.append, screen, folder)
    growing.seed((0,), 3)
    growing.finish([0, 1, 2])
    assert written == [(0,), [0, 1, 2]]
    assert screen.said == [f"{folder / 'index.html'} is ready with 1 of 3 seeds; going on, Ctrl-C stops"]


def test_a_report_that_fails_halfway_does_not_stop_the_training(folder):
    def write(seeds):
        if len(seeds) == 1:
            raise ValueError("no figure")

    screen = Screen()
    growing = Growing(write, screen, folder)
    growing.seed((0,), 3)
    growing.finish([0, 1, 2])
    assert screen.said == ["The report could not be written yet, training goes on: no figure"]


def test_the_last_seed_is_left_to_the_last_writing(folder):
    written = []
    growing = Growing(written.append, Screen(), folder)
    growing.seed((0, 1, 2), 3)
    growing.finish([0, 1, 2])
    assert written == [[0, 1, 2]]


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


# ---- stand-ins ----------------------------------------------------------------------------------------


def small_stand_in(monkeypatch):
    stand_in = dots("sketches-garments", stand_in="fashion-mnist")
    monkeypatch.setattr("shoal.data.load", lambda name, path=None, insist=False: stand_in)


def test_whoever_trains_on_a_stand_in_is_told(shell, monkeypatch):
    small_stand_in(monkeypatch)
    warned = "fashion-mnist was not found: sketches-garments stands in for it"
    assert warned in shell("plan 1.2 --seeds 1")[2]
    assert warned not in shell("plan 1.2 --seeds 1 --data sketches")[2]


def test_a_report_on_the_real_thing_is_not_replaced_by_drawings(folder):
    (folder / "report.json").write_text(json.dumps({"data_sets": [{"name": "fashion-mnist", "stand_in": ""}]}))
    with pytest.raises(DataMissing, match=r"has a report on the real fashion-mnist.*--data sketches"):
        keep_real(folder, [dots("sketches-garments", stand_in="fashion-mnist")])
    keep_real(folder, [dots("fashion-mnist")])
    keep_real(folder, [dots("sketches-digits", stand_in="mnist")])
    (folder / "report.json").write_text(json.dumps({"data_sets": [{"name": "x", "stand_in": "fashion-mnist"}]}))
    keep_real(folder, [dots("sketches-garments", stand_in="fashion-mnist")])
