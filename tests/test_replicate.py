# SPDX-License-Identifier: Apache-2.0
"""`make replicate`: its checks hold for what is right and fail for what is wrong; its page says what its JSON holds."""

import json
import platform
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shoal.data import sketches
from shoal.engines.native import NativeEngine
from shoal.models import softmax_regression
from shoal.study import Run

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))
import laws  # noqa: E402
import replicate  # noqa: E402

PUBLISHED = json.loads((ROOT / "docs" / "replication.json").read_text())
TINY = laws.Size(3, ((softmax_regression(), 0.1, 2, 3),), 2, 1, 100)
EARLY, LATE, _ = replicate.PUBLISHED


@pytest.fixture(scope="module")
def garments():
    return sketches.garments(train=500, test=300)


@pytest.fixture(scope="module")
def engine():
    return NativeEngine(threads=2)


# ---- published accuracies -----------------------------------------------------------------------------


def accuracies(mean, sd, n=10):
    """(n,) with exactly that mean and standard deviation."""
    spread = np.linspace(-1, 1, n)
    return mean + sd * spread / spread.std(ddof=1)


def test_the_books_accuracy_weighs_batches_alike():
    right = np.array([True] * 256 + [False] * 4)
    assert replicate.book_accuracy(right) == 0.5
    assert replicate.book_accuracy(right[:256]) == 1.0


@pytest.mark.parametrize(("off", "holds"), [(0.0, True), (0.0021, True), (-0.0021, True), (0.0025, False)])
def test_a_mean_has_to_lie_within_two_standard_errors_of_both_sides(off, holds):
    ours = accuracies(LATE.low + off, 0.002)
    check = replicate.judge_published(LATE, ours, ours)
    assert check.numbers["allowed"] == pytest.approx(2 * np.sqrt(0.003**2 / 11 + 0.002**2 / 10))
    assert check.numbers["allowed_by_the_book_alone"] == pytest.approx(2 * 0.003 / np.sqrt(11))
    assert check.holds is holds
    assert check.numbers["inside_the_book_alone"] == (off == 0)


def test_more_seeds_allow_less_but_never_less_than_the_book_knows():
    few, many = (
        replicate.judge_published(LATE, ours, ours) for ours in (accuracies(0.831, 0.004, n) for n in (5, 5000))
    )
    assert few.numbers["allowed"] > many.numbers["allowed"] > 2 * 0.003 / np.sqrt(11)


def test_of_two_published_means_the_nearer_counts():
    row = replicate.PUBLISHED[2]
    between, beyond = (
        replicate.judge_published(row, ours, ours) for ours in (accuracies(m, 0.004) for m in (0.8485, 0.852))
    )
    assert between.numbers["off"] == 0
    assert beyond.numbers["off"] == pytest.approx(0.002)
    assert "outside ±" in replicate.judge_published(row, accuracies(0.86, 0.004), accuracies(0.86, 0.004)).note


def test_a_quick_run_judges_no_published_accuracy():
    ours = accuracies(0.5, 0.004)
    check = replicate.judge_published(EARLY, ours, ours, judged=False)
    assert check.holds is None
    assert check.verdict == "· only shown"


def test_published_configs_are_trained_and_measured_in_both_ways(garments, engine, monkeypatch):
    monkeypatch.setattr(replicate, "PUBLISHED", (EARLY._replace(epochs=1), LATE._replace(epochs=2)))
    first, second = replicate.published_checks(engine, garments, TINY)
    runs = [Run(laws.asked(garments, laws.SOFTMAX, 0.1, 2), seed) for seed in range(3)]
    for check, epoch in ((first, 1), (second, 2)):
        stored = [records[epoch].validation_accuracy for records in laws.train(engine, runs, garments).values()]
        assert check.numbers["mean_over_images"] == pytest.approx(np.mean(stored))
        assert check.numbers["mean"] != check.numbers["mean_over_images"]


# ---- the prefix law -----------------------------------------------------------------------------------


def test_a_short_run_is_the_beginning_of_a_long_one(garments, engine):
    (check,) = laws.prefix_checks(engine, garments, TINY)
    assert check.holds
    assert check.found == "4 step losses and 7,850 weights after each epoch are equal"


@pytest.fixture(scope="module")
def pair(garments, engine):
    """The records of a run of two epochs, and of three."""
    runs = [Run(laws.asked(garments, laws.SOFTMAX, 0.1, epochs), 0) for epochs in (2, 3)]
    return [laws.train(engine, [run], garments)[run] for run in runs]


