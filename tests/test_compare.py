# SPDX-License-Identifier: Apache-2.0
"""`shoal compare`: any two configs of a store, paired by seed, with everything said that a number alone would hide."""

import json

import numpy as np
import pytest

from fakes import FakeEngine, dots, tiny_config, tiny_study
from shoal.analysis.comparison import compare
from shoal.analysis.measures import MEASURES
from shoal.cli import run_command
from shoal.errors import UsageError
from shoal.runner import Demand, train
from shoal.store import Store
from shoal.study import Run

A, B = tiny_config(0.1).hash, tiny_config(0.5).hash


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOAL_OFFLINE", "1")
    monkeypatch.delenv("SHOAL_DATA", raising=False)
    monkeypatch.setattr("shoal.cli.options.Setting.engine", lambda setting: FakeEngine("native"))
    return tmp_path


@pytest.fixture
def shell(capsys):
    def shell(*line: str) -> tuple[int, str, str]:
        code = run_command(["compare", *line])
        out, err = capsys.readouterr()
        return code, out, err

    return shell


def trained(*runs: Run, engine: str = "native", stop: int | None = None, data=None) -> None:
    with Store.open("shoal.db", write=True) as store:
        data = data or dots()
        try:
            train(Demand(runs), FakeEngine(engine, stop), {data.name: data}, store)
        except KeyboardInterrupt:
            assert stop


@pytest.fixture
def both():
    trained(*tiny_study(seeds=range(7)).runs())


def test_it_tells_how_two_configs_compare_seed_by_seed(shell, both):
    answer = json.loads(shell(A[:8], B[:8], "--metric", "loss", "--json")[1])
    with Store.open("shoal.db") as store:
        sides = [
            np.array([store.history(Run(tiny_config(lr), seed), "native").validation_loss[-1] for seed in range(7)])
            for lr in (0.1, 0.5)
        ]
    expected = compare(*sides, scale="ratio")
    assert (answer["schema"], answer["command"], answer["measure"]) == (1, "compare", "final validation loss")
    assert answer["seeds"] == list(range(7))
    assert answer["a"] == {"hash": A, "values": sides[0].tolist()}
    for name in ("estimate", "low", "high", "n", "p", "p_better", "correlation"):
        assert answer[name] == getattr(expected, name)


def test_it_prints_what_it_knows(shell, both):
    code, out, err = shell(A[:8], B[:8], "--metric", "loss")
    assert (code, err) == (0, "")
    for words in (
        "Final validation loss, in nats (less is better)",
        "A / B ",
        "interval of 95%",
        "P(A > B)",
        "7: 0 to 6",
    ):
        assert words in out
    assert f"A  {A[:8]}  dots, " in out
    assert [line.split()[0] for line in out.splitlines()[-7:]] == [str(seed) for seed in range(7)], "a row a seed"


def test_swapping_the_sides_swaps_the_answer(shell, both):
    one, other = (json.loads(shell(*pair, "--json")[1]) for pair in ((A, B), (B, A)))
    assert one["estimate"] == pytest.approx(-other["estimate"])
    assert (one["low"], one["p_better"]) == (pytest.approx(-other["high"]), pytest.approx(1 - other["p_better"]))


def decided(shell, margin, *pair):
    return json.loads(shell(*(pair or (A, B)), "--metric", "loss", "--margin", margin, "--json")[1])["verdict"]


def test_a_margin_says_what_counts_as_a_difference(shell, both):
    assert decided(shell, "1000x") == "A and B are equal within the margin"
    trained(*[Run(tiny_config(8.0), seed) for seed in range(7)])
    far = tiny_config(8.0).hash
    assert decided(shell, "1.1x", far, A) == "A is above B by more than the margin"
    assert decided(shell, "1.1x", A, far) == "A is below B by more than the margin"
    ratios = json.loads(shell(far, A, "--metric", "loss", "--json")[1])
    assert decided(shell, f"{ratios['estimate']:.3f}x", far, A) == "not settled"


def test_fewer_than_six_seeds_settle_nothing(shell):
    trained(*tiny_study(seeds=range(5)).runs())
    assert "too few seeds to settle anything, 5 of at least 6" in shell(A, B)[1]


def test_opinions_that_differ_are_said(shell, both, monkeypatch):
    from dataclasses import replace

    from shoal.analysis import comparison

    def doubtful(*sides, **given):
        found = compare(*sides, **given)
        return replace(found, p=0.5, low=found.margin * 1.1, high=found.margin * 1.2)

    monkeypatch.setattr(comparison, "compare", doubtful)
    out = shell(A, B, "--metric", "loss")[1]
    assert "but          the second interval is [" in out
    assert "open         not settled" in out


@pytest.mark.parametrize(("at", "said"), [("no difference", ""), ("the margin", "p is 0.5, of 1,000: the opinions")])
def test_only_opinions_on_what_decides_are_said_to_differ(shell, both, monkeypatch, at, said):
    from dataclasses import replace

    from shoal.analysis import comparison

    def doubtful(*sides, margin=None, **given):
        found = compare(*sides, margin=margin, **given)
        return replace(found, p=0.5) if margin == (None if at == "no difference" else 1000) else found

    monkeypatch.setattr(comparison, "compare", doubtful)
    out = shell(A, B, "--metric", "loss", "--margin", "1000x")[1]
    assert ("\nbut " in out) == bool(said)
    assert ("settled      A and B are equal within the margin" in out) == (not said)
    assert said in out


