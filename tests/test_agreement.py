# SPDX-License-Identifier: Apache-2.0
"""The native engine against the reference in float64, on random models and configs (odd_models.py).

The bound: losses, weights and optimizer state differ by less than `BOUND` of their largest entry. Where a
network is ill-conditioned (a ReLU or a maximum at its kink, a channel that is constant but for rounding) the
reference is as far from itself, if it computes in float32 or its first weights are nudged by a rounding; there the
bound is `TIMES` as far as it moves. Where a form of the loss breaks in float32 and not in float64, it does so at the
step of the reference in float32.
"""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from math import inf
from multiprocessing import get_context

import numpy as np
import pytest

from odd_models import drawing, furthest, mark, odd
from shoal.data import Dataset
from shoal.engines import Checkpoint, EpochRecord, usable_cores
from shoal.engines.native import NativeEngine, instruction_sets
from shoal.engines.reference import ReferenceEngine
from shoal.study import Run
from small_data import same

SETS = instruction_sets()
FUSED = [isa for isa in SETS if NativeEngine(instruction_set=isa).name == "native"]
BOUND, TIMES = 2e-4, 30


def in_float32(run: Run, data: dict[str, Dataset]) -> list[EpochRecord]:
    return list(ReferenceEngine(np.float32).train([run], data))


def nudged(run: Run, data: dict[str, Dataset], course: list[EpochRecord], turn: int) -> float:
    """How far the reference ends from its own course if every weight begins a rounding of float32 away."""
    draw, start = drawing(run.seed, 10 + turn), dict(course[0].tensors)
    for parameter in run.config.model.parameters():
        tensor = start[parameter.name]
        start[parameter.name] = tensor + draw.uniform(-1e-7, 1e-7, tensor.shape) * max(0.1, np.abs(tensor).max())
    moved = list(ReferenceEngine().train([run], data, resume={run: Checkpoint(0, start)}))
    return furthest(moved, course[1:])


def bounds(run: Run, data: dict[str, Dataset], course: list[EpochRecord]) -> Iterator[float]:
    """How far off another engine may be, the strictest first."""
    yield BOUND
    yield TIMES * furthest(in_float32(run, data), course)
    yield TIMES * max(nudged(run, data, course, turn) for turn in range(20))


def error(seed: int) -> dict[str, float]:
    """Per instruction set: how far it is from the reference, as a part of what is allowed (1 would be too far).

    A set is missing where the loss breaks in float32 only; it did so at the right step.
    """
    run, data = odd(seed)
    course = list(ReferenceEngine().train([run], data))
    found = {}
    for isa in SETS:
        ours = list(NativeEngine(threads=1, instruction_set=isa).train([run], data))
        if mark(ours) != mark(course):
            assert mark(ours) == mark(in_float32(run, data)), f"seed {seed}, {isa}"
            continue
        off = furthest(ours, course)
        found[isa] = next((off / bound for bound in bounds(run, data, course) if off < bound), inf)
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
