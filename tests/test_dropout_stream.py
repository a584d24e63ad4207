# SPDX-License-Identifier: Apache-2.0
"""The words that dropout goes by: known answers, the contract spelled out, and what they promise to be."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal import streams
from shoal.models import Dropout


def test_known_answer() -> None:
    """Every stored run with dropout depends on these."""
    words = [[2886, 44206, 60893, 54821, 36027], [34351, 4203, 3887, 5257, 42219]]
    assert streams.dropout_words(0, 2, 0, [0, 1], 5).tolist() == words
    assert streams.dropout_words(7, 3, 4, [59_999], 3).tolist() == [[11765, 43830, 11189]]


def test_the_contract_spelled_out() -> None:
    """Philox 4x64-10, keyed by the name; one counter for every block of sixteen words, the first one is 1."""
    words = streams.dropout_words(seed=5, layer=4, epoch=2, places=[9], units=40)
    key = hashlib.sha256(b"shoal/dropout/5/4").digest()[:16]
    generator = np.random.Philox(key=np.frombuffer(key, "<u8").astype(np.uint64))
    state = generator.state
    blocks = []
    for block in range(3):
        state["state"]["counter"][:] = block, 9, 2, 0  # incremented before it is used
        state["buffer_pos"] = 4  # nothing is left of a block before
        generator.state = state
        blocks.append(generator.random_raw(4))
    assert words.dtype == np.uint16
    assert words.tolist() == [np.concatenate(blocks).astype("<u8").view("<u2")[:40].tolist()]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 70_000), min_size=1, max_size=9), st.integers(1, 100), st.integers(0, 2**63 - 1))
def test_the_words_of_an_example_do_not_depend_on_its_company(places: list[int], units: int, seed: int) -> None:
    together = streams.dropout_words(seed, 1, 3, places, units)
    assert together.shape == (len(places), units)
    for place, words in zip(places, together, strict=True):
        assert np.array_equal(streams.dropout_words(seed, 1, 3, [place], 2 * units)[0, :units], words)


def test_seeds_layers_epochs_and_places_share_nothing() -> None:
    base = {"seed": 3, "layer": 2, "epoch": 1, "place": 4}
    others = [base | change for change in ({}, {"seed": 4}, {"layer": 3}, {"epoch": 2}, {"place": 5})]
    words = [
        streams.dropout_words(it["seed"], it["layer"], it["epoch"], [it["place"]], 4000)[0].view("<u8") for it in others
    ]
    assert len(np.unique(np.concatenate(words))) == 5000


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_as_many_are_dropped_as_asked(p: float) -> None:
    words = streams.dropout_words(0, 0, 0, range(100), 1000)
    share = (words < Dropout(p).threshold).mean()
    assert share == pytest.approx(p, abs=5 * (p * (1 - p) / 100_000) ** 0.5)
