# SPDX-License-Identifier: Apache-2.0
"""What sections 1.2 and 1.3 say of rates and batch sizes follows the numbers."""

import re

import numpy as np
import pytest

from imagined import curves, of
from shoal.studies import (
    batch_sizes,
    find,
    learning_rates,
)
from shoal.studies.learning_rates import curvature

SEEDS = (0, 1, 2)


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
