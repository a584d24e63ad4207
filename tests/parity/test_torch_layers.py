# SPDX-License-Identifier: Apache-2.0
"""Every layer, forward and backward, and the loss: the reference engine against PyTorch, in float64."""

from typing import Any

import numpy as np
import pytest

from shoal import models
from shoal.engines import reference
from shoal.losses import CrossEntropy

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

LAYERS: dict[str, tuple[models.Layer, tuple[int, ...]]] = {
    "linear": (models.Linear(7, 5), (3, 7)),
    "linear, one of each": (models.Linear(1, 1), (1, 1)),
    "conv": (models.Conv2d(1, 6, 5, padding=2), (2, 1, 9, 9)),
    "conv, many channels": (models.Conv2d(6, 16, 5), (2, 6, 7, 8)),
    "conv, stride": (models.Conv2d(3, 4, 3, stride=2), (2, 3, 8, 7)),
    "conv, stride beyond the kernel": (models.Conv2d(2, 2, 2, stride=3), (2, 2, 9, 7)),
    "conv, stride and padding": (models.Conv2d(2, 3, 4, stride=3, padding=3), (3, 2, 6, 5)),
    "conv, 1×1": (models.Conv2d(3, 2, 1), (2, 3, 4, 5)),
    "conv, as large as the image": (models.Conv2d(2, 3, 4), (2, 2, 4, 4)),
    "max pool": (models.MaxPool2d(2), (2, 3, 6, 4)),
    "max pool, rest left over": (models.MaxPool2d(2), (2, 3, 7, 5)),
    "max pool, overlapping": (models.MaxPool2d(3, stride=1), (2, 2, 6, 5)),
    "max pool, padding": (models.MaxPool2d(3, stride=2, padding=1), (2, 2, 6, 5)),
    "average pool": (models.AvgPool2d(2), (2, 3, 6, 4)),
    "average pool, rest left over": (models.AvgPool2d(3), (2, 3, 7, 5)),
    "average pool, overlapping": (models.AvgPool2d(3, stride=2), (2, 2, 7, 6)),
    "average pool, padding": (models.AvgPool2d(4, stride=3, padding=2), (2, 2, 7, 6)),
    "flatten": (models.Flatten(), (2, 3, 4, 5)),
    "relu": (models.ReLU(), (2, 3, 4, 5)),
    "sigmoid": (models.Sigmoid(), (2, 3, 4, 5)),
    "tanh": (models.Tanh(), (4, 7)),
}


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_layer(name: str, ties: bool) -> None:
    """Also on small whole numbers, where windows have several largest values and ReLU meets exact zeros."""
    from torch_twins import twin_layer

    layer, shape = LAYERS[name]
    random = np.random.default_rng(0)
    inp = random.integers(-2, 3, shape).astype(float) if ties else random.normal(size=shape)
    module = twin_layer(layer).double()
    learnt = [parameter.detach().numpy() for parameter in module.parameters()]
    weight, bias = learnt or (reference.NOTHING, reference.NOTHING)

    watched = torch.tensor(inp, requires_grad=True)
    expected = module(watched)
    out = reference.layer_forward(layer, inp, weight, bias)
    np.testing.assert_allclose(out, expected.detach().numpy(), rtol=1e-13, atol=1e-13)

    dout = random.normal(size=out.shape)
    expected.backward(torch.tensor(dout))
    found = reference.layer_backward(layer, dout, inp, out, weight)
    wanted = [watched.grad, *(parameter.grad for parameter in module.parameters())]
    for mine, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(mine, theirs.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("batch", "classes"), [(1, 1), (1, 10), (7, 3), (256, 10)])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_softmax_cross_entropy(batch: int, classes: int, scale: float) -> None:
    random = np.random.default_rng(0)
    logits, labels = scale * random.normal(size=(batch, classes)), random.integers(0, classes, batch)
    watched = torch.tensor(logits, requires_grad=True)
    expected = torch.nn.functional.cross_entropy(watched, torch.tensor(labels))
    expected.backward()
    loss, dlogits = reference.softmax_cross_entropy(logits, labels)
    assert loss == pytest.approx(expected.item(), rel=1e-13)
    np.testing.assert_allclose(dlogits, watched.grad.numpy(), rtol=1e-12, atol=1e-15)


def through_probabilities(form: Any, logits: Any, labels: Any) -> Any:
    """The loss as a textbook writes it, for PyTorch to differentiate: the label's probability, then its logarithm."""
    if form == "shifted":
        p = torch.softmax(logits, dim=1)
    else:
        powers = logits.exp()
        p = powers / powers.sum(dim=1, keepdim=True)
    return -p[range(len(labels)), labels].log().mean()


@pytest.mark.parametrize("form", ["shifted", "naive"])
@pytest.mark.parametrize(("batch", "classes"), [(1, 1), (1, 10), (7, 3), (256, 10)])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0])
def test_log_of_softmax(batch: int, classes: int, scale: float, form: Any) -> None:
    random = np.random.default_rng(0)
    logits, labels = scale * random.normal(size=(batch, classes)), random.integers(0, classes, batch)
    watched = torch.tensor(logits, requires_grad=True)
    expected = through_probabilities(form, watched, torch.tensor(labels))
    expected.backward()
    loss, dlogits = reference.cross_entropy(CrossEntropy(form=form), logits, labels)
    assert loss == pytest.approx(expected.item(), rel=1e-12)
    np.testing.assert_allclose(dlogits, watched.grad.numpy(), rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("batch", [1, 16])
@pytest.mark.parametrize("form", ["shifted", "naive"])
def test_log_of_softmax_breaks_where_it_does_in_pytorch(form: Any, batch: int) -> None:
    """In float32, at every half of a gap between two logits: the loss and the gradient, each for itself."""
    for gap in np.arange(80, 110, 0.5, np.float32):
        logits, labels = np.array([[gap, 0]] * batch, np.float32), np.ones(batch, int)
        watched = torch.tensor(logits, requires_grad=True)
        expected = through_probabilities(form, watched, torch.tensor(labels))
        expected.backward()
        with np.errstate(all="ignore"):
            loss, dlogits = reference.cross_entropy(CrossEntropy(form=form), logits, labels)
        assert np.isfinite(loss) == bool(expected.isfinite()), gap
        assert np.isfinite(dlogits).all() == bool(watched.grad.isfinite().all()), gap
