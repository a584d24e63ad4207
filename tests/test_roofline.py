# SPDX-License-Identifier: Apache-2.0
"""`benchmarks/roofline.py` and its neighbours: counts by hand for known layers, samples by kernel, and the section of
docs/performance.md, which is what its numbers say. Nothing is timed."""

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from shoal.bench import MODELS
from shoal.models import AvgPool2d, Conv2d, Flatten, Linear, MaxPool2d, Model, Sigmoid, softmax_regression

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))
import counts  # noqa: E402
import roofline  # noqa: E402
import roofline_page  # noqa: E402

FACTS = json.loads((ROOT / "docs" / "roofline.json").read_text())
PAGE = (ROOT / "docs" / "performance.md").read_text()


def of(model: str, product: str) -> list[counts.Work]:
    return [one for one in counts.work(MODELS[model]) if one.product == product]


def test_blocks_are_cut_as_the_engine_cuts_them() -> None:
    assert counts.split(10, 4) == [4, 3, 3]
    assert counts.split(16, 14) == [8, 8]
    assert counts.split(48, 6) == [6] * 8


def test_lenet_needs_what_it_is_known_to_need() -> None:
    """6 × 28 × 28 × 25, 16 × 10 × 10 × 6 × 25, 400 × 120, 120 × 84, 84 × 10."""
    assert [one.needed for one in of("lenet", counts.FORWARD)] == [117_600, 240_000, 48_000, 10_080, 840]
    assert [one.needed for one in of("lenet", counts.INPUT)] == [240_000, 48_000, 10_080, 840]
    weighted = sum(row.flops for row in MODELS["lenet"].summary() if row.parameters)
    assert 2 * sum(one.needed for one in of("lenet", counts.WEIGHT)) == weighted


def test_softmax_regression_by_hand() -> None:
    """Forward ten sums of two tiles share ten weights and two values; back sixteen outputs, blocks of twelve rows."""
    forward, weight = counts.work(MODELS["softmax"])
    assert (forward.done, forward.loads) == (7840, 784 * (2 + 10) / 2)
    assert (weight.needed, weight.done) == (784 * 10, 784 * 16)
    assert weight.loads == 16 * (16 * 4 * (12 + 1) + 2 * (8 + 1))  # 784 rows: sixteen pieces of 48, one of 16


def test_a_dense_layer_by_hand() -> None:
    """Half a panel and two tiles: 10 loads for 16 multiply-adds; one tile takes a whole panel, 17 for 16."""
    assert counts.linear_forward(784, 256, tiles=2) == (784 * 256, 784 * 256 * 10 / 16)
    assert counts.linear_forward(100, 16, tiles=1) == (1600, 1700)
    assert counts.multiply(10, 16, tiles=2) == (160, 100)
    assert counts.linear_backward_weight(48, 64) == (16 * 48 * 4, 16 * 8 * (6 + 4))
    assert counts.linear_backward_weight(14, 16) == (16 * 14, 16 * (14 + 1))


def test_convolutions_by_hand() -> None:
    """LeNet's first: 25 rows of kernels less the six outside at top and bottom; its second has no padding."""
    first = counts.Convolution(1, (28, 28), 6, (28, 28), 5, 1, 2)
    assert [first.inside(y, 1, 28) for y in (0, 1, 2, 26, 27)] == [3, 4, 5, 4, 3]
    assert first.channels_of(7) == [3, 3]
    assert first.cost(7) == 2 * (20 * 21 + 6 * 4) > first.cost(4) == 35 * 24 + 6 * 7
    assert first.pixels() == 4
    rows = 28 * 5 - 6
    assert first.forward() == (rows * 35 * 4 * 6, rows * 35 * (4 + 6))
    assert first.backward_weight() == (rows * 28 * 5 * 6, rows * 28 * 2 * (5 + 3))
    second = counts.Convolution(6, (14, 14), 16, (10, 10), 5, 1, 0)
    assert second.forward()[0] == 240_000
    assert second.backward_input() == counts.Convolution(16, (10, 10), 6, (14, 14), 5, 1, 4)


def test_a_strided_convolution_counts_overlaps_and_the_zeros_between() -> None:
    """Three outputs in a row are two blocks of two, one of which is computed twice; back it is an image of 5 × 5."""
    strided = counts.Convolution(1, (7, 7), 1, (3, 3), 3, 2, 0)
    assert strided.forward()[0] == 9 * 3 * 2 * 2
    assert strided.backward_input().size == (5, 5)


def test_no_layer_asks_for_the_gradient_of_pixels() -> None:
    assert [one.product for one in counts.work(MODELS["softmax"])] == [counts.FORWARD, counts.WEIGHT]
    assert {one.layer for one in of("lenet", counts.INPUT)} == {3, 7, 9, 11}


