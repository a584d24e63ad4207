# SPDX-License-Identifier: Apache-2.0
"""Images of any size and channels, and up to a thousand classes: both engines train the same network on them."""

from itertools import product

import numpy as np
import pytest

from input_shapes import CLASSES, MODELS, SHAPES, run_of
from shoal.engines.native import NativeEngine, instruction_sets
from shoal.engines.reference import ReferenceEngine


@pytest.mark.parametrize("name", MODELS)
def test_engines_agree(name: str) -> None:
    """Every instruction set: losses of four steps, weights after them, validation before and after each epoch."""
    run, data = run_of(name)
    truth = list(ReferenceEngine().train([run], {"patches": data}))
    for isa in instruction_sets():
        found = list(NativeEngine(threads=1, instruction_set=isa).train([run], {"patches": data}))
        for one, other in zip(found, truth, strict=True):
            np.testing.assert_allclose(one.step_losses, other.step_losses, rtol=2e-5)
            assert one.validation_loss == pytest.approx(other.validation_loss, rel=2e-5)
            assert one.validation_accuracy == other.validation_accuracy
        for tensor, value in found[-1].tensors.items():
            np.testing.assert_allclose(value, truth[-1].tensors[tensor], rtol=1e-4, atol=2e-6, err_msg=tensor)


def test_every_shape_meets_every_number_of_classes() -> None:
    met = {(tuple(model.input_shape), model.classes) for model in MODELS.values()}
    assert met >= set(product(SHAPES, CLASSES))
