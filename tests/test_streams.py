# SPDX-License-Identifier: Apache-2.0
"""The random streams: known answers, so that the bits never change in silence, and what they promise to be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal import streams
from shoal.models import (
    KaimingUniform,
    Normal,
    PyTorchDefault,
    XavierUniform,
    lenet,
    mlp,
    softmax_regression,
)

seeds = st.integers(0, 2**63)

# ---- known answers: every stored run depends on these -------------------------------------------------


def test_bits_known_answer() -> None:
    order = [0x6EAD636D68C5A994, 0x9C2660CE9650F35E, 0xF9C83A7FD466BEE0]
    assert streams.bits(3, "order", seed=0).tolist() == order
    assert streams.bits(2, "weights", seed=7, index=3).tolist() == [0x33EBD2586DA6DAA4, 0xBCF41823E799144A]


def test_uniforms_and_normals_known_answer() -> None:
    uniforms = [0.7339589913933028, 0.22814389809441316, 0.9930854269487822]
    assert streams.uniforms(3, "weights", seed=0).tolist() == uniforms
    normals = [0.624830946905042, -0.7449734072030916, 2.461670989691591]
    assert streams.normals(3, "weights", seed=0) == pytest.approx(normals, rel=1e-14)


def test_order_known_answer() -> None:
    assert streams.order(10, seed=0, epoch=0).tolist() == [6, 8, 7, 3, 0, 5, 1, 9, 4, 2]
    assert streams.order(10, seed=0, epoch=1).tolist() == [0, 7, 1, 8, 3, 2, 4, 6, 9, 5]
    assert streams.order(10, seed=1, epoch=0).tolist() == [1, 3, 0, 5, 2, 7, 4, 6, 9, 8]
    assert streams.order(60000, seed=0, epoch=0)[:5].tolist() == [35657, 12357, 3522, 39514, 12875]


def test_holdout_known_answer() -> None:
    assert streams.holdout(10, 3)[1].tolist() == [2, 3, 6]


def test_weights_known_answer() -> None:
    weights = streams.initial_weights(mlp(4), XavierUniform(), seed=0)
    assert weights["1.weight"][0, :3] == pytest.approx([0.04083027, -0.04744403, 0.08605274], rel=1e-6)
    assert weights["3.weight"][0, :3] == pytest.approx([0.6367075, 0.54023826, -0.5217665], rel=1e-6)
    weights = streams.initial_weights(softmax_regression(), Normal(0.01), seed=1)
    assert weights["1.weight"][0, :3] == pytest.approx([0.0043101856, 0.0027725615, 0.0003551973], rel=1e-6)


# ---- properties ---------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.integers(0, 300), seeds, st.integers(0, 1000))
def test_an_order_is_a_permutation(count: int, seed: int, epoch: int) -> None:
    order = streams.order(count, seed, epoch)
    assert order.dtype == np.uint32
    assert np.array_equal(np.sort(order), np.arange(count))
    assert not order.flags.writeable


@settings(deadline=None)
@given(st.integers(1, 300), st.data())
def test_a_holdout_splits_everything_in_two(count: int, data: st.DataObject) -> None:
    held = data.draw(st.integers(0, count))
    train, kept = streams.holdout(count, held)
    assert len(kept) == held
    assert np.array_equal(np.sort(np.concatenate([train, kept])), np.arange(count))
    assert np.array_equal(train, np.sort(train))


def test_more_of_a_stream_begins_with_less_of_it() -> None:
    assert np.array_equal(streams.bits(1000, "order", 3)[:10], streams.bits(10, "order", 3))


@settings(deadline=None)
@given(seeds, seeds)
def test_seeds_share_nothing(one: int, other: int) -> None:
    """Among 300 words of each of two seeds none is equal: by chance alone that is one in 10^14."""
    if one != other:
        shared = np.intersect1d(streams.bits(300, "weights", one), streams.bits(300, "weights", other))
        assert len(shared) == 0


def test_purposes_indices_and_epochs_share_nothing() -> None:
    names = [(purpose, seed, index) for purpose in ("weights", "order") for seed in (0, 1) for index in (0, 1, 10)]
    words = np.concatenate([streams.bits(200, *name) for name in names])
    assert len(np.unique(words)) == len(words)


def test_uniforms_are_uniform_and_open() -> None:
    draws = streams.uniforms(200_000, "weights", 0)
    assert draws.min() > 0
    assert draws.max() < 1
    counts = np.histogram(draws, 20, (0, 1))[0]
    assert np.abs(counts - 10_000).max() < 5 * np.sqrt(10_000)


def test_normals_are_normal() -> None:
    draws = streams.normals(200_000, "weights", 0)
    assert abs(draws.mean()) < 0.01
    assert draws.std() == pytest.approx(1, abs=0.01)
    assert (draws**4).mean() == pytest.approx(3, abs=0.1)


def test_orders_do_not_remember_where_an_image_was() -> None:
    ranks = [np.argsort(streams.order(5000, seed, epoch)) for seed, epoch in [(0, 0), (0, 1), (1, 0)]]
    between = np.corrcoef(ranks) - np.eye(3)
    assert np.abs(between).max() < 0.07  # five standard errors


# ---- initial weights ----------------------------------------------------------------------------------


@pytest.mark.parametrize("init", [XavierUniform(), KaimingUniform(), PyTorchDefault(), Normal(0.02)])
def test_initial_weights_have_the_spread_of_their_rule(init: XavierUniform | Normal) -> None:
    model = lenet()
    for parameter in model.parameters():
        values = streams.initial_weights(model, init, seed=2)[parameter.name]
        assert values.dtype == np.float32
        assert values.shape == parameter.shape
        if isinstance(init, Normal):
            std = 0.0 if parameter.is_bias else init.std
        else:
            std = init.bound(parameter) / np.sqrt(3)
            assert np.abs(values).max() <= init.bound(parameter) * (1 + 1e-6)
        assert values.std() == pytest.approx(std, rel=4 / np.sqrt(parameter.size))


def test_bounds_are_those_of_the_papers() -> None:
    conv = lenet().parameters()[0]
    assert (conv.fan_in, conv.fan_out) == (25, 150)
    assert XavierUniform().bound(conv) == pytest.approx((6 / 175) ** 0.5)
    assert KaimingUniform().bound(conv) == pytest.approx((6 / 25) ** 0.5)
    assert PyTorchDefault().bound(lenet().parameters()[1]) == pytest.approx(1 / 5)


def test_configs_of_a_seed_share_their_draws() -> None:
    """Common random numbers: other rules stretch the same draws, other activations leave them alone."""
    xavier = streams.initial_weights(lenet(), XavierUniform(), 5)
    kaiming = streams.initial_weights(lenet(), KaimingUniform(), 5)
    relu = streams.initial_weights(lenet("relu", "max"), XavierUniform(), 5)
    for parameter in lenet().parameters():
        assert np.array_equal(xavier[parameter.name], relu[parameter.name])
        if not parameter.is_bias:
            ratio = KaimingUniform().bound(parameter) / XavierUniform().bound(parameter)
            assert kaiming[parameter.name] == pytest.approx(xavier[parameter.name] * ratio, rel=1e-6, abs=1e-9)


def test_parameters_of_a_model_share_nothing() -> None:
    weights = streams.initial_weights(mlp(64, 64), XavierUniform(), 0)
    one, other = weights["3.weight"].ravel(), weights["1.weight"].ravel()[: 64 * 64]
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.08
