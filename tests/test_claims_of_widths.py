# SPDX-License-Identifier: Apache-2.0
"""What runs decide of claims 9 to 12: each is supported by imagined runs that have it and refuted by runs that have it
not, and the measures made for them give what their names say."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from imagined import Imagined, curves
from shoal import rulings
from shoal.analysis.verdicts import Verdict, judge
from shoal.models import normal, softmax_regression
from shoal.optimizers import SGD
from shoal.studies import find
from shoal.studies.hidden_units import claims as width_claims
from shoal.studies.softmax_stability import training
from shoal.studies.vanishing_gradients import gradient_flow
from shoal.study import Config

TEN = tuple(range(10))
Shape = Callable[..., dict[str, Any]]


@dataclass
class Told(Imagined):
    """Imagined results whose gradients and dead units are told, not computed."""

    fading: Callable[..., float] = lambda **values: 1.0
    """The last layer's gradient norm over the first's, by grid values."""
    dead: float = 0.0

    def probe(self, key: str, compute: Callable[[], Any]) -> Any:
        if "layer-gradients" not in key:
            return super().probe(key, compute)
        _, _, hash, seed, _ = key.split("/")
        assert self.study is not None
        (point,) = (point for point in self.study.points if point.config.hash == hash)
        return [1 / self.fading(**point.values), 0.3, 1 + int(seed) / 100]

    def dead_units(self, config: Config, seed: int) -> float:
        return self.dead


def verdict(section: str, identity: str, shape: Shape, **told: Any) -> Verdict:
    """On one claim, as if it were the only one, by ten seeds of imagined runs."""
    study = find(section).study
    assert study is not None
    (claim,) = (claim for claim in study.claims if claim.id == identity)
    results = Told(study, lambda **values: {"seeds": TEN, **shape(**values)}, **told)
    (found,) = judge([claim], results, asked=10)  # type: ignore[list-item]
    return found


def only(shape: dict[str, Any], **where: Any) -> Shape:
    """Runs of that shape at some grid values, and at others ordinary ones."""
    return lambda **values: shape if where.items() <= values.items() else {}


LOST = {"diverged": TEN}

CASES: dict[str, tuple[str, Shape, Shape]] = {
    "9c": ("1.4", only({}), only(LOST, form="shifted", lr=1.0)),
    "9d": ("1.4", only(LOST, lr=1.0), only(LOST, form="shifted", lr=0.1)),
    "9e": ("1.4", only(LOST, form="shifted"), only(LOST, form="log-sum-exp", lr=1.0)),
    "11a": ("2.2", only({"loss": 0.5}, hidden=256), only({"loss": 2.3}, hidden=256)),
    "11b": ("2.2", only({"accuracy": 0.8}, hidden=256), only({"accuracy": 0.1}, hidden=256)),
    "11c": ("2.2", only({"rebound": 0.5}, hidden=64), only({"rebound": 0.5}, hidden=256)),
    "11d": ("2.2", only({"rebound": 0.5}, hidden=64), only({"rebound": 0.5}, hidden=256)),
    "11e": ("2.2", only(LOST, hidden=64), only(LOST, hidden=256)),
    "11f": ("2.2", only({"accuracy": 0.9}, hidden=256), only({"spread": 0.0005})),
    "12a": ("2.2", only({"accuracy": 0.1, "spread": 0.0005}, hidden=1), only({"accuracy": 0.3}, hidden=1)),
    "12b": ("2.2", lambda **values: {"spread": 0.0005}, only({"accuracy": 0.3}, hidden=1)),
    "12c": ("2.2", only({"loss": 1.5}, hidden=1), lambda **values: {"spread": 0.0005}),
}
"""By claim: its section, runs that have it, runs that have it not."""


@pytest.mark.parametrize("identity", CASES)
def test_verdicts_follow_the_runs(identity: str) -> None:
    section, those_that_have_it, those_that_have_not = CASES[identity]
    assert verdict(section, identity, those_that_have_it).word == "supported"
    assert verdict(section, identity, those_that_have_not).word == "refuted"


def test_five_seeds_decide_nothing() -> None:
    for identity, (section, shape, _) in CASES.items():
        few = verdict(section, identity, lambda shape=shape, **values: {**shape(**values), "seeds": TEN[:5]})
        assert few.word == "too few seeds"


@pytest.mark.parametrize("identity", ["10b", "10c", "10d", "10e", "10f", "10g"])
def test_gradients_vanish_with_sigmoids_only_if_much_more_is_lost_than_with_relus(identity: str) -> None:
    def lost(factor: float) -> Callable[..., float]:
        return lambda activation, depth: factor if activation == "sigmoid" else 2.0

    assert verdict("2.1", identity, only({}), fading=lost(30.0)).word == "supported"
    assert verdict("2.1", identity, only({}), fading=lost(15.0)).word == "refuted"
    assert verdict("2.1", identity, only({}), fading=lost(0.1)).how == "opposite"


def test_a_claim_of_gradients_looks_at_its_own_depth() -> None:
    fading = lambda activation, depth: 100.0 if (activation, depth) == ("sigmoid", 3) else 1.0  # noqa: E731
    assert verdict("2.1", "10d", only({}), fading=fading).word == "supported"
    assert verdict("2.1", "10b", only({}), fading=fading).word == "refuted"


def test_one_unit_is_dead_where_no_image_switches_it_on() -> None:
    assert verdict("2.2", "12d", only({}), dead=1.0).word == "supported"
    assert verdict("2.2", "12d", only({}), dead=0.0).word == "refuted"
    assert verdict("2.2", "12d", only(LOST, hidden=1), dead=1.0).word == "refuted"  # it diverged and did not die


def test_of_a_run_that_diverged_no_gradient_is_left() -> None:
    study = find("2.1").study
    assert study is not None
    results = Told(study, lambda **values: {"seeds": TEN[:3], "diverged": (1,)}, fading=lambda **values: 4.0)
    group = results.curves(activation="relu", depth=2)
    np.testing.assert_allclose(gradient_flow.fading("start").values(group, results), [4, 4.04, 4.08])
    np.testing.assert_allclose(gradient_flow.fading("end").values(group, results), [4, np.inf, 4.08])


def test_a_gradient_that_vanished_wholly_has_faded_without_end() -> None:
    study = find("2.1").study
    assert study is not None
    results = Told(study, lambda **values: {"seeds": (0,)}, fading=lambda **values: np.inf)
    group = results.curves(activation="sigmoid", depth=2)
    assert gradient_flow.fading("start").values(group, results).tolist() == [np.inf]


def test_measures_of_steadiness_are_of_the_epochs_after_the_first() -> None:
    group = curves(Config(data="mnist", model=softmax_regression(), optimizer=SGD(lr=1), epochs=4), spread=0)
    loss, accuracy = np.array([[2.0, 1.0, 0.6, 0.8, 0.4]]), np.array([[0.1, 0.5, 0.6, 0.7, 0.65]])
    one = replace(
        group, seeds=(0,), validation_loss=loss, validation_accuracy=accuracy, train_loss=loss[:, [0, 1, 2, 4, 4]]
    )
    assert width_claims.LATE_LOSS.values(one).tolist() == [0.4]
    assert width_claims.LATE_RISE.values(one) == pytest.approx([0.15])
    assert width_claims.GAIN.values(one) == pytest.approx([0.55])
    rose = {claim.id: claim.measure for claim in width_claims.CLAIMS}
    assert rose["11c"].values(one).tolist() == [1]
    assert rose["11e"].values(one).tolist() == [0]


# ---- the runs and the words ---------------------------------------------------------------------------


def test_softmax_is_trained_in_three_forms_at_three_rates() -> None:
    study = find("1.4").study
    assert study is not None
    asked = [(c.loss.form, c.optimizer.lr, c.epochs, c.init) for c in (point.config for point in study.points)]
    forms, rates = ("naive", "shifted", "log-sum-exp"), (0.1, 1.0, 10.0)
    assert asked == [(form, lr, 5, normal(0.01)) for form in forms for lr in rates]


def test_what_log_sum_exp_shares_with_the_learning_rates_is_their_beginning() -> None:
    rates, forms = find("1.2").study, find("1.4").study
    assert rates is not None
    assert forms is not None
    shared = {p.config.trajectory for p in rates.points} & {p.config.trajectory for p in forms.points}
    assert len(shared) == 2


def trained(naive: Sequence[int], shifted: Sequence[int]) -> dict[tuple[str, float], Any]:
    lost = {"naive": naive, "shifted": shifted, "log-sum-exp": ()}
    return {
        (form, 1.0): curves(training.config(form, 1.0), label=form, diverged=lost[form], seeds=TEN[:4])
        for form in training.FORMS
    }


def test_runs_that_shifting_saves_are_counted() -> None:
    assert training.saved(trained((0, 1, 2), (0, 1, 2))) == (
        "At lr 1, of the 3 runs that the naive form loses, none trains on with the shifted form and 3 train on with "
        "the log-sum-exp form."
    )
    alike = {(form, lr): one for (form, _), one in trained((0, 1), (0, 1)).items() for lr in (1.0, 10.0)}
    assert training.saved(alike).startswith("At lr 1 and lr 10 alike, of the 2 runs that the naive form loses, none ")
    assert training.saved(alike).count("At ") == 1
    assert "1 trains on with the shifted form" in training.saved(trained((0, 1, 2), (0, 1, 3)))
    assert training.saved(trained((), (1,))) == "No rate here is high enough for the naive form to lose a run."


def test_runs_that_both_forms_lose_at_once_are_counted() -> None:
    assert training.together(trained((0, 1, 2), (1, 2, 3))) == (
        "Of 2 runs lost with and without the shift, 2 end at the very same step."
    )
    later = trained((0, 1, 2), (1, 2, 3))
    later["shifted", 1.0] = replace(later["shifted", 1.0], diverged_at=(None, 7, 8, 8))
    assert "the shift, 1 ends at" in training.together(later)
    assert training.together(trained((0,), (1,))) == ""


def test_the_table_tells_when_runs_are_lost() -> None:
    results = Imagined(training.STUDY)
    table = training.fates(trained(TEN[:4], (1,)), results)
    ((rate, naive, shifted, lse),) = table.rows
    assert rate == "lr 1"
    assert naive == "4 of 4 lost, after 7 steps"
    assert shifted.endswith("; 1 of 4 lost, after 7 steps")
    assert "lost" not in lse
    assert [row["diverged"] for row in table.records] == [4, 1, 0]


@pytest.mark.parametrize("section", ["1.4", "2.1", "2.2", "2.3"])
def test_the_original_is_quoted_briefly_and_what_is_tested_is_a_sentence(section: str) -> None:
    for claim in find(section).sentences:
        assert len(claim.says) <= 80
        assert claim.tested[0].isupper()
        assert claim.tested.endswith(".")


def test_primary_claims_are_few() -> None:
    for section in ("1.4", "2.1", "2.2", "2.3"):
        assert sum(getattr(claim, "primary", False) for claim in find(section).sentences) <= 6


def test_a_statement_that_half_holds_is_called_so() -> None:
    section = find("1.4")
    assert section.study is not None
    shape = only(LOST, form="shifted", lr=1.0)
    results = Told(section.study, lambda **values: {"seeds": TEN, **shape(**values)})
    words = {each.id: each.word for each in rulings.statements(judge(section.sentences, results))}
    assert words == {"7": "supported", "8": "supported", "9": "partly"}
