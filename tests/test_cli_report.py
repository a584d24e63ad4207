# SPDX-License-Identifier: Apache-2.0
"""`shoal report`: written from what was trained, rewritten as it grows, and never a drawing for the real thing."""

import json

import pytest

from fakes import FakeEngine, dots, tiny_study
from shoal.cli.report import keep_real
from shoal.cli.work import Growing, Work
from shoal.errors import DataMissing
from shoal.store import Store
from shoal.studies.section import Prose, Section

pytestmark = pytest.mark.usefixtures("folder")


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
