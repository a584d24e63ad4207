# SPDX-License-Identifier: Apache-2.0
"""`shoal report --until-settled`: more seeds only where a claim is open, at planned looks, resumed like any other."""

import json
from dataclasses import replace

import pytest

from fakes import FakeEngine, dots, tiny_config
from shoal.analysis.claims import Claim
from shoal.analysis.looks import LOOKS, planned
from shoal.analysis.measures import Measure
from shoal.cli import run_command
from shoal.cli.settling import announced, concluded, narrowed
from shoal.cli.work import Work
from shoal.store import Store
from shoal.studies.section import Prose, Section
from shoal.study import Grid, Study

MOST = 14
OF_SEEDS = Measure("sway", lambda curves: [(-1.0) ** seed for seed in curves.seeds], "m", rising=True)
"""As often above 0 as below, whatever is trained: never settled."""
HIGH = Measure("height", lambda curves: [2.0 + 0.01 * (seed % 3) for seed in curves.seeds], "m", rising=True)


def values(measure: Measure) -> Measure:
    import numpy as np

    return replace(measure, of=lambda curves: np.array(measure.of(curves), np.float64))


def section(*claims: Claim) -> Section:
    study = Study("rates", lambda lr: tiny_config(lr), Grid(lr=[0.1, 0.2, 0.5]), seeds=range(3), claims=claims)
    return Section("9.1", "Rates", "Which rate?", lambda results: [Prose("None.")], "", study, data=("dots",))


CLEAR = Claim("1", "High.", measure=values(HIGH), a={"lr": 0.1}, b=1.0)
OPEN = Claim("2", "Sways.", measure=values(OF_SEEDS), a={"lr": 0.5}, b=0.0)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("shoal.analysis.verdicts.seeds_needed", lambda comparison: None)
    return tmp_path


def work(store, folder, *claims, engine=None, looks=(10, MOST)) -> Work:
    given = engine or FakeEngine(), [section(*claims)], {"dots": dots()}, range(looks[-1]), folder / "out", looks
    return Work(store, *given)


def seeds_of(store, lr):
    return sorted(run.seed for run in store.runs(tiny_config(lr).hash))


def test_only_what_an_open_claim_looks_at_gets_more_seeds(folder, capsys):
    with Store.open("r.db", write=True) as store:
        outcome = work(store, folder, CLEAR, OPEN).run()
        found = {lr: len(seeds_of(store, lr)) for lr in (0.1, 0.2, 0.5)}
    assert found == {0.1: 10, 0.2: 10, 0.5: MOST}
    assert outcome.trained == 3 * 10 + 4
    err = capsys.readouterr().err
    assert "1 claim is open: 2; training seeds 10 to 13 of 1 config." in err
    assert err.endswith("1 claim stays open after 14 seeds: 2.\n")
    written = json.loads((folder / "out" / "report.json").read_text())
    verdicts = {claim["id"]: (claim["verdict"], claim["n"], claim["so_far"]) for claim in written["claims"]}
    assert verdicts == {"1": ("supported", 10, False), "2": ("inconclusive", MOST, False)}
    assert written["seeds"] == {"done": 10, "asked": 10}


def test_it_stops_once_every_claim_is_settled(folder, capsys):
    with Store.open("r.db", write=True) as store:
        assert work(store, folder, CLEAR).run().trained == 30
    assert capsys.readouterr().err.endswith("Every claim is settled.\n")


def test_ctrl_c_and_the_same_command_goes_on(folder, capsys):
    records = 3 * 10 * 4
    with Store.open("r.db", write=True) as store:
        with pytest.raises(KeyboardInterrupt):
            work(store, folder, CLEAR, OPEN, engine=FakeEngine(stop_after=records - 9)).run()
        with pytest.raises(KeyboardInterrupt):
            work(store, folder, CLEAR, OPEN, engine=FakeEngine(stop_after=12)).run()
        assert 10 <= len(seeds_of(store, 0.5)) <= MOST
        assert not (store.progress("fake") and all(one.epochs == 3 for one in store.progress("fake").values()))
        again = FakeEngine()
        work(store, folder, CLEAR, OPEN, engine=again).run()
        assert len(seeds_of(store, 0.5)) == MOST
        done = FakeEngine()
        work(store, folder, CLEAR, OPEN, engine=done).run()
    assert again.trained
    assert not done.trained
    assert capsys.readouterr().err.endswith("1 claim stays open after 14 seeds: 2.\n")


def test_the_report_is_written_at_every_look(folder, monkeypatch):
    written = []
    with Store.open("r.db", write=True) as store:
        one = work(store, folder, OPEN)
        monkeypatch.setattr(one, "write", lambda seeds: written.append(len(seeds_of(store, 0.5))))
        one.run()
    assert {10, MOST} <= set(written)


def test_a_single_look_trains_a_fixed_number(folder):
    with Store.open("r.db", write=True) as store:
        assert work(store, folder, OPEN, looks=(7,)).run().trained == 21


def test_a_study_is_narrowed_to_what_is_open():
    from types import SimpleNamespace

    given = replace(section(CLEAR, OPEN).study, keep_weights=True)
    kept = narrowed(given, [SimpleNamespace(claim=OPEN)])
    assert [point.values for point in kept.points] == [{"lr": 0.5}]
    assert (kept.name, kept.keep_weights) == (given.name, True)
    assert narrowed(given, []) is None
    assert narrowed(None, [SimpleNamespace(claim=OPEN)]) is None


def test_it_says_what_it_adds_and_why():
    from types import SimpleNamespace

    open_ = [SimpleNamespace(claim=SimpleNamespace(id=id)) for id in ("2", "11b", "16b")]
    said = announced(open_, 7, 20, LOOKS)
    assert said == "3 claims are open: 2, 11b, 16b; training seeds 10 to 19 of 7 configs."
    assert concluded([], 30) == "Every claim is settled."


def test_looks_are_cut_at_the_most_seeds():
    assert planned(30) == LOOKS
    assert [planned(most) for most in (7, 10, 11, 20, 45)] == [
        (7,),
        (10,),
        (10, 11),
        (10, 20),
        (10, 20, 30, 40, 45),
    ]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("report --max-seeds 20", "--max-seeds 20 goes with --until-settled."),
        ("report --until-settled --max-seeds 5", "fewer than 6 seeds settle nothing."),
        ("report --until-settled --seeds 20", "--seeds 20 does not go with looks, which are fixed beforehand"),
        ("report --until-settled --max-seeds 0", "0 is not in the range"),
    ],
)
def test_options_that_do_not_go_together_are_refused(folder, capsys, line, words):
    assert run_command(line.split()) == 2
    assert words in " ".join(capsys.readouterr().err.split())
    assert not (folder / "report").exists()