def test_bytes_of_a_step_by_hand() -> None:
    """One tile of 16 inputs and 16 classes: pixels in, values, there, turned, the product, gradient, and the update."""
    model = softmax_regression(16, (1, 4, 4))
    value, weight = 16 * 64, 4 * 256
    there = weight + 2 * value
    back = 2 * value + value + value + weight  # turned, then input and turned again, then the gradient written
    assert counts.traffic(model, 16) == 16 * (16 + 64) + there + back + 2 * weight
    assert counts.traffic(model, 16, moments=2) - counts.traffic(model, 16) == 4 * weight


def test_pooling_and_activations_pass_their_values() -> None:
    def one(*between: object) -> int:
        layers = (Conv2d(1, 1, 1), *between, Flatten(), Linear(64, 10))
        return counts.traffic(Model(layers, (1, 8, 8)), 16)  # type: ignore[arg-type]

    pooled = (MaxPool2d(1), AvgPool2d(1))
    assert one(Sigmoid()) - one() == 5 * 64 * 64
    assert one(pooled[0]) - one(pooled[1]) == 2 * 64 * 64


def test_a_block_keeps_what_fits_a_mebibyte() -> None:
    assert counts.block(MODELS["mlp-256"], 16) == (1 << 18) // ((784 + 256 + 256 + 16) * 16 + 1) == 12
    assert counts.block(MODELS["lenet"], 16) == 16


@pytest.mark.parametrize(
    ("symbol", "kernel"),
    [
        ("shoal::x86_64_v4::(anonymous namespace)::multiply_block<8, 2>(Product const&)", "linear, there and back"),
        ("shoal::x86_64_v4::(anonymous namespace)::outer_block<6, 4>(OuterProduct const&)", "linear, weight gradient"),
        ("shoal::x86_64_v4::linear_backward_input(shoal::Tiles const&)", "linear, there and back"),
        ("shoal::x86_64_v4::(anonymous namespace)::convolve<3, 7, true>", "convolution, there and back"),
        ("shoal::x86_64_v4::(anonymous namespace)::correlate<5, 3>", "convolution, weight gradient"),
        ("shoal::x86_64_v4::sigmoid_forward(shoal::Image const&)", "activations"),
        ("shoal::x86_64_v4::adam_step(shoal::Update const&)", "update"),
        ("shoal::Session::work()", "the rest"),
    ],
)
def test_samples_are_summed_by_kernel(symbol: str, kernel: str) -> None:
    assert roofline.kernel(symbol) == kernel
    listing = f"  7f1 {symbol} (/x/_native.cpython-311.so)\n  7f2 _PyEval (/usr/bin/python3)\n"
    assert roofline.shares(listing) == {kernel: 1.0}


def test_only_the_blocks_that_are_counted_are_timed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHOAL_ISA", "portable")
    assert roofline.main([]) == 1
    assert "but portable would be timed" in capsys.readouterr().err


def test_the_page_shows_what_was_measured() -> None:
    """If this fails, run `benchmarks/roofline.py --data path --page`."""
    opened, closed = roofline_page.MARKS
    assert PAGE.split(opened)[1].split(closed)[0] == "\n" + roofline_page.section(FACTS)


def test_bounds_come_from_counts_and_limits() -> None:
    one = next(bound for bound in roofline_page.bounds(FACTS) if (bound.model, bound.batch) == ("softmax", 256))
    tiles, vectors = 60_000 / 16, 784 * 26
    assert one.multiply_adds == pytest.approx(tiles * vectors * 32 / FACTS["limits"]["peak_gflops"] / 1e9)
    last = counts.traffic(MODELS["softmax"], 60_000 % 256)
    moved = 234 * counts.traffic(MODELS["softmax"], 256) + last
    assert one.cache == pytest.approx(moved / FACTS["limits"]["second_level_gbs"] / 1e9)
    assert replace(one, loads=1e9).highest == "loads"


def test_sentences_follow_the_numbers() -> None:
    """Other numbers, other words: slow memory, no samples, roots that cost more than arrays."""
    slow = FACTS | {"limits": FACTS["limits"] | {"second_level_gbs": 0.5}}
    assert "Second-level cache sets the highest bound for all models." in roofline_page.section(slow)
    blind = roofline_page.section(FACTS | {"sampled": None})
    assert "`perf` is missing" in blind
    assert "sum of its parts" not in blind
    rooted = FACTS | {"optimizers": {"SGD": 1.0, "momentum": 1.0, "Adagrad": 1.25, "Adam": 1.5}}
    assert re.search(r"Adam takes 50% more.*250 \(Adagrad.*is the root and the division", roofline_page.section(rooted))