def last_bit(values):
    return np.nextafter(values, np.float32(9))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda r: {"validation_loss": float(np.nextafter(r.validation_loss, 9))}, "validation_loss"),
        (lambda r: {"step_losses": last_bit(r.step_losses)}, "step losses"),
        (lambda r: {"tensors": {**r.tensors, "1.bias": last_bit(r.tensors["1.bias"])}}, "1.bias"),
        (lambda r: {"tensors": {**r.tensors, "momentum/1.bias": r.tensors["1.bias"]}}, "momentum/1.bias"),
        (lambda r: {"diverged_at": 3}, "diverged_at"),
    ],
)
def test_one_bit_breaks_the_prefix_law(pair, change, named):
    short, long = pair
    broken = [*short[:2], replace(short[2], **change(short[2]))]
    check = laws.judge_prefix(broken, long)
    assert not check.holds
    assert check.found == f"epoch 2 differs in {named}"


def test_a_run_that_ended_early_breaks_the_prefix_law(pair):
    check = laws.judge_prefix(pair[0][:2], pair[1])
    assert not check.holds
    assert check.found == "1 record missing"


# ---- the lr-rescaling law -----------------------------------------------------------------------------

TIME = np.linspace(0, 1, 6)


def flow(lr, error=0.5):
    """(2, points): two seeds of a loss that follows the flow but for ``error`` · lr."""
    return np.exp(-TIME) * (1 + error * lr * TIME) * np.ones((2, 1))


def test_curves_that_differ_by_less_than_the_rate_agree():
    assert laws.judge_same_curve(0.01, 10, flow(0.01), flow(0.001)).holds
    assert not laws.judge_same_curve(0.01, 10, flow(0.01, error=2), flow(0.001, error=2)).holds


@pytest.mark.parametrize(
    "broken",
    [np.exp(-1.05 * TIME), np.exp(-TIME) + 0.02, np.where(TIME > 0.5, np.nan, np.exp(-TIME))],
    ids=["faster by a twentieth", "shifted", "diverged"],
)
def test_curves_that_follow_another_flow_do_not_agree(broken):
    assert not laws.judge_same_curve(0.01, 10, broken[None], flow(0.001)[:1]).holds


def test_curves_that_do_not_fall_prove_nothing():
    flat = np.ones((2, 6))
    assert not laws.judge_same_curve(0.01, 10, flat, flat).holds


@pytest.mark.parametrize(
    ("left", "holds"),
    [(lambda lr: lr, True), (lambda lr: lr + lr**2, True), (np.sqrt, False), (np.square, False), (lambda lr: 1, False)],
    ids=["lr", "lr and a little", "the root of lr", "the square of lr", "nothing changes"],
)
def test_halving_the_rate_has_to_halve_what_is_left(left, holds):
    curves = [np.exp(-TIME) + left(lr) * TIME for lr in (0.08, 0.04, 0.02, 0.01)]
    assert laws.judge_halving(0.08, curves).holds is holds


FULLER = TINY._replace(images=400)


@pytest.fixture(scope="module")
def more_garments():
    return sketches.garments(train=4000, test=300)


def test_real_training_keeps_the_rescaling_law(more_garments, engine):
    assert all(check.holds for check in laws.rescaling_checks(engine, more_garments, FULLER))


def test_momentum_breaks_the_rescaling_law(more_garments, engine, monkeypatch):
    """At lr 0.01 alone, which is also an eighth of the largest rate with full batches: it goes on faster there."""
    honest = laws.asked

    def asked(data, model, lr, *rest):
        config = honest(data, model, lr, *rest)
        return config.replace(optimizer=config.optimizer.replace(momentum=0.5)) if lr == 0.01 else config

    monkeypatch.setattr(laws, "asked", asked)
    assert [check.holds for check in laws.rescaling_checks(engine, more_garments, FULLER)] == [False, True, False]


# ---- the critical learning rate -----------------------------------------------------------------------


def test_the_threshold_is_found_between_the_ends():
    assert laws.threshold(lambda lr: lr > 0.2, 0.01, 1) == pytest.approx(0.2, rel=1e-3)
    assert laws.threshold(lambda lr: True, 0.01, 1) == pytest.approx(0.01, rel=2e-3)
    assert laws.threshold(lambda lr: False, 0.01, 1) == pytest.approx(1, rel=2e-3)


