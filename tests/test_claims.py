# SPDX-License-Identifier: Apache-2.0
"""Claims refuse what could not be judged, when they are made or when their study is."""

import numpy as np
import pytest

from fakes import tiny_config
from shoal.analysis.claims import Claim, Fact, Found, Untestable, statement
from shoal.analysis.margins import Margin
from shoal.analysis.measures import MEASURES, at, gained_by, late_slope
from shoal.analysis.sides import Chosen, Combined, highest, lowest
from shoal.errors import StudyError
from shoal.study import Grid, Study

SLOW, FAST = {"lr": 0.1}, {"lr": 0.5}


def claim(measure="loss", a=SLOW, b=FAST, direction="above", margin="5%", **more) -> Claim:
    return Claim(
        "1",
        "Slow.",
        tested="At .1 the loss is more than 5% higher.",
        measure=measure,
        a=a,
        b=b,
        direction=direction,
        margin=margin,
        **more,
    )


def study(*claims, epochs=3, holdout=4) -> Study:
    def config(lr):
        return tiny_config(lr, epochs).replace(holdout=holdout)

    return Study("rates", config, Grid(lr=[0.1, 0.5]), claims=claims)


# ---- margins ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "measure", "added"),
    [
        ("5%", "loss", 1.05),
        ("10x", "loss", 10),
        ("1.25 times", "loss", 1.25),
        ("0.5 points", "accuracy", 0.005),
        ("5%", "rebound", 0.05),
        ("1 point", "gap", 0.01),
    ],
)
def test_a_margin_is_read_in_the_measures_unit(text, measure, added):
    assert Margin.read(text).of(MEASURES[measure]) == pytest.approx(added)


def test_a_margin_may_have_the_unit_of_a_measure_of_its_own():
    assert Margin.read("0.01 per epoch").of(late_slope(2)) == 0.01


@pytest.mark.parametrize("text", ["0.005", 0.005, "5", "", "points", "-5%"])
def test_a_margin_without_unit_or_amount_is_refused(text):
    with pytest.raises(StudyError, match=r"claim 1: margin=.*needs an amount and a unit"):
        claim(margin=text)


@pytest.mark.parametrize(("measure", "margin"), [("loss", "0.5 points"), ("loss", "0.5x"), ("accuracy", "2x")])
def test_a_margin_in_another_unit_than_the_measures_is_refused(measure, margin):
    with pytest.raises(StudyError, match=r'claim 1: margin ".*": final validation .* is compared by'):
        claim(measure, margin=margin)


def test_a_margin_says_its_unit():
    assert [str(Margin.read(text)) for text in ("5%", "10x", "0.5 points")] == ["5%", "10×", "0.5 points"]


# ---- words --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "worded"),
    [
        ({}, "The final validation loss for lr 0.1 is more than 5% above that for lr 0.5."),
        ({"measure": "accuracy", "b": 0.97, "margin": None}, "The final validation accuracy for lr 0.1 is above 0.97."),
        (
            {"direction": "within", "called": ("the slow one", "the fast one")},
            "The final validation loss for the slow one is within 5% of that for the fast one.",
        ),
        (
            {"a": Chosen((SLOW, FAST), by="accuracy"), "b": (0.5, 0.6), "direction": "within", "margin": None},
            "The final validation loss for the chosen one of lr 0.1 / lr 0.5 is 0.5 to 0.6.",
        ),
    ],
)
def test_the_wording_tested_is_made_of_the_claim_if_nobody_words_it(made, worded):
    given = {"measure": "loss", "a": SLOW, "b": FAST, "direction": "above", "margin": "5%"} | made
    assert Claim("1", "Slow.", **given).tested == worded


