# SPDX-License-Identifier: Apache-2.0
"""Sentences follow the numbers: other numbers, other sentences, and none that the numbers do not bear out."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagined import curves
from shoal.analysis.statistics import mean_interval
from shoal.studies import (
    batch_sizes,
    clauses,
    find,
    hidden_units,
    learning_rates,
    lenet_epochs,
    memory,
    mnist,
    relu_max,
    softmax_stability,
    vanishing_gradients,
)
from shoal.studies.clauses import ACCURACY, LOSS
from shoal.studies.learning_rates import curvature
from shoal.studies.memory import ledgers
from shoal.studies.relu_max import corners
from shoal.studies.relu_max.factorial import EFFECTS
from shoal.studies.vanishing_gradients.gradient_flow import MOMENTS

SEEDS = (0, 1, 2)


def of(identity, *, label="a", **shape):
    """Curves of the first config of a section."""
    return curves(find(identity).study.points[0].config, label=label, **shape)


def shifted(given_, metric, by):
    """The same curves with a metric changed by an amount, the same for every seed."""
    return replace(given_, **{metric: getattr(given_, metric) + by})


def told(values):
    return clauses.versus(mean_interval(values), "loss", "at a", "at b")


# ---- differences --------------------------------------------------------------------------------------


def test_a_settled_difference_is_told_with_its_direction_and_interval():
    assert told([0.010, 0.011, 0.012, 0.011]) == "loss is .0110 ± .0013 higher at a than at b"
    assert told([-0.010, -0.011, -0.012, -0.011]) == "loss is .0110 ± .0013 lower at a than at b"


def test_an_unsettled_difference_is_not_claimed():
    said = told([0.01, -0.01, 0.02, 0.0])
    assert said == "loss at a is not clearly different from that at b: the difference is .01 ± .02"
    assert told([0.01, -0.01, 0.02]).endswith("the difference is .007")


def test_one_seed_tells_its_own_difference_without_an_interval():
    assert told([0.25]) == "loss is .250 higher at a than at b"


def test_equal_outcomes_are_the_same():
    assert told([0.0, 0.0]) == "loss is the same at a and at b"


def test_a_run_that_diverged_is_left_out_aloud():
    assert told([0.010, np.nan, 0.011]).endswith(", leaving out 1 seed in which a run diverged")
    assert told([np.nan]) == "loss cannot be compared at a and at b: no seed finished both"


@given(st.lists(st.floats(-1, 1).map(lambda x: round(x, 3)), min_size=2, max_size=12))
def test_a_direction_is_claimed_exactly_where_the_interval_leaves_zero_out(values):
    summary, sentence = mean_interval(values), told(values)
    assert (" higher " in sentence) == (summary.low > 0)
    assert (" lower " in sentence) == (summary.high < 0)
    assert ("not clearly different" in sentence) == (summary.low <= 0 <= summary.high and any(values))


@given(st.lists(st.floats(-1, 1).map(lambda x: round(x, 3)), min_size=1, max_size=12))
def test_swapping_two_configs_swaps_the_sentence(values):
    other = {"higher": "lower", "lower": "higher"}
    words = [other.get(word, word) for word in told([-value for value in values]).split()]
    assert " ".join(words).replace("−", "") == told(values).replace("−", "")


def test_differences_are_between_the_same_seeds():
    a, b = of("1.2", seeds=(0, 1, 2)), of("1.2", seeds=(2, 1), spread=0.01)
    assert clauses.difference(a, b, LOSS).mean == pytest.approx(0)
    assert clauses.difference(a, b, LOSS).n == 2


def test_the_ranking_follows_the_numbers():
    good, bad = of("1.2", label="lr 1"), of("1.2", label="lr 2", loss=0.9)
    assert "ends lowest at lr 1, at .5" in clauses.ranking([good, bad], LOSS, "lowest", "at")
    assert "next comes lr 2, .40" in clauses.ranking([good, bad], LOSS, "lowest", "at")
    assert "ends highest at lr 2, at .9" in clauses.ranking([good, bad], LOSS, "highest", "at")
    assert clauses.ranking([good, bad], LOSS, "highest", "at").endswith("lower.")
    swapped = [replace(good, label="lr 2"), replace(bad, label="lr 1")]
    assert "ends lowest at lr 2" in clauses.ranking(swapped, LOSS, "lowest", "at")
    alike = replace(good, label="lr 2")
    assert clauses.ranking([good, alike], LOSS, "lowest", "at").endswith("next comes lr 2, the same.")


def test_few_words_claim_no_more_than_many():
    apart = lambda *values: clauses.apart(mean_interval(values))  # noqa: E731
    assert apart(0.010, 0.011, 0.012, 0.011) == ".0110 ± .0013 higher"
    assert apart(0.010, 0.011, 0.012) == ".011 higher"
    assert apart(-0.25) == ".250 lower"
    assert apart(0.01, -0.01, 0.02, 0.0) == "not clearly different (by .01 ± .02)"
    assert apart(0.0, 0.0) == "the same"
    assert apart(0.01, 0.01, 0.01, 0.01, np.nan) == ".010 ± 0 higher, leaving out 1 seed in which a run diverged"
    assert apart(np.nan).startswith("not to be compared")
    changed = lambda *values: clauses.changed(mean_interval(values))  # noqa: E731
    assert changed(0.010, 0.011, 0.012, 0.011) == "rises by .0110 ± .0013"
    assert changed(-0.25) == "falls by .250"
    assert changed(0.01, -0.01, 0.02, 0.0) == "does not clearly change (.01 ± .02)"
    assert changed(0.0) == "does not change"


def test_how_often_counts():
    count = clauses.how_often
    assert [count(np.array(x)) for x in ([1, 0], [1, 1], [0, 0], [1], [0], [1] * 3, [0] * 3)] == [
        *("in 1 of 2 seeds", "in both seeds", "in neither seed", "in the one seed", "in no seed"),
        *("in all 3 seeds", "in none of 3 seeds"),
    ]


# ---- 1.2 and 1.3 --------------------------------------------------------------------------------------


def rates(*rebounds, **shape):
    return [of("1.2", label=f"lr {number}", rebound=rebound, **shape) for number, rebound in enumerate(rebounds)]


def critical(group, products):
    return curvature.critical(group, products, [one.label for one in group if learning_rates.sways(one)])


def test_swaying_begins_where_the_numbers_say():
    assert "None of these rates does." in learning_rates.sway(rates(0, 0, 0.01))
    assert "The smallest that does is lr 1" in learning_rates.sway(rates(0, 0.4, 0.5))
    assert "and so does every larger one" in learning_rates.sway(rates(0, 0.4, 0.5))
    assert "but not lr 2" in learning_rates.sway(rates(0, 0.4, 0, 0.5))
    assert "Only lr 2 does" in learning_rates.sway(rates(0, 0, 0.5))
    assert "Only lr 1 does, in all 3 seeds, by diverging" in learning_rates.sway(
        [*rates(0), of("1.2", label="lr 1", diverged=SEEDS)]
    )


def test_single_runs_tell_only_of_themselves():
    alone = {"seeds": (0,)}
    said = learning_rates.sway(rates(0, 0.4, 0.5, **alone))
    assert "sways" not in said
    assert said.startswith("In these runs validation loss")
    assert re.search(r" at lr 1 \(by \d\d\.\d%\) and lr 2 \(by \d\d\.\d%\)\.$", said)
    assert "At none of these rates" in learning_rates.sway(rates(0, 0.01, **alone))
    steep = {"lr 0": np.full((1, 2), 0.5), "lr 1": np.full((1, 2), 2.0)}
    assert "at which the loss rose so far" in critical(rates(0, 0.5, **alone), steep)


def test_rates_above_the_critical_one_are_compared_with_those_that_sway():
    products = {f"lr {number}": np.full((3, 2), value) for number, value in enumerate((0.5, 0.7, 2.0, 3.0))}
    tell = lambda *rebounds: critical(rates(*rebounds), products)  # noqa: E731
    assert "These are the rates that sway." in tell(0, 0, 0.4, 0.4)
    assert "that sway are these, also lr 1." in tell(0, 0.4, 0.4, 0.4)
    assert "that sway are these, without lr 2." in tell(0, 0, 0, 0.4)
    assert "that sway are these, without lr 2 but also lr 1." in tell(0, 0.4, 0, 0.4)
    assert "that sway are others: lr 1." in tell(0, 0.4, 0, 0)
    assert "no rates that sway" in tell(0, 0, 0, 0)


@pytest.mark.parametrize(("value", "said"), [(1.02, "1.02"), (0.9996, ".9996"), (0.84, ".84"), (1.3, "1.3")])
def test_what_lies_beside_one_is_told_from_it(value, said):
    assert curvature._beside_one(value) == said


def test_a_slow_rate_is_told_by_when_the_other_has_its_loss():
    def slow(slowest, **medium):
        return learning_rates.slow(
            {0.001: of("1.2", label="slow", loss=slowest), 0.05: of("1.2", label="medium", **medium)}
        )

    assert "medium passes within its first epoch." in slow(1.9, loss=0.4)
    assert "medium reaches after 2.4" in slow(0.9, loss=0.45)
    assert "medium never reaches." in slow(0.4, loss=0.9)
    assert "medium never reaches." in slow(0.4, diverged=SEEDS)


def test_curvature_and_swaying_agree_or_do_not():
    group = rates(0, 0.5)
    calm, steep = np.full((1, 2), 0.5), np.full((1, 2), 2.0)
    agreeing = critical(group, {"lr 0": calm, "lr 1": steep})
    assert ": lr 1 lies above it. These are the rates that sway." in agreeing
    assert "The rates that sway are others: lr 1." in critical(group, {"lr 0": steep, "lr 1": calm})
    assert "None of these rates lies above it, nor are there any that sway." in critical(
        rates(0, 0), {"lr 0": calm, "lr 1": calm}
    )
    assert "Yet there are no rates that sway." in critical(rates(0, 0), {"lr 0": calm, "lr 1": steep})


def batches(**other):
    points = find("1.3").study.points
    small = curves(points[0].config, label="batch 32", seeds=SEEDS)
    return [small, curves(points[2].config, label="batch 256", seeds=SEEDS, **other)]


def test_a_large_batch_that_ends_lower_is_counted():
    assert "batch 256 ends below batch 32 in all 3 seeds" in batch_sizes.end(batches(accuracy=0.5))
    assert "batch 256 ends below batch 32 in none of 3 seeds" in batch_sizes.end(batches(accuracy=0.9))


def test_the_first_epoch_and_the_noise_are_compared():
    assert "lower at batch 32 than at batch 256" in batch_sizes.per_epoch(batches(loss=1.5))
    assert "higher at batch 32 than at batch 256" in batch_sizes.per_epoch(batches(loss=0.1))
    assert "scatter 2.0 times as much" in batch_sizes.noise(batches(step_noise=0.05))
    small, large = (of("1.3", seeds=range(4), step_noise=noise) for noise in (0.1, 0.05))
    assert "scatter 2.0 (" in batch_sizes.noise([small, large])


def test_seconds_are_told_only_where_the_loss_is_reached():
    small, large = batches(loss=0.3)
    assert "never reached at batch 32" in batch_sizes.per_second(small, large)
    small, large = batches(loss=0.9, seconds=3.0)
    assert "where batch 256 takes 30 s" in batch_sizes.per_second(small, large)


# ---- 2.1, 2.2, 2.3 and 1.4 ----------------------------------------------------------------------------


def test_what_is_left_of_a_gradient_is_a_ratio_of_its_layers():
    norms = {("sigmoid", 2, "start"): np.array([[0.01, 0.1, 1.0]]), ("relu", 2, "start"): np.array([[3.0, 2, 1]])}
    assert vanishing_gradients.left(norms, 2, "start") == (
        "Before training, with 2 hidden layers, the first layer's gradient is .010 times the last layer's with "
        "sigmoids and 3.0 times with ReLUs."
    )
    assert vanishing_gradients.left(norms, 2, "end") == ""


def test_a_steady_network_is_called_so_only_if_its_loss_never_rose():
    assert "fell in each of the 9 epochs" in hidden_units.steady(of("2.2", label="256 units"))
    assert "rose in 1 ± 0 of the 9" in hidden_units.steady(of("2.2", rebound=0.5, seeds=range(4)))


def test_one_unit_is_compared_with_the_linear_classifier():
    linear = of("2.2", label="softmax regression", accuracy=0.8, seeds=range(4))
    worse = hidden_units.alone(of("2.2", label="1 unit", accuracy=0.3, seeds=range(4)), linear, np.eye(4)[0])
    assert re.search(r"which ends at \.\d+ ± \.\d+, that is \.\d+ ± \S+ lower\.", worse)
    assert "in 1 of 4 seeds" in worse
    better = hidden_units.alone(of("2.2", label="1 unit", accuracy=0.9), linear, np.zeros(3))
    assert " higher." in better
    assert "in none of 3 seeds" in better
    assert "The unit is alive" in hidden_units.alone(linear, linear, np.zeros(1))
    assert "The unit is dead: no test image" in hidden_units.alone(linear, linear, np.ones(1))


def test_the_narrowest_network_above_a_linear_one():
    found = {0: of("2.2", label="softmax regression"), 1: of("2.2", label="1 unit", accuracy=0.3)}
    assert "No width here" in hidden_units.between(found)
    found |= {4: of("2.2", label="4 units", accuracy=0.9), 16: of("2.2", label="16 units", accuracy=0.95)}
    assert "the one with 4 units" in hidden_units.between(found)


def test_dead_units_are_counted():
    found = {1: of("2.2", label="1 unit"), 2: of("2.2", label="2 units")}
    assert "No width has a dead unit" in hidden_units.asleep(found, {1: np.zeros(3), 2: np.zeros(3)})
    some = hidden_units.asleep(found, {1: np.zeros(2), 2: np.array([0.5, 0.0])})
    assert "25.0% with 2 units and none elsewhere" in some


def rows_of(factor):
    def row(model, batch, use):
        total = 100 if use == "prediction" else 100 * factor
        kinds = {"parameters": total, "gradients": 0, "optimizer_state": 0, "activations": 0, "input": 0}
        return {"model": model, "batch": batch, "use": use, "total": total, "held": total, "peak": total, **kinds}

    return [row(model, batch, use) for model in memory.MODELS for batch in memory.BATCHES for use in memory.USES]


def test_memory_is_several_times_as_much_only_where_it_is():
    assert "more than 2 times as much in 0 of 45 cases, and by the measured peak alone in 0." in memory.extremes(
        rows_of(1.5)
    )
    assert "more than 2 times as much in 45 of 45 cases, and by the measured peak alone in 45." in memory.extremes(
        rows_of(3)
    )
    assert "3.00 times the memory of prediction for softmax regression" in memory.ratios(rows_of(3))
    assert "the parameters for LeNet (100%)" in memory.largest(rows_of(3))


def test_kinds_of_the_same_size_share_the_first_place():
    rows = [row | {"gradients": row["parameters"], "total": 2 * row["parameters"]} for row in rows_of(3)]
    assert "the parameters and gradients for LeNet (50% each)" in memory.largest(rows)


def test_the_ratio_of_memory_is_followed_along_the_batch_sizes():
    def growing(order):
        factor = dict(zip(order, range(2, 2 + len(order)), strict=True))
        return [
            row | {"total": row["total"] * (1 if row["use"] == "prediction" else factor[row["batch"]])}
            for row in rows_of(1)
        ]

    assert "falls for every model here" in memory.growth(growing(memory.BATCHES[::-1]))
    assert "rises for softmax regression, MLP-256 and LeNet." in memory.growth(growing(memory.BATCHES))
    assert "goes no one way for" in memory.growth(rows_of(3))


def test_memory_is_measured_again_where_another_thread_added_to_it():
    def fake(*held):
        given = iter(held)
        return lambda: {"held": next(given), "peak": 500}

    assert ledgers.undisturbed(fake(100, 100)) == {"held": 100, "peak": 500}
    assert ledgers.undisturbed(fake(150, 100, 100))["held"] == 100
    assert ledgers.undisturbed(fake(100, 150, 120, 100))["held"] == 100


def breaking(at):
    events = ["the loss is infinite or NaN", "the gradient is infinite or NaN"]
    return [
        {"format": "float32", "form": form, "event": event, "variable": "gap", "at": at if form == "shifted" else None}
        for form in ("shifted", "log-sum-exp")
        for event in events
    ]


def test_subtracting_the_maximum_is_enough_only_for_what_never_breaks():
    rows = [{"form": "shifted", "format": "float32", "gap": 9, "probability_error": 1e-8, "loss_error": 1e-8}]
    rows.append({**rows[0], "form": "log-sum-exp"})
    limits = [{"format": "float32", "unit_roundoff": 6e-8}]
    assert "enough for probabilities, and not for the loss" in softmax_stability.remedy(breaking(104.0), rows, limits)
    assert "enough for probabilities and for the loss" in softmax_stability.remedy(breaking(None), rows, limits)
    lost = [{**row, "probability_error": None} for row in rows]
    assert "not enough even for the probabilities" in softmax_stability.remedy(breaking(104.0), lost, limits)
    assert "none fails" in softmax_stability.probabilities(rows)
    assert "1 of 1 fail" in softmax_stability.probabilities(lost)
    worse = [{**row, "loss_error": 6e-7} for row in rows]
    assert "at most 10 times half a rounding step" in softmax_stability.remedy(breaking(104.0), worse, limits)


# ---- 3.1, 3.2 and 3.3 ---------------------------------------------------------------------------------


def lenet_curves(validation_slope, training_slope=-0.01):
    config = find("3.1").study.points[2].config
    run = curves(config, label="20 epochs", spread=0.001)
    line = np.arange(21) - 20.0
    noise = np.array([[0.999], [1.0], [1.001]])
    return replace(
        run, validation_loss=1 + noise * validation_slope * line, train_loss=1 + noise * training_slope * line
    )


def test_overfitting_is_a_rising_validation_loss_while_training_loss_falls():
    assert "the mark of overfitting." in lenet_epochs.overfitting(lenet_curves(0.01))
    assert "training loss falls by .0100 an epoch" in lenet_epochs.overfitting(lenet_curves(0.01))
    assert "validation loss rises by .0100 an epoch" in lenet_epochs.overfitting(lenet_curves(0.01))
    assert "no overfitting yet" in lenet_epochs.overfitting(lenet_curves(-0.01))
    assert "not clearly overfitting" in lenet_epochs.overfitting(lenet_curves(0.01, training_slope=0.01))
    assert "not clearly overfitting" in lenet_epochs.overfitting(lenet_curves(0.0))

    one = lenet_curves(-0.01)
    one = replace(one, seeds=(0,), validation_loss=one.validation_loss[:1], train_loss=one.train_loss[:1])
    assert "one run cannot tell" in clauses.slopes(one)
    assert "no overfitting yet" not in clauses.slopes(one)
    assert "Over the last 5 epochs on MNIST training loss falls" in clauses.slopes(one, "on MNIST")


def test_each_longer_training_tells_what_it_adds():
    points = find("3.1").study.points[:3]
    ends = [curves(point.config, label="x", accuracy=a) for point, a in zip(points, (0.7, 0.8, 0.9), strict=True)]
    assert lenet_epochs.levels(ends).count("rises") == 1
    assert "and by .1" in lenet_epochs.levels(ends)
    assert "rises by .2" in lenet_epochs.levels([ends[0], ends[2], ends[1]])
    assert "and falls by .1" in lenet_epochs.levels([ends[0], ends[2], ends[1]])


def test_a_lead_that_the_ranking_tells_is_not_told_again():
    stable, unstable = (of("1.2", label=name, loss=loss) for name, loss in (("lr 0.1", 0.5), ("lr 0.12", 0.51)))
    both = {0.1: stable, 0.12: unstable}
    assert "The loss at which it ends" not in learning_rates.notable(both)
    assert "The loss at which it ends" in learning_rates.notable({0.05: of("1.2", label="lr 0.05", loss=0.4), **both})


def test_a_rebound_has_a_decimal_beside_the_difference_it_is_part_of():
    shape = {"spread": 0.05, "seeds": range(10)}
    made = {rate: of("1.2", label=f"lr {rate}", rebound=by, **shape) for rate, by in ((0.1, 0.2), (0.12, 0.4))}
    ends = re.search(r"rebounds by (\S+) ± (\S+)%, against (\S+) ± (\S+)% at", learning_rates.notable(made))
    assert ends
    assert all(re.fullmatch(r"\d*\.\d", number) for number in ends.groups())


def test_the_lowest_point_told_is_one_of_the_line_that_is_drawn():
    norms = {(own, 1, moment): np.array([[1.0, 4.0], [4.0, 4.0]]) for own in ("sigmoid", "relu") for moment in MOMENTS}
    figure = vanishing_gradients._gradients(norms)
    assert min(row["gradient_norm"] for row in figure.rows) == pytest.approx(2)
    assert "is 2.0 with sigmoids and 2.0 with ReLUs. n = 2 seeds, a geometric mean." in figure.caption


def test_a_dead_unit_is_explained_once():
    found = {hidden: of("2.2", label=f"{hidden} units") for hidden in (0, 1, 256)}
    dead = {hidden: np.array([0.5, 0.0]) for hidden in (1, 256)}
    assert "test image" not in hidden_units.asleep(found, dead)
    assert "test image" in hidden_units.asleep({1: found[1]}, {1: dead[1]})


def test_networks_that_guess_are_named():
    guessing, learning = of("2.1", accuracy=0.1, spread=0.001), of("2.1", accuracy=0.8)
    found = {("sigmoid", 1): learning, ("sigmoid", 4): guessing, ("sigmoid", 5): guessing, ("relu", 4): learning}
    within = "end within .01 of the accuracy of guessing."
    assert vanishing_gradients.stuck(found) == f"In every seed, sigmoid networks with 4 and 5 hidden layers {within}"
    assert vanishing_gradients.stuck({("relu", 1): learning}) == ""
    alone = {("sigmoid", 4): of("2.1", accuracy=0.1, spread=0.001, seeds=(0,))}
    assert vanishing_gradients.stuck(alone) == f"Sigmoid networks with 4 hidden layers {within}"


def test_gains_are_shares_of_the_whole_gain():
    config = find("3.1").study.points[2].config
    run = curves(config, label="20 epochs", seeds=(0,))
    accuracy = np.interp(np.arange(21), [0, 5, 10, 20], [0.1, 0.5, 0.8, 0.9])[None]
    said = lenet_epochs.gains(replace(run, validation_accuracy=accuracy), [5, 10, 20])
    assert said == "Of what 20 epochs gain over no training, 50% is there after 5 epochs and 88% after 10 epochs."


def test_the_modified_network_is_better_only_if_it_is():
    original, modified = of("3.2", label="old"), of("3.2", label="new", accuracy=0.95, loss=0.2)
    assert "one's accuracy is .150 higher, its loss .300 lower." in relu_max.better(modified, original)
    assert "one's accuracy is .150 lower, its loss .300 higher." in relu_max.better(original, modified)
    assert "never reaches" in relu_max.sooner(original, modified)
    assert "epochs it has the accuracy at which the original ends." in relu_max.sooner(modified, original)


def test_the_change_that_does_more_is_named_as_far_as_it_is_settled():
    small, large, none = np.array([0.010, 0.011, 0.012]), np.array([0.11, 0.10, 0.12]), np.array([0.001, -0.002, 0.001])
    tell = lambda *effects: corners.causes(dict(zip(EFFECTS, effects, strict=True)))  # noqa: E731
    assert "the activation does more" in tell(large, small, none)
    assert "the pooling does more" in tell(small, -large, none)
    assert "is not settled" in tell(small, small, none)
    assert "does not clearly depend on the activation" in tell(large, small, none)
    assert "more with ReLU than with the sigmoid" in tell(large, small, small)
    assert "less with ReLU than with the sigmoid" in tell(large, small, -small)
    assert "(not clearly different from nothing)" in tell(large, none, none)
    assert "In every seed a run diverged" in tell(large * np.nan, small * np.nan, none * np.nan)


def test_errors_are_told_with_all_their_ties():
    counts = np.array([[8, 2, 0], [0, 10, 0], [0, 2, 8]])
    said = mnist.confused(counts, ("zero", "one", "two"), 1)
    assert "30 answers (1 seed, all test images) 4 are wrong" in said
    assert "errors, made 2 times each: zero is taken for one and two is taken for one" in said
    assert "highest for zero and two (20.0%) and lowest for one (0.0%)" in said
    assert mnist.confused(np.diag([5, 5]), ("zero", "one"), 2) == "Not one of the 10 answers is wrong."


def test_the_gap_between_training_and_test_keeps_its_sign():
    run = of("3.3", label="MNIST")
    assert "above validation accuracy on MNIST" in mnist.overfitting([shifted(run, "train_accuracy", 0.1)])
    assert "below validation accuracy on MNIST" in mnist.overfitting([shifted(run, "train_accuracy", -0.1)])


def test_the_two_data_sets_are_compared_as_they_came_out():
    digits, clothes = of("3.3", label="digits", accuracy=0.99), of("3.3", label="clothes", accuracy=0.9)
    assert "higher on digits than on clothes" in mnist.beside({"mnist": digits, "fashion-mnist": clothes})
    assert "lower on digits than on clothes" in mnist.beside(
        {"mnist": replace(clothes, label="digits"), "fashion-mnist": replace(digits, label="clothes")}
    )
    assert ACCURACY.of(digits).mean() > ACCURACY.of(clothes).mean()
