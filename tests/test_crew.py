# SPDX-License-Identifier: Apache-2.0
"""Threads without a run of their own help with one that is being trained: it does happen, and changes no bit."""

import pytest

from courses import of_records
from residual import CLIPPING, residual
from shoal import _native
from shoal.engines import usable_cores
from shoal.engines.native import NativeEngine
from shoal.models import Model, lenet
from shoal.optimizers import Adam
from shoal.study import Config, Run
from small_data import patches

BATCH, STEPS, TRIES = 64, 20, 10
SHAPES = {"residual": (1, 9, 9), "LeNet": (1, 28, 28)}
IMAGES = {name: patches(train=BATCH * STEPS + 21, test=300, shape=shape) for name, shape in SHAPES.items()}
MODELS: dict[str, tuple[Model, int]] = {
    "residual": (residual(SHAPES["residual"]), 20),
    "LeNet": (lenet("relu", "max", 3), 3),
}
"""And for how many epochs."""

pytestmark = pytest.mark.skipif(usable_cores() < 2, reason="on one core nobody helps")


@pytest.fixture
def sessions(monkeypatch: pytest.MonkeyPatch) -> list["_native.Session"]:
    """Every session that engines open from now on."""
    opened: list[_native.Session] = []
    open_one = _native.Session

    def noted(threads: int, kernels: str) -> "_native.Session":
        opened.append(open_one(threads, kernels))
        return opened[-1]

    monkeypatch.setattr(_native, "Session", noted)
    return opened


def trained(name: str, threads: int) -> str:
    """The hash of one run of many steps, in which nobody else trains."""
    model, epochs = MODELS[name]
    config = Config(
        data="patches",
        model=model,
        optimizer=Adam(),
        epochs=epochs,
        batch_size=BATCH,
        gradient_clipping=CLIPPING if name == "residual" else None,
    )
    return of_records(NativeEngine(threads).train([Run(config, 0)], {"patches": IMAGES[name]}))


@pytest.mark.parametrize("name", list(MODELS))
def test_helpers_help_and_change_no_bit(name: str, sessions: list["_native.Session"]) -> None:
    alone = trained(name, threads=1)
    assert sessions[-1].helped() == 0
    for threads in (2, 3, 7):
        for _ in range(TRIES):  # a busy machine may keep all others asleep as long as one training takes
            assert trained(name, threads) == alone, threads
            if sessions[-1].helped() > 0:
                break
        assert sessions[-1].helped() > 0, threads