# ---- regions ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "region"),
    [
        (claim(), (1.05, float("inf"))),
        (claim(direction="below"), (0, 1 / 1.05)),
        (claim(direction="within"), (1 / 1.05, 1.05)),
        (claim("accuracy", margin="0.5 points"), (0.005, float("inf"))),
        (claim("accuracy", margin="0.5 points", direction="below"), (-float("inf"), -0.005)),
        (claim("accuracy", b=0.97, margin=None), (0.97, float("inf"))),
        (claim("accuracy", b=0.9, margin="1 point", direction="within"), (0.89, 0.91)),
        (claim("accuracy", b=(0.7, 0.74), margin=None, direction="within"), (0.7, 0.74)),
        (claim("loss", b=0.5, margin=None, direction="below"), (-float("inf"), 0.5)),
        (claim("loss", b=5.0, margin="10x"), (10, float("inf"))),
    ],
)
def test_a_claim_leaves_a_region_for_the_truth(made, region):
    assert made.region == pytest.approx(region)


# ---- refused ------------------------------------------------------------------------------------------


def test_an_unknown_measure_is_refused_with_those_there_are():
    with pytest.raises(StudyError, match=r"claim 1: there is no measure 'lustre'\. Use one of: loss, accuracy"):
        claim("lustre")


def test_two_configs_need_a_margin():
    with pytest.raises(StudyError, match=r"claim 1: by how much\? Say margin="):
        claim(margin=None)


@pytest.mark.parametrize("more", [{"direction": "above"}, {"margin": "5%"}, {"b": (0.7, 0.6)}])
def test_a_range_is_within_without_a_margin_and_in_order(more):
    with pytest.raises(StudyError, match=r"claim 1: b=\(.*a range, low before high, goes with"):
        claim(**{"b": (0.6, 0.7), "direction": "within", "margin": None} | more)


@pytest.mark.parametrize("b", [(0.6,), (0.6, 0.7, 0.8), ("a", "b"), (0.6, float("inf")), (float("nan"), 1.0)])
def test_a_range_has_two_finite_ends(b):
    with pytest.raises(StudyError, match=r"claim 1: b=\(.*a range, low before high, goes with"):
        claim(b=b, direction="within", margin=None)


@pytest.mark.parametrize("b", [0, -1.0])
def test_a_ratio_is_of_something_above_nothing(b):
    with pytest.raises(StudyError, match=r"claim 1: b=.* final validation loss is compared by ratio.*above 0"):
        claim(b=b)
    assert claim("gap", b=b, margin="1 point").constant == b


@pytest.mark.parametrize("b", [float("nan"), float("inf")])
def test_a_constant_is_finite(b):
    with pytest.raises(StudyError, match=r"claim 1: b=(nan|inf).*a finite number"):
        claim("accuracy", b=b, margin=None)


@pytest.mark.parametrize("more", [{"a": 0.1}, {"a": "lr"}, {"b": "lr"}, {"b": None}, {"a": [SLOW, FAST]}])
def test_a_side_is_named_by_grid_values(more):
    with pytest.raises(StudyError, match=r"claim 1: [ab]=.*: name a config by its grid values"):
        claim(**more)


@pytest.mark.parametrize("of", [(), (SLOW, 0.5)])
def test_so_are_the_parts_of_one(of):
    with pytest.raises(StudyError, match=r"Combined\(of=.*: name configs by their grid values"):
        Combined(of, np.mean, "x")


@pytest.mark.parametrize("amount", [float("nan"), float("inf"), -1.0])
def test_a_margin_is_a_finite_amount(amount):
    with pytest.raises(StudyError, match=r"Margin\(.*: the amount must be 0 or more, and finite"):
        Margin(amount, "x")


def test_a_direction_is_one_of_three():
    with pytest.raises(StudyError, match=r"claim 1: direction='better'\. Use above, below or within"):
        claim(direction="better")


@pytest.mark.parametrize("id", ["", " 1", "1 a", "a/b"])
def test_an_id_is_a_number_or_a_short_name(id):
    with pytest.raises(StudyError, match="a claim's id is"):
        Untestable(id, "Good.", "What is good?")


def test_a_claim_says_something():
    with pytest.raises(StudyError, match="claim 5: it needs the words said"):
        Untestable("5", "Good.", " ")


def test_a_study_refuses_a_claim_on_a_config_that_it_lacks():
    with pytest.raises(StudyError, match=r"rates: claim 1 names \{'lr': 9\}, which the study lacks.*lr 0\.1; lr 0\.5"):
        study(claim(b={"lr": 9}))


