# SPDX-License-Identifier: Apache-2.0
"""Images of any size and channels, and up to a thousand classes: the native engine beside a PyTorch loop."""

import numpy as np
import pytest

from input_shapes import MODELS, run_of
from shoal.engines.native import NativeEngine

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch


@pytest.mark.parametrize("name", MODELS)
def test_native_engine(name: str) -> None:
    from torch_twins import train

    run, data = run_of(name)
    records, expected = list(NativeEngine(threads=1).train([run], {"patches": data})), train(run, data, torch.float32)
    losses = np.concatenate([record.step_losses for record in records])
    np.testing.assert_allclose(losses, expected.step_losses, rtol=2e-5)
    validated = [record.validation_loss for record in records[1:]]
    assert validated == pytest.approx(expected.validation_loss, rel=2e-5)
    for tensor, theirs in expected.weights.items():
        np.testing.assert_allclose(records[-1].tensors[tensor], theirs, rtol=1e-4, atol=2e-6, err_msg=tensor)