@pytest.mark.parametrize("metric", list(MEASURES))
def test_every_measure_can_be_compared(shell, both, metric):
    """The images of study files are not at hand: what needs them says so."""
    code, _, err = shell(A, B, "--metric", metric)
    assert code == (2 if MEASURES[metric].deep else 0)
    assert "'dots' is no data set Shoal knows" in err or not MEASURES[metric].deep


def test_a_deep_measure_reads_the_test_images(shell, both, monkeypatch):
    monkeypatch.setattr("shoal.data.load", lambda name, path=None, insist=False: dots())
    answer = json.loads(shell(A, B, "--metric", "test-accuracy", "--json")[1])
    assert set(answer["a"]["values"]) <= {right / 12 for right in range(13)}


def test_a_stand_in_is_no_place_to_look_for_the_real_images(shell, monkeypatch):
    real = [Run(tiny_config(lr, data="fashion-mnist"), seed) for lr in (0.1, 0.5) for seed in range(6)]
    trained(*real, data=dots("fashion-mnist"))
    pair = real[0].config.hash, real[-1].config.hash
    drawn = dots("sketches-garments", stand_in="fashion-mnist")
    monkeypatch.setattr("shoal.data.load", lambda name, path=None, insist=False: drawn)
    code, _, err = shell(*pair, "--metric", "test-accuracy")
    assert code == 4
    assert "needs the images of fashion-mnist, which is not on this machine. Name its folder with --data." in err


def test_a_stand_in_beside_the_real_thing_is_said_aloud(shell):
    trained(*[Run(tiny_config(data="fashion-mnist"), seed) for seed in range(6)], data=dots("fashion-mnist"))
    drawn = dots("sketches-garments", stand_in="fashion-mnist")
    trained(*[Run(tiny_config(data=drawn.name), seed) for seed in range(6)], data=drawn)
    code, _, err = shell(tiny_config(data="fashion-mnist").hash, tiny_config(data=drawn.name).hash)
    assert code == 0
    assert "B was trained on sketches-garments, a stand-in that says nothing of fashion-mnist." in err
    assert "A and B are on different data (fashion-mnist, sketches-garments)" in err


def test_runs_that_diverged_are_an_outcome(shell, both):
    trained(*[Run(tiny_config(100.0), seed) for seed in range(7)])
    monkey = tiny_config(100.0).hash
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shoal.data.load", lambda name, path=None, insist=False: dots())
        answer = json.loads(shell(monkey, A, "--metric", "diverged", "--json")[1])
        assert "∞" in shell(monkey, A, "--metric", "loss")[1]
    assert (answer["estimate"], answer["verdict"]) == (1.0, "A is above B")


def test_unfinished_runs_are_left_out_by_name(shell):
    trained(*tiny_study(seeds=range(6)).runs())
    trained(Run(tiny_config(0.1), 6), Run(tiny_config(0.5), 6), stop=5)
    code, out, err = shell(A, B)
    assert (code, "6: 0 to 5" in out) == (0, True)
    assert "Left out, unfinished: seed 6 of " in err


def test_a_prefix_of_a_longer_run_is_a_config_too(shell, both):
    trained(*[Run(tiny_config(0.1, epochs=9), seed) for seed in range(7)])
    answer = json.loads(shell(tiny_config(0.1, epochs=2).hash, tiny_config(0.1, epochs=9).hash, "--json")[1])
    assert answer["n"] == 7


def refused(shell, *line):
    code, out, err = shell(*line)
    assert (code, out) == (UsageError.exit_code, "")
    return err


def test_errors_say_what_to_do(shell, both):
    assert "Use one of: loss, accuracy," in refused(shell, A, B, "--metric", "beauty")
    assert "a margin needs an amount and a unit" in refused(shell, A, B, "--margin", "5")
    assert "is compared by difference" in refused(shell, A, B, "--margin", "2x")
    assert "A and B are the same config" in refused(shell, A, A[:9])
    assert "no run whose hash begins with 'zz'" in refused(shell, A, "zz")
    assert "begins the hashes of 2 configs" in refused(shell, "", A)


def test_seeds_that_are_not_shared_are_told(shell):
    trained(*[Run(tiny_config(0.1), seed) for seed in (0, 1)], *[Run(tiny_config(0.5), seed) for seed in (2, 3)])
    err = refused(shell, A, B)
    assert "A and B share no seed that has ended: A has 0 to 1, B has 2 to 3. Train both on the same seeds." in err


def test_two_engines_are_not_compared(shell):
    trained(Run(tiny_config(0.1), 0))
    trained(Run(tiny_config(0.5), 0), engine="reference-float64")
    err = refused(shell, A, B)
    assert "A was trained by native; B was trained by reference-float64; only runs of one engine are compared" in err
