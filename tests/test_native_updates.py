# SPDX-License-Identifier: Apache-2.0
"""Every optimizer, clipping and label smoothing in the native engine: against the reference, resumed, in company."""

from typing import Any

import numpy as np
import pytest

from shoal.engines import Checkpoint, EpochRecord
from shoal.engines.native import NativeEngine, instruction_sets
from shoal.engines.reference import ReferenceEngine
from shoal.losses import CrossEntropy
from shoal.models import AvgPool2d, Conv2d, Flatten, Linear, Model, Sigmoid, mlp
from shoal.optimizers import SGD, Adagrad, Adam, AdamW, Lion, Optimizer, RMSprop
from shoal.study import Config, Run
from shoal.training import ClipNorm, ClipValue
from small_data import patches, same

DATA = {"patches": patches(train=53, test=21)}
MLP = mlp(7, classes=3, input_shape=(1, 8, 8))
NET = Model((Conv2d(1, 3, 3, padding=1), Sigmoid(), AvgPool2d(2), Flatten(), Linear(48, 3)), (1, 8, 8))

ASKED: dict[str, dict[str, Any]] = {
    "Lion": {"optimizer": Lion(lr=1e-3)},
    "Lion, other means and decay": {"optimizer": Lion(lr=1e-3, betas=(0.5, 0.8), weight_decay=0.5)},
    "Adagrad": {"optimizer": Adagrad(lr=0.05)},
    "Adagrad with everything": {"optimizer": Adagrad(lr=0.05, lr_decay=0.1, weight_decay=0.02, eps=1e-3)},
    "RMSprop": {"optimizer": RMSprop(lr=1e-3, eps=1e-4)},
    "RMSprop, momentum": {"optimizer": RMSprop(lr=1e-3, eps=1e-4, momentum=0.9)},
    "RMSprop with everything": {"optimizer": RMSprop(lr=1e-3, alpha=0.7, eps=1e-3, weight_decay=0.02, momentum=0.5)},
    "norm clipped": {"gradient_clipping": ClipNorm(0.1)},
    "norm within its bound": {"gradient_clipping": ClipNorm(1e6)},
    "norm clipped, momentum and decay": {
        "gradient_clipping": ClipNorm(0.1),
        "optimizer": SGD(lr=0.3, momentum=0.9, weight_decay=0.1),
    },
    "norm clipped, Adam": {"gradient_clipping": ClipNorm(0.01), "optimizer": Adam(lr=1e-2, eps=1e-4)},
    "values clipped": {"gradient_clipping": ClipValue(0.01)},
    "values clipped, AdamW": {"gradient_clipping": ClipValue(0.01), "optimizer": AdamW(lr=1e-2, eps=1e-4)},
    "labels smoothed": {"loss": CrossEntropy(label_smoothing=0.2)},
    "nothing but smoothing": {"loss": CrossEntropy(label_smoothing=1.0)},
    "everything at once": {
        "optimizer": RMSprop(lr=1e-3, eps=1e-3, momentum=0.5),
        "loss": CrossEntropy(label_smoothing=0.1),
        "gradient_clipping": ClipNorm(0.2),
    },
}


def run(name: str, model: Model = MLP, **changes: Any) -> Run:
    """Six steps an epoch, the last of three images, so that tiles are short."""
    usual = {"data": "patches", "model": model, "optimizer": SGD(lr=0.3), "epochs": 4, "batch_size": 10}
    return Run(Config(**(usual | ASKED[name] | changes)), 2)


def trained(engine: NativeEngine | ReferenceEngine, asked: Run, **named: Any) -> list[EpochRecord]:
    return list(engine.train([asked], DATA, **named))


def test_every_optimizer_is_asked_for() -> None:
    usual = {SGD, Adam, AdamW}
    assert {type(asked["optimizer"]) for asked in ASKED.values() if "optimizer" in asked} | usual == set(
        Optimizer.__args__
    )


@pytest.mark.parametrize("model", [MLP, NET], ids=["mlp", "convolution"])
@pytest.mark.parametrize("isa", instruction_sets())
@pytest.mark.parametrize("name", ASKED)
def test_it_agrees_with_the_reference(name: str, isa: str, model: Model) -> None:
    """Losses of all steps, weights and state: apart by the rounding of float32 over two dozen steps."""
    asked = run(name, model)
    ours = trained(NativeEngine(threads=1, instruction_set=isa), asked)
    truth = trained(ReferenceEngine(), asked)
    for one, other in zip(ours, truth, strict=True):
        np.testing.assert_allclose(one.step_losses, other.step_losses, rtol=2e-5)
        assert one.validation_loss == pytest.approx(other.validation_loss, rel=2e-5)
        assert one.tensors.keys() == other.tensors.keys()
    for tensor, value in ours[-1].tensors.items():
        np.testing.assert_allclose(value, truth[-1].tensors[tensor], rtol=1e-4, atol=2e-5, err_msg=tensor)


@pytest.mark.parametrize("name", ASKED)
def test_it_resumes_to_the_same_bits(name: str) -> None:
    asked = run(name)
    whole = trained(NativeEngine(threads=2), asked)
    rest = trained(NativeEngine(threads=1), asked, resume={asked: Checkpoint(2, whole[2].tensors)})
    assert len(rest) == 2
    assert all(map(same, rest, whole[3:]))


def test_company_changes_no_bit() -> None:
    everyone = [run(name) for name in ASKED]
    together: dict[Run, list[EpochRecord]] = {asked: [] for asked in everyone}
    for record in NativeEngine(threads=3).train(everyone, DATA):
        together[record.run].append(record)
    for asked, found in together.items():
        assert all(map(same, found, trained(NativeEngine(threads=1), asked)))


def test_a_bound_that_nothing_reaches_changes_no_bit() -> None:
    free = trained(NativeEngine(threads=1), run("norm within its bound", gradient_clipping=None))
    for clipping in (ClipNorm(1e6), ClipValue(1e6)):
        bounded = trained(NativeEngine(threads=1), run("norm within its bound", gradient_clipping=clipping))
        assert all(map(same, free, bounded))
