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
    "conv, padding beyond the kernel": (models.Conv2d(2, 3, 2, stride=3, padding=4), (3, 2, 6, 5)),
    "global average pool": (models.GlobalAvgPool2d(), (2, 3, 7, 5)),
    "relu": (models.ReLU(), (2, 3, 4, 5)),
    "leaky relu": (models.LeakyReLU(), (2, 3, 4, 5)),
    "leaky relu, flat on the left": (models.LeakyReLU(0.0), (4, 7)),
    "leaky relu, steeper on the left": (models.LeakyReLU(1.5), (4, 7)),
    "sigmoid": (models.Sigmoid(), (2, 3, 4, 5)),
    "tanh": (models.Tanh(), (4, 7)),
    "gelu": (models.GELU(), (2, 3, 4, 5)),
    "silu": (models.SiLU(), (2, 3, 4, 5)),
}
NORMS: dict[str, tuple[models.Layer, tuple[int, ...]]] = {
    "features": (models.BatchNorm1d(7), (5, 7)),
    "two examples": (models.BatchNorm1d(3), (2, 3)),
    "channels": (models.BatchNorm2d(3), (4, 3, 5, 2)),
    "places of one image": (models.BatchNorm2d(2), (1, 2, 3, 3)),
    "other eps and momentum": (models.BatchNorm2d(3, eps=0.1, momentum=0.7), (4, 3, 5, 2)),
    "all new each step": (models.BatchNorm1d(4, momentum=1.0), (6, 4)),
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
    by = reference.Operands(*learnt)

    watched = torch.tensor(inp, requires_grad=True)
    expected = module(watched)
    out = reference.layer_forward(layer, inp, by)
    np.testing.assert_allclose(out, expected.detach().numpy(), rtol=1e-13, atol=1e-13)

    dout = random.normal(size=out.shape)
    expected.backward(torch.tensor(dout))
    found = reference.layer_backward(layer, dout, inp, out, by)
    wanted = [watched.grad, *(parameter.grad for parameter in module.parameters())]
    for mine, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(mine, theirs.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", NORMS)
def test_batch_norm(name: str, training: bool) -> None:
    """Three steps: what comes out, what goes back, and the running statistics, which evaluation leaves alone."""
    from torch_twins import twin_layer

    layer, shape = NORMS[name]
    random = np.random.default_rng(0)
    module = twin_layer(layer).double().train(training)
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.is_floating_point():
            tensor.data = torch.tensor(random.uniform(0.5, 2, tensor.shape))
    for _ in range(3):
        named = {name: value.detach().numpy().copy() for name, value in module.state_dict().items() if value.ndim}
        by = reference.Operands(**named, training=training)
        inp = 3 * random.normal(size=shape) + 1
        watched = torch.tensor(inp, requires_grad=True)
        module.zero_grad()
        expected = module(watched)
        out = reference.layer_forward(layer, inp, by)
        np.testing.assert_allclose(out, expected.detach().numpy(), rtol=1e-12, atol=1e-12)
        dout = random.normal(size=shape)
        expected.backward(torch.tensor(dout))
        found = reference.layer_backward(layer, dout, inp, out, by)
        wanted = [watched.grad, module.weight.grad, module.bias.grad]
        for mine, theirs in zip(found, wanted, strict=True):
            np.testing.assert_allclose(mine, theirs.numpy(), rtol=1e-11, atol=1e-12)
        mean, var = by.running_mean, by.running_var
        if training:
            mean, var = reference.batch_norm_running(inp, mean, var, layer.momentum)
        np.testing.assert_allclose(mean, module.running_mean.numpy(), rtol=1e-13)
        np.testing.assert_allclose(var, module.running_var.numpy(), rtol=1e-13)


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.97])
def test_dropout(p: float) -> None:
    """PyTorch's own mask, read off what it lets through of ones; p as near as 65,536ths come."""
    layer, random = models.Dropout(p), np.random.default_rng(0)
    inp, dout = random.normal(size=(2, 6, 9))
    torch.manual_seed(0)
    seen = torch.nn.functional.dropout(torch.ones(6, 9, dtype=torch.float64), layer.threshold / 65536)
    watched = torch.tensor(inp, requires_grad=True)
    expected = watched * seen
    expected.backward(torch.tensor(dout))
    by = reference.Operands(mask=seen.numpy() > 0, training=True)
    out = reference.layer_forward(layer, inp, by)
    np.testing.assert_allclose(out, expected.detach().numpy(), rtol=1e-7)
    (found,) = reference.layer_backward(layer, dout, inp, out, by)
    np.testing.assert_allclose(found, watched.grad.numpy(), rtol=1e-7)


@pytest.mark.parametrize(("batch", "classes"), [(1, 1), (1, 10), (7, 3), (256, 10)])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_softmax_cross_entropy(batch: int, classes: int, scale: float, smoothing: float) -> None:
    random = np.random.default_rng(0)
    logits, labels = scale * random.normal(size=(batch, classes)), random.integers(0, classes, batch)
    watched = torch.tensor(logits, requires_grad=True)
    expected = torch.nn.functional.cross_entropy(watched, torch.tensor(labels), label_smoothing=smoothing)
    expected.backward()
    loss, dlogits = reference.softmax_cross_entropy(logits, labels, smoothing)
    assert loss == pytest.approx(expected.item(), rel=1e-13)
    np.testing.assert_allclose(dlogits, watched.grad.numpy(), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("form", ["shifted", "naive"])
@pytest.mark.parametrize(("batch", "classes"), [(1, 1), (1, 10), (7, 3), (256, 10)])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0])
def test_log_of_softmax(batch: int, classes: int, scale: float, form: Any) -> None:
    from torch_twins import twin_loss

    random = np.random.default_rng(0)
    logits, labels = scale * random.normal(size=(batch, classes)), random.integers(0, classes, batch)
    watched = torch.tensor(logits, requires_grad=True)
    expected = twin_loss(CrossEntropy(form=form), watched, torch.tensor(labels))
    expected.backward()
    loss, dlogits = reference.cross_entropy(CrossEntropy(form=form), logits, labels)
    assert loss == pytest.approx(expected.item(), rel=1e-12)
    np.testing.assert_allclose(dlogits, watched.grad.numpy(), rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("batch", [1, 16])
@pytest.mark.parametrize("form", ["shifted", "naive"])
def test_log_of_softmax_breaks_where_it_does_in_pytorch(form: Any, batch: int) -> None:
    """In float32, at every half of a gap between two logits: the loss and the gradient, each for itself."""
    from torch_twins import twin_loss

    loss_of = CrossEntropy(form=form)
    for gap in np.arange(80, 110, 0.5, np.float32):
        logits, labels = np.array([[gap, 0]] * batch, np.float32), np.ones(batch, int)
        watched = torch.tensor(logits, requires_grad=True)
        expected = twin_loss(loss_of, watched, torch.tensor(labels))
        expected.backward()
        with np.errstate(all="ignore"):
            loss, dlogits = reference.cross_entropy(loss_of, logits, labels)
        assert np.isfinite(loss) == bool(expected.isfinite()), gap
        assert np.isfinite(dlogits).all() == bool(watched.grad.isfinite().all()), gap
