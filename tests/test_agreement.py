# SPDX-License-Identifier: Apache-2.0
"""The native engine against the reference in float64, on random models and configs (odd_models.py).

The bound: losses, weights and optimizer state differ by less than `BOUND` of their largest entry. Where a
network is ill-conditioned (a ReLU or a maximum at its kink, a channel that is constant but for rounding) the
reference in float32 is itself further from the one in float64; there the bound is `TIMES` as far. Where a form of
the loss breaks in float32 and not in float64, it does so at the step of the reference in float32.
"""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import numpy as np
import pytest

from odd_models import furthest, mark, odd
from shoal.data import Dataset
from shoal.engines import EpochRecord, usable_cores
from shoal.engines.native import NativeEngine, instruction_sets
from shoal.engines.reference import ReferenceEngine
from shoal.study import Run
from small_data import same

SETS = instruction_sets()
FUSED = [isa for isa in SETS if NativeEngine(instruction_set=isa).name == "native"]
BOUND, TIMES = 2e-4, 30


def in_float32(run: Run, data: dict[str, Dataset]) -> list[EpochRecord]:
    return list(ReferenceEngine(np.float32).train([run], data))


def error(seed: int) -> dict[str, float]:
    """Per instruction set: how far it is from the reference, as a part of what is allowed (1 would be too far).

    A set is missing where the loss breaks in float32 only; it did so at the right step.
    """
    run, data = odd(seed)
    course = list(ReferenceEngine().train([run], data))
    found, bound = {}, BOUND
    for isa in SETS:
        ours = list(NativeEngine(threads=1, instruction_set=isa).train([run], data))
        if mark(ours) != mark(course):
            assert mark(ours) == mark(in_float32(run, data)), f"seed {seed}, {isa}"
            continue
        off = furthest(ours, course)
        if off >= bound == BOUND:
            bound = max(BOUND, TIMES * furthest(in_float32(run, data), course))
        found[isa] = off / bound
    return found


@pytest.mark.parametrize("seed", range(24))
def test_agrees_with_the_reference(seed: int) -> None:
    assert max(error(seed).values(), default=0) < 1


def test_the_comparison_sees_a_wrong_learning_rate() -> None:
    run, data = odd(2)
    wrong = run.config.replace(optimizer=run.config.optimizer.replace(lr=run.config.optimizer.lr * 1.02))
    reference = list(ReferenceEngine().train([run], data))
    off = furthest(list(NativeEngine(threads=1).train([Run(wrong, run.seed)], data)), reference)
    assert off > BOUND


@pytest.mark.skipif(len(FUSED) < 2, reason="this machine has one instruction set with fma")
@pytest.mark.parametrize("seed", range(24))
def test_instruction_sets_that_have_fma_agree_to_the_last_bit(seed: int) -> None:
    assert_same_bits(seed)


def assert_same_bits(seed: int) -> None:
    run, data = odd(seed)
    courses = [list(NativeEngine(threads=1, instruction_set=isa).train([run], data)) for isa in FUSED]
    assert all(same(a, replace(b, run=a.run)) for a, b in zip(*courses[:2], strict=True)), seed


def errors(seeds: range) -> list[dict[str, float]]:
    """Of many seeds; and the bits of those sets that are to agree in them."""
    for seed in seeds if len(FUSED) > 1 else ():
        assert_same_bits(seed)
    return [error(seed) for seed in seeds]


@pytest.mark.prove
def test_ten_thousand_configs_agree_with_the_reference(proved, monkeypatch) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    blocks = [range(start, start + 50) for start in range(0, 10_000, 50)]
    with ProcessPoolExecutor(usable_cores(), mp_context=get_context("spawn")) as processes:
        found = [one for block in processes.map(errors, blocks) for one in block]
    worst = {isa: max(one.get(isa, 0) for one in found) for isa in SETS}
    beyond = {isa: [seed for seed, one in enumerate(found) if one.get(isa, 0) >= 1] for isa in SETS}
    assert not any(beyond.values()), beyond
    for isa in SETS:
        proved(f"{len(found)} random configs agree with the reference under {isa}, to {worst[isa]:.0%} of the bound")
    if len(FUSED) > 1:
        proved(f"{len(found)} random configs have equal bits under {' and '.join(FUSED)}")
