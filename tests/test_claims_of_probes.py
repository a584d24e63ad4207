# SPDX-License-Identifier: Apache-2.0
"""What arithmetic decides of the original's words, claims 7 to 9, 10a, 13 and 14: the facts as they are, and that each
would be called otherwise if the probes found otherwise."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from imagined import Imagined
from shoal.analysis.claims import Fact, Found
from shoal.analysis.verdicts import judge
from shoal.engines import reference
from shoal.models import mlp
from shoal.optimizers import SGD, Adam
from shoal.probes import gradients, memory, softmax
from shoal.studies import find
from shoal.studies.memory import ledgers
from shoal.studies.section import Section

Rows = list[dict[str, Any]]

POINTS, ERRORS, CURVE = softmax.breaking_points(), softmax.errors(), gradients.sigmoid_curve()


def word(section: Section, identity: str, probes: dict[str, Any]) -> str:
    """The verdict on one fact of a section by what its probes, some of them imagined, find."""
    (fact,) = (claim for claim in section.sentences if claim.id == identity)
    (verdict,) = judge([fact], Imagined(section.study, probes=dict(probes)))
    return verdict.word


def moved(event: str, to: float | None, form: str, formats: Sequence[str] = ("float16", "float32", "float64")) -> Rows:
    """The breaking points with an event of a form elsewhere."""

    def is_it(row: Any) -> bool:
        return row["event"] == event and row["form"] == form and row["format"] in formats

    return [{**row, "at": to} if is_it(row) else dict(row) for row in POINTS]


# ---- softmax ------------------------------------------------------------------------------------------

SOFTMAX = find("1.4")
AS_IT_IS = {"softmax/where-it-breaks": POINTS, "softmax/errors": ERRORS}

OTHERWISE: dict[str, Sequence[Rows]] = {
    "7a": [moved("exp overflows", None, "naive", ["float16"]), moved("exp overflows", 99.0, "naive", ["float32"])],
    "7b": [moved("exp becomes zero", None, "shifted", ["float64"]), moved("exp becomes zero", 99.0, "shifted")],
    "7c": [
        moved("probabilities become NaN", None, "naive", ["float16"]),
        moved("all exponentials are zero", None, "naive", ["float64"]),
    ],
    "8b": [
        moved("probabilities become NaN", 5.0, "shifted", ["float16"]),
        moved("the sum of ten overflows", 5.0, "shifted", ["float32"]),
        moved("all exponentials are zero", 5.0, "shifted", ["float64"]),
    ],
    "9a": [moved("exp becomes zero", 3.0, "shifted", ["float16"])],
}


@pytest.mark.parametrize("identity", ["7a", "7b", "7c", "8a", "8b", "9a"])
def test_most_of_what_is_said_of_softmax_is_so(identity: str) -> None:
    assert word(SOFTMAX, identity, AS_IT_IS) == "supported"


@pytest.mark.parametrize(("identity", "points"), [(id, rows) for id, each in OTHERWISE.items() for rows in each])
def test_it_would_be_refuted_if_softmax_broke_elsewhere(identity: str, points: Rows) -> None:
    assert word(SOFTMAX, identity, {**AS_IT_IS, "softmax/where-it-breaks": points}) == "refuted"


@pytest.mark.parametrize("error", [None, 0.01])
def test_a_probability_that_is_off_refutes_that_shifting_changes_nothing(error: float | None) -> None:
    off = [{**row, "probability_error": error} if row["form"] == "shifted" else dict(row) for row in ERRORS]
    assert word(SOFTMAX, "8a", {**AS_IT_IS, "softmax/errors": off}) == "refuted"
    naive = [{**row, "probability_error": error} if row["form"] == "naive" else dict(row) for row in ERRORS]
    assert word(SOFTMAX, "8a", {**AS_IT_IS, "softmax/errors": naive}) == "supported"


def test_it_is_stable_enough_only_if_neither_loss_nor_gradient_ever_break() -> None:
    assert word(SOFTMAX, "9b", AS_IT_IS) == "refuted"
    loss, gradient = "the loss is infinite or NaN", "the gradient is infinite or NaN"
    for event in (loss, gradient):
        assert word(SOFTMAX, "9b", {"softmax/where-it-breaks": moved(event, None, "shifted")}) == "refuted"
    never = [{**row, "at": None} if row["event"] in (loss, gradient) else dict(row) for row in POINTS]
    assert word(SOFTMAX, "9b", {"softmax/where-it-breaks": never}) == "supported"


def test_the_number_that_decides_is_where_the_gradient_breaks() -> None:
    (fact,) = (claim for claim in SOFTMAX.sentences if claim.id == "9b")
    (verdict,) = judge([fact], Imagined(SOFTMAX.study, probes=dict(AS_IT_IS)))
    assert verdict.found is not None
    assert verdict.found.value == pytest.approx(88.722, abs=1e-3)


# ---- the sigmoid --------------------------------------------------------------------------------------


def test_the_sigmoid_is_nowhere_steeper_than_a_quarter() -> None:
    assert word(find("2.1"), "10a", {"sigmoid": CURVE}) == "supported"
    steep = [{**point, "derivative": 1.02 * point["derivative"]} for point in CURVE]
    assert word(find("2.1"), "10a", {"sigmoid": steep}) == "refuted"


# ---- memory -------------------------------------------------------------------------------------------

MEMORY = find("2.3")


def counted(
    factor: Callable[[str, int, str], float], measured: float | None = None, state: float = 2
) -> dict[str, Any]:
    """Imagined rows: what training takes over prediction, in each case; the peak's ratio is another if given."""
    rows = []
    for model in ledgers.MODELS:
        for batch in ledgers.BATCHES:
            for use in ledgers.USES:
                times = 1 if use == ledgers.PREDICTION else factor(model, batch, use)
                peak = times if measured is None or use == ledgers.PREDICTION else measured
                kept = {"parameters": 10, "optimizer_state": 10 * state if use == "Adam" else 0}
                rows.append({"model": model, "batch": batch, "use": use, "total": times, "peak": peak, **kept})
    return {"memory": rows}