@pytest.mark.parametrize("sharpest", [4.0, 12.5])
def test_a_nudge_on_a_parabola_grows_beyond_two_over_its_curvature(sharpest):
    curvatures = np.append(np.linspace(0, 0.95 * sharpest, 200), sharpest)
    start = np.ones(201)

    def gradient(weights):
        return curvatures * weights  # not zero at the start: its slope has to be taken out

    found = laws.threshold(lambda lr: laws.nudge_grows(gradient, start, lr), *laws.RATES)
    assert found == pytest.approx(2 / sharpest, rel=0.01)


def test_a_wrong_prediction_of_the_critical_rate_is_found_out():
    assert laws.judge_critical("around", [0.16, 0.15], [0.161, 0.149], 0.02, "").holds
    assert not laws.judge_critical("around", [0.16, 0.15], [0.161, 0.154], 0.02, "").holds
    assert not laws.judge_critical("around", [np.inf], [1.0], 0.02, "").holds


def test_the_curvature_predicts_where_a_nudge_grows(garments, engine, monkeypatch):
    around, _ = laws.critical_checks(engine, garments, TINY)
    assert around.holds
    honest = laws.curvature
    monkeypatch.setattr(laws, "curvature", lambda *given: {"critical_lr": 1.05 * honest(*given)["critical_lr"]})
    assert not next(laws.critical_checks(engine, garments, TINY)).holds


# ---- telling ------------------------------------------------------------------------------------------


def imagined_law(holds):
    return lambda engine, data, size: iter([laws.Check("a law", "a thing", "this", "that", holds)])


@pytest.mark.parametrize(("outcomes", "code"), [((True, None), 0), ((True, False), 1)])
def test_it_ends_with_1_if_a_check_fails(outcomes, code, garments, monkeypatch, capsys):
    monkeypatch.setattr(replicate, "LAWS", [imagined_law(holds) for holds in outcomes])
    monkeypatch.setattr(replicate, "load", lambda name, path, insist: garments)
    assert replicate.main(["--quick"]) == code
    said = capsys.readouterr().out
    assert "✓ holds       a thing" in said
    assert ("1 of 1 checks hold; 1 only shown." in said) == (code == 0)
    assert ("1 of 2 checks hold. Fails: a thing (a law)." in said) == (code == 1)


@pytest.mark.parametrize("given", [["--quick", "--page"], ["--seeds", "1"], ["--quick", "--seeds", "3"], ["--sloppy"]])
def test_what_makes_no_sense_ends_with_2(given, capsys):
    with pytest.raises(SystemExit) as ended:
        replicate.main(given)
    assert ended.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_it_asks_for_the_real_data(monkeypatch, capsys):
    def missing(name, path, insist):
        assert insist
        raise replicate.ShoalError("not there")

    monkeypatch.setattr(replicate, "load", missing)
    assert replicate.main([]) != 0
    assert capsys.readouterr().err == "replicate: not there\n"


def test_a_page_is_written_with_its_json(garments, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(replicate, "LAWS", [imagined_law(False)])
    monkeypatch.setattr(replicate, "load", lambda name, path, insist: garments)
    monkeypatch.setattr(replicate, "DOCS", tmp_path)
    (tmp_path / "replication.md").write_text((ROOT / "docs" / "replication.md").read_text())
    assert replicate.main(["--page"]) == 1
    written = json.loads((tmp_path / "replication.json").read_text())
    assert written["checks"][0]["holds"] is False
    assert written["machine"]["system"] == f"{platform.system()} {platform.machine()}", "not the build of its kernel"
    assert "| ✗ fails | a thing | this | that | – |" in (tmp_path / "replication.md").read_text()


def test_the_page_shows_what_was_published():
    page = (ROOT / "docs" / "replication.md").read_text()
    assert replicate.within(page, replicate.table(PUBLISHED)) == page
    assert PUBLISHED["machine"]["system"].split()[1:] == [PUBLISHED["machine"]["architecture"]]
    assert {check["law"] for check in PUBLISHED["checks"]} == {
        "published accuracies",
        "prefix law",
        "lr-rescaling law",
        "critical learning rate",
    }
    assert all(check["numbers"]["n"] >= 10 for check in PUBLISHED["checks"] if check["law"] == "published accuracies")