@pytest.mark.parametrize("wrap", [lambda v: Chosen((SLOW, v), by="accuracy"), lambda v: lowest(SLOW, v, label="x")])
def test_also_one_that_is_named_among_others(wrap):
    with pytest.raises(StudyError, match=r"claim 1 names \{'lr': 9\}"):
        study(claim(b=wrap({"lr": 9})))
    assert study(claim(b=wrap(FAST))).claims


@pytest.mark.parametrize("measure", [gained_by(5, "validation_accuracy"), late_slope(5), at(4, "validation_accuracy")])
def test_a_study_refuses_a_measure_that_its_runs_are_too_short_for(measure):
    asking = claim(measure, b=0.5, margin=None)
    with pytest.raises(StudyError, match=r"rates: claim 1 asks for the .* which needs [456] epochs; lr 0\.1 has 3"):
        study(asking)
    assert study(asking, epochs=6).claims


# ---- choices ------------------------------------------------------------------------------------------


def chosen(by="accuracy", **more) -> Claim:
    return claim(**{"measure": "test-accuracy", "a": Chosen((SLOW, FAST), by=by), "b": 0.8, "margin": None} | more)


def test_a_choice_is_by_a_measure_that_there_is():
    with pytest.raises(
        StudyError, match=r"Chosen\(by='speed'\): there is no such measure\. Use one of: loss, accuracy"
    ):
        Chosen((SLOW, FAST), by="speed")


def test_runs_must_be_long_enough_for_the_measure_that_chooses():
    with pytest.raises(StudyError, match=r"claim 1 asks for the slope .* needs 5 epochs; lr 0\.1 has 3"):
        study(chosen(late_slope(5)))
    assert study(chosen(late_slope(5)), epochs=5).claims


@pytest.mark.parametrize("by", ["test-accuracy", "dead-units"])
def test_the_test_split_chooses_nothing(by):
    inside = Combined((Chosen((SLOW, FAST), by=by), SLOW), np.mean, "x")
    for made in (chosen(by), chosen(a=inside)):
        with pytest.raises(StudyError, match=r"rates: claim 1 chooses by the .* read from test images.*\(holdout=\)"):
            study(made)


@pytest.mark.parametrize("by", ["accuracy", "loss", "rebound", at(2), "gap"])
def test_nor_does_validation_where_it_is_the_test_split(by):
    with pytest.raises(StudyError, match=r"rates: claim 1 chooses by the .* lr 0\.1 .* read from test images"):
        study(chosen(by), holdout=0)
    assert study(chosen(by)).claims


@pytest.mark.parametrize("by", ["train-loss", "train-accuracy", "step-noise", "seconds", at(2, "train_loss")])
def test_training_may_choose_without_images_held_out(by):
    assert study(chosen(by), holdout=0).claims


@pytest.mark.parametrize("among", [(), (SLOW, 0.5), SLOW])
def test_a_choice_is_among_configs(among):
    with pytest.raises(StudyError, match=r"Chosen\(among=.*: name configs by their grid values"):
        Chosen(among, by="accuracy")


# ---- what else there is -------------------------------------------------------------------------------


def test_facts_and_untestable_sentences_ask_for_no_runs():
    fact = Fact("7", "exp overflows.", "It does.", lambda results: Found(True, 88.7, 89))
    assert len(study(fact, Untestable("5", "A good balance.", "How good is good?")).claims) == 2


def test_parts_of_a_sentence_share_its_number():
    assert [statement(id) for id in ("16", "16b", "9c", "lr-slow")] == ["16", "16", "9", "lr-slow"]


def test_a_side_made_of_others_is_their_lowest_highest_or_what_one_makes_of_them():
    values = np.array([[1.0, 5.0], [3.0, 4.0]])
    assert lowest(SLOW, FAST, label="").by(values).tolist() == [1, 4]
    assert highest(SLOW, FAST, label="").by(values).tolist() == [3, 5]
    assert claim(a=Combined((SLOW, FAST), np.mean, "x")).points == (SLOW, FAST, FAST)