@pytest.mark.parametrize(("identity", "model"), [("13a", "softmax regression"), ("13b", "MLP-256"), ("13c", "LeNet")])
def test_training_takes_several_times_as_much_if_ledger_and_measurement_say_so(identity: str, model: str) -> None:
    own = counted(lambda of, batch, use: 2.1 if (of, batch, use) == (model, 256, "SGD") else 1.5)
    assert word(MEMORY, identity, own) == "supported"
    assert word(MEMORY, identity, counted(lambda *case: 2.0)) == "refuted"
    assert word(MEMORY, identity, counted(lambda *case: 3.0, measured=1.9)) == "refuted"


def test_one_case_is_enough_to_say_that_it_can_and_half_of_them_that_it_mostly_does() -> None:
    one = counted(lambda *case: 2.1 if case == ("LeNet", 32, "Adam") else 2.0)
    assert (word(MEMORY, "13d", one), word(MEMORY, "13e", one)) == ("supported", "refuted")
    none = counted(lambda *case: 2.0)
    assert (word(MEMORY, "13d", none), word(MEMORY, "13e", none)) == ("refuted", "refuted")
    most = counted(lambda model, batch, use: 2.1 if use != "SGD" else 1.5)
    assert (word(MEMORY, "13d", most), word(MEMORY, "13e", most)) == ("supported", "supported")


def test_deeper_networks_take_more_only_if_every_layer_adds_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert word(MEMORY, "13f", {}) == "supported"
    real = memory.ledger

    def without_activations(*given: Any) -> Any:
        found = real(*given)
        return {**found, "total": found["parameters"] + found["gradients"]}

    monkeypatch.setattr(memory, "ledger", without_activations)
    assert word(MEMORY, "13f", {}) == "refuted"


def test_bigger_batches_take_more_only_if_they_do_for_every_model() -> None:
    assert word(MEMORY, "13g", counted(lambda model, batch, use: 1 + batch)) == "supported"
    assert word(MEMORY, "13g", counted(lambda model, batch, use: 1 + batch if model != "LeNet" else 2)) == "refuted"
    assert word(MEMORY, "13g", counted(lambda model, batch, use: 3 - batch / 1024)) == "refuted"


def test_adam_keeps_as_much_as_two_copies_and_no_copies() -> None:
    assert word(MEMORY, "14a", counted(lambda *case: 2, state=2)) == "supported"
    assert word(MEMORY, "14a", counted(lambda *case: 2, state=1)) == "refuted"
    assert word(MEMORY, "14b", {"memory/copied-by-adam": 1.0}) == "supported"
    assert word(MEMORY, "14b", {"memory/copied-by-adam": 0.9}) == "refuted"


def test_what_an_optimizer_keeps_is_compared_with_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    model = mlp(4, input_shape=(1, 6, 6))
    assert memory.copied(model, Adam()) < 0.05
    assert memory.copied(model, SGD(lr=0.1)) == 0

    def copies(optimizer: Any, tensors: dict[str, np.ndarray], *_: Any) -> dict[str, np.ndarray]:
        return {name: tensors[name.removeprefix("mean/").removeprefix("square/")] for name in tensors}

    assert [*Adam().state] == ["mean", "square"]
    monkeypatch.setattr(reference, "update", copies)
    assert memory.copied(model, Adam()) == 1


# ---- what is said with the number that decides --------------------------------------------------------


def found(section: Section, identity: str, probes: dict[str, Any]) -> Found:
    (fact,) = (claim for claim in section.sentences if claim.id == identity)
    (verdict,) = judge([fact], Imagined(section.study, probes=dict(probes)))
    assert verdict.found is not None
    return verdict.found


def test_every_number_that_decides_says_what_it_is_of() -> None:
    probes = {**AS_IT_IS, "sigmoid": CURVE, **counted(lambda *case: 2.1)}
    for section in (SOFTMAX, find("2.1"), MEMORY):
        for fact in section.sentences:
            if isinstance(fact, Fact):
                assert 10 < len(found(section, fact.id, probes).measure) < 90, fact.id


def test_ledger_and_peak_are_told_beside_the_lower_of_the_two() -> None:
    apart = counted(lambda *case: 1.5, measured=3.21)
    assert found(MEMORY, "13b", apart).beside == "1.50× by the ledger, 3.21× at the measured peak"
    assert found(MEMORY, "13b", apart).value == 1.5
    assert found(MEMORY, "13d", apart).beside.endswith("SGD: 1.50× by the ledger, 3.21× at the measured peak")
    assert found(MEMORY, "13e", apart).beside == "0 of 45; by the peak alone 45"
    assert found(MEMORY, "13e", counted(lambda *case: 3.21, measured=1.5)).beside == "0 of 45; by the peak alone 0"


def test_all_formats_are_told_beside_the_one_that_decides() -> None:
    assert found(SOFTMAX, "7a", AS_IT_IS).beside == "11.09 in float16 and 709.8 in float64"
    assert found(SOFTMAX, "9b", AS_IT_IS).beside == "the loss at 104.0 and the gradient at 88.72"
    assert found(SOFTMAX, "7c", AS_IT_IS).unit == "of 3 formats"
