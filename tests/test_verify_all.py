# SPDX-License-Identifier: Apache-2.0
"""`shoal verify` and `shoal run` where data is a stand-in, runs are shared, or something is measured: all is said."""

import json

import pytest

from fakes import FakeEngine, dots, tiny_config
from shoal.analysis.claims import Claim, Fact, Found
from shoal.studies.section import Section
from shoal.study import Grid, Study

STAMP = "On the stand-in; says nothing of Fashion-MNIST."


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOAL_OFFLINE", "1")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("SHOAL_DATA", raising=False)
    monkeypatch.setattr("shoal.cli.options.Setting.engine", lambda setting: FakeEngine())
    return tmp_path


def section(id: str, epochs: int = 3) -> Section:
    """Two rates on Fashion-MNIST, or what stands in for it."""
    claim = Claim(id.replace(".", ""), "Slow.", measure="loss", a={"lr": 0.1}, b={"lr": 0.5}, margin="1%")
    grid = Grid(lr=[0.1, 0.5])
    study = Study("rates", lambda lr: tiny_config(lr, epochs, "fashion-mnist"), grid, range(6), claims=[claim])
    return Section(id, "Rates", "Which?", lambda results: [], "", study, data=("fashion-mnist",))


def given(monkeypatch, *sections: Section, real: bool = False) -> None:
    drawn = dots("fashion-mnist") if real else dots("sketches-garments", stand_in="fashion-mnist")
    monkeypatch.setattr("shoal.data.load", lambda name, path=None, insist=False: drawn)
    monkeypatch.setattr("shoal.studies.sections", lambda: sections)
    monkeypatch.setattr("shoal.studies.find", lambda name: next(one for one in sections if one.id == name))


@pytest.mark.parametrize("command", ["run", "verify"])
@pytest.mark.parametrize("real", [True, False])
def test_what_a_stand_in_gives_is_stamped(shell, monkeypatch, command, real):
    given(monkeypatch, section("9.1"), real=real)
    code, out, _ = shell(f"{command} 9.1")
    assert (code, STAMP in out) == (0, not real)
    claims = json.loads(shell(f"{command} 9.1 --json")[1])["claims"]
    assert [one["stand_in"] for one in claims] == [[] if real else ["fashion-mnist"]]


def test_a_study_without_claims_is_stamped_too(shell, monkeypatch):
    from dataclasses import replace

    plain = section("9.1")
    given(monkeypatch, replace(plain, study=replace(plain.study, claims=())))
    assert STAMP in shell("run 9.1")[1]
    assert json.loads(shell("run 9.1 --json")[1])["stand_in"] == {"rates": ["fashion-mnist"]}


def test_all_are_stamped_each_and_where_they_are_counted(shell, monkeypatch):
    given(monkeypatch, section("9.1"), section("9.2"))
    out = shell("verify all")[1]
    assert out.count(STAMP) == 3
    assert out.endswith(f"2 too few seeds; 2 so far\n{STAMP}\n")


def test_a_run_that_sections_share_is_missing_once(shell, monkeypatch):
    given(monkeypatch, section("9.1"), section("9.2", epochs=5))
    assert "\n12 runs are still to be trained for shoal.db. " in shell("verify all")[2]
    answer = json.loads(shell("verify all --json")[1])
    assert (answer["runs_missing"], answer["runs_missing_together"]) == ({"9.1": 12, "9.2": 12}, 12)


def test_what_is_measured_and_not_stored_is_said_before(shell, monkeypatch, capsys):
    said = []

    def measure() -> float:
        said.append(capsys.readouterr().err)
        return 2.0

    def found(results) -> Found:
        return Found(True, results.probe("weight", measure) + results.probe("height", measure), 1.0)

    given(
        monkeypatch, Section("9.3", "Weight", "?", lambda results: [], data=(), claims=(Fact("3", "A.", "B.", found),))
    )
    assert shell("verify 9.3")[0] == 0
    assert said == ["Judging ...\nMeasuring for 9.3 what shoal.db does not hold; this can take minutes ...\n", ""]
