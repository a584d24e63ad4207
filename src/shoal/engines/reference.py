# SPDX-License-Identifier: Apache-2.0
"""The reference engine: every layer, the loss and every optimizer in plain NumPy, written to be read.

It is the truth other engines are held to, and it is proved itself: by finite differences, and against
PyTorch. It trades speed for clarity wherever the two disagree; it knows no threads and no fused operations.
`loop.py` beside it holds what happens in an epoch; this file holds what happens in a step.

Shapes: B examples, C channels of H×W, O output channels or features, I input features, K kernel size,
Y×X places a window takes. ``d`` before a name is the derivative of the loss by it.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite, prod

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from shoal import models, streams
from shoal.data import Dataset
from shoal.engines import Checkpoint, EpochRecord, Scaling, Tensors, check_images, dataset_for, scaling
from shoal.engines.loop import train_run
from shoal.losses import CrossEntropy
from shoal.models import Model
from shoal.optimizers import SGD, Adam, AdamW, Optimizer
from shoal.study import Config, Run

Array = npt.NDArray[np.floating]
Bytes = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.integer]

# ---- layers with weights ------------------------------------------------------------------------------


def linear_forward(inp: Array, weight: Array, bias: Array) -> Array:
    """out (B, O) = inp (B, I) @ weightᵀ (I, O) + bias (O)."""
    return np.asarray(inp @ weight.T + bias)


def linear_backward(dout: Array, inp: Array, weight: Array) -> tuple[Array, Array, Array]:
    """dinp (B, I), dweight (O, I), dbias (O) from dout (B, O), inp (B, I), weight (O, I)."""
    return dout @ weight, dout.T @ inp, dout.sum(axis=0)


def conv2d_forward(inp: Array, weight: Array, bias: Array, stride: int, padding: int) -> Array:
    """out (B, O, Y, X) from inp (B, C, H, W), weight (O, C, K, K), bias (O): a dot product at each place."""
    seen = windows(inp, weight.shape[-1], stride, padding)
    out = np.tensordot(seen, weight, axes=((1, 4, 5), (1, 2, 3))) + bias  # (B, Y, X, O)
    return np.ascontiguousarray(np.moveaxis(out, 3, 1))


def conv2d_backward(dout: Array, inp: Array, weight: Array, stride: int, padding: int) -> tuple[Array, Array, Array]:
    """dinp (B, C, H, W), dweight (O, C, K, K), dbias (O) from dout (B, O, Y, X)."""
    dseen = np.tensordot(dout, weight, axes=(1, 0))  # (B, Y, X, C, K, K)
    dinp = fold(np.moveaxis(dseen, 3, 1), inp.shape, stride, padding)
    return dinp, *conv2d_backward_weight(dout, inp, weight.shape[-1], stride, padding)


def conv2d_backward_weight(dout: Array, inp: Array, kernel: int, stride: int, padding: int) -> tuple[Array, Array]:
    """dweight (O, C, K, K), dbias (O) from dout (B, O, Y, X): all a first layer needs, as nobody moves pixels."""
    seen = windows(inp, kernel, stride, padding)
    return np.tensordot(dout, seen, axes=((0, 2, 3), (0, 2, 3))), dout.sum(axis=(0, 2, 3))


def windows(inp: Array, kernel: int, stride: int, padding: int, fill: float = 0.0) -> Array:
    """What a window sees at each place: a view (B, C, Y, X, K, K) of inp (B, C, H, W) inside its padding."""
    if padding:
        edge = (padding, padding)
        inp = np.pad(inp, ((0, 0), (0, 0), edge, edge), constant_values=fill)
    return sliding_window_view(inp, (kernel, kernel), axis=(2, 3))[:, :, ::stride, ::stride]


def fold(dseen: Array, shape: tuple[int, ...], stride: int, padding: int) -> Array:
    """The transpose of `windows`: dinp (B, C, H, W), each pixel summed over all windows (B, C, Y, X, K, K) on it."""
    batch, channels, high, wide = shape
    rows, columns, kernel = dseen.shape[2], dseen.shape[3], dseen.shape[4]
    padded = np.zeros((batch, channels, high + 2 * padding, wide + 2 * padding), dseen.dtype)
    for y in range(kernel):
        for x in range(kernel):
            padded[:, :, y : y + stride * rows : stride, x : x + stride * columns : stride] += dseen[..., y, x]
    return padded[:, :, padding : padding + high, padding : padding + wide]


# ---- layers without weights ---------------------------------------------------------------------------


def max_pool2d_forward(inp: Array, kernel: int, stride: int, padding: int) -> Array:
    """out (B, C, Y, X): the largest value of each window of inp (B, C, H, W); padding never wins."""
    return np.asarray(windows(inp, kernel, stride, padding, fill=-np.inf).max(axis=(4, 5)))


def max_pool2d_backward(dout: Array, inp: Array, kernel: int, stride: int, padding: int) -> Array:
    """dinp (B, C, H, W) from dout (B, C, Y, X): all to each window's largest value, to the first of equals."""
    seen = windows(inp, kernel, stride, padding, fill=-np.inf)
    flat = seen.reshape(*dout.shape, kernel * kernel)
    dflat = np.zeros(flat.shape, dout.dtype)
    np.put_along_axis(dflat, flat.argmax(axis=4)[..., None], dout[..., None], axis=4)
    return fold(dflat.reshape(seen.shape), inp.shape, stride, padding)


def avg_pool2d_forward(inp: Array, kernel: int, stride: int, padding: int) -> Array:
    """out (B, C, Y, X): the mean of each window of inp (B, C, H, W); padding counts as zeros."""
    return np.asarray(windows(inp, kernel, stride, padding).mean(axis=(4, 5)))


def avg_pool2d_backward(dout: Array, inp: Array, kernel: int, stride: int, padding: int) -> Array:
    """dinp (B, C, H, W) from dout (B, C, Y, X): an equal share to every value of the window."""
    share = dout[..., None, None] / kernel**2
    return fold(np.broadcast_to(share, (*dout.shape, kernel, kernel)), inp.shape, stride, padding)


def flatten_forward(inp: Array) -> Array:
    """out (B, C·H·W) is inp (B, C, H, W), channel-major."""
    return inp.reshape(len(inp), prod(inp.shape[1:]))


def flatten_backward(dout: Array, inp: Array) -> Array:
    """dinp (B, C, H, W) is dout (B, C·H·W)."""
    return dout.reshape(inp.shape)


def relu_forward(inp: Array) -> Array:
    """out = max(inp, 0), any shape. NaN stays NaN."""
    return np.maximum(inp, 0)


def relu_backward(dout: Array, out: Array) -> Array:
    """dinp = dout where out > 0, else 0."""
    return dout * (out > 0)


def sigmoid_forward(inp: Array) -> Array:
    """out = 1 / (1 + exp(-inp)), written so that exp never overflows: its argument is never positive."""
    small = np.exp(-np.abs(inp))
    return np.asarray(np.where(inp >= 0, 1, small) / (1 + small))


def sigmoid_backward(dout: Array, out: Array) -> Array:
    """dinp = dout · out · (1 - out)."""
    return dout * out * (1 - out)


def tanh_forward(inp: Array) -> Array:
    """out = tanh(inp)."""
    return np.asarray(np.tanh(inp))


def tanh_backward(dout: Array, out: Array) -> Array:
    """dinp = dout · (1 - out²)."""
    return dout * (1 - out * out)


# ---- loss ---------------------------------------------------------------------------------------------


def log_softmax(logits: Array) -> Array:
    """log p (B, O) of logits (B, O): log-sum-exp, so that no exponential overflows and no logarithm sees 0."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def softmax_cross_entropy(logits: Array, labels: Labels) -> tuple[float, Array]:
    """The mean cross-entropy of logits (B, O) with labels (B), and dlogits (B, O) = (p - onehot) / B."""
    each = np.arange(len(labels))
    log_p = log_softmax(logits)
    loss = -log_p[each, labels].mean()
    dlogits = np.exp(log_p)
    dlogits[each, labels] -= 1
    return float(loss), dlogits / len(labels)


def log_of_softmax(logits: Array, labels: Labels, shift: bool) -> tuple[float, Array]:
    """The same of logits (B, O) and labels (B), through the probabilities: there and back one step at a time.

    p = exp(z) / Σ exp(z), each z less the largest if ``shift``; loss = -mean log p[label]. Back through mean and
    logarithm, dp[label] = -1 / B / p[label]; back through the softmax, dz = p · (dp - Σ dp · p). A framework goes this
    way for -log(softmax(z)[label]), and both break where exp overflows and where p[label] or 1 / p[label] / B does.
    """
    each = np.arange(len(labels))
    powers = np.exp(logits - logits.max(axis=1, keepdims=True) if shift else logits)
    p = powers / powers.sum(axis=1, keepdims=True)
    loss = -np.log(p[each, labels]).mean()
    dp = np.zeros_like(p)
    dp[each, labels] = (-1 / len(labels)) / p[each, labels]
    return float(loss), p * (dp - (dp * p).sum(axis=1, keepdims=True))


def cross_entropy(loss: CrossEntropy, logits: Array, labels: Labels) -> tuple[float, Array]:
    """The mean cross-entropy of logits (B, O) with labels (B) and dlogits (B, O), computed in the loss's form."""
    if loss.form == "log-sum-exp":
        return softmax_cross_entropy(logits, labels)
    return log_of_softmax(logits, labels, shift=loss.form == "shifted")


# ---- optimizers: new weight and new state from old ones ----------------------------------------------


def sgd_step(
    weight: Array, grad: Array, velocity: Array, lr: float, momentum: float, nesterov: bool, weight_decay: float
) -> tuple[Array, Array]:
    """New weight and velocity; all of one shape. Without momentum the velocity is the gradient."""
    grad = grad + weight_decay * weight
    velocity = momentum * velocity + grad
    direction = grad + momentum * velocity if nesterov else velocity
    return weight - lr * direction, velocity


def adam_step(
    weight: Array,
    grad: Array,
    mean: Array,
    square: Array,
    step: int,
    lr: float,
    betas: tuple[float, float],
    eps: float,
    weight_decay: float,
) -> tuple[Array, Array, Array]:
    """New weight, running mean and running square; all of one shape. ``step`` counts from 1."""
    grad = grad + weight_decay * weight
    mean = betas[0] * mean + (1 - betas[0]) * grad
    square = betas[1] * square + (1 - betas[1]) * grad * grad
    # Both means start at 0; dividing by the weight they have gathered so far makes up for it.
    root = np.sqrt(square) / (1 - betas[1] ** step) ** 0.5 + eps
    return weight - lr / (1 - betas[0] ** step) * mean / root, mean, square


def adamw_step(
    weight: Array,
    grad: Array,
    mean: Array,
    square: Array,
    step: int,
    lr: float,
    betas: tuple[float, float],
    eps: float,
    weight_decay: float,
) -> tuple[Array, Array, Array]:
    """As `adam_step`, but the decay shrinks the weight itself and never passes through the running means."""
    return adam_step(weight * (1 - lr * weight_decay), grad, mean, square, step, lr, betas, eps, 0.0)


def update(optimizer: Optimizer, tensors: Tensors, grads: Tensors, lr: float, step: int) -> dict[str, Array]:
    """Weights and optimizer state after one update. ``step`` counts from 1 over the whole run."""
    after = dict(tensors)
    for name, grad in grads.items():
        states = [f"{kind}/{name}" for kind in optimizer.state]
        weight, old = tensors[name], [tensors[state] for state in states]
        new: tuple[Array, ...]
        match optimizer:
            case SGD(momentum=momentum, nesterov=nesterov, weight_decay=decay):
                velocity = old[0] if old else np.zeros_like(weight)
                new = sgd_step(weight, grad, velocity, lr, momentum, nesterov, decay)
            case Adam(betas=betas, eps=eps, weight_decay=decay):
                new = adam_step(weight, grad, old[0], old[1], step, lr, betas, eps, decay)
            case AdamW(betas=betas, eps=eps, weight_decay=decay):
                new = adamw_step(weight, grad, old[0], old[1], step, lr, betas, eps, decay)
        after[name] = new[0]
        after.update(zip(states, new[1:], strict=False))
    return after


# ---- a whole network ----------------------------------------------------------------------------------


def layer_forward(layer: models.Layer, inp: Array, weight: Array, bias: Array) -> Array:
    """One layer, whichever it is; the weight and bias of a layer that has none are empty."""
    match layer:
        case models.Linear():
            return linear_forward(inp, weight, bias)
        case models.Conv2d(stride=stride, padding=padding):
            return conv2d_forward(inp, weight, bias, stride, padding)
        case models.MaxPool2d(kernel_size=kernel, step=stride, padding=padding):
            return max_pool2d_forward(inp, kernel, stride, padding)
        case models.AvgPool2d(kernel_size=kernel, step=stride, padding=padding):
            return avg_pool2d_forward(inp, kernel, stride, padding)
        case models.Flatten():
            return flatten_forward(inp)
        case models.ReLU():
            return relu_forward(inp)
        case models.Sigmoid():
            return sigmoid_forward(inp)
        case models.Tanh():
            return tanh_forward(inp)


def layer_backward(layer: models.Layer, dout: Array, inp: Array, out: Array, weight: Array) -> tuple[Array, ...]:
    """dinp, and after it dweight and dbias where the layer has them."""
    match layer:
        case models.Linear():
            return linear_backward(dout, inp, weight)
        case models.Conv2d(stride=stride, padding=padding):
            return conv2d_backward(dout, inp, weight, stride, padding)
        case models.MaxPool2d(kernel_size=kernel, step=stride, padding=padding):
            return (max_pool2d_backward(dout, inp, kernel, stride, padding),)
        case models.AvgPool2d(kernel_size=kernel, step=stride, padding=padding):
            return (avg_pool2d_backward(dout, inp, kernel, stride, padding),)
        case models.Flatten():
            return (flatten_backward(dout, inp),)
        case models.ReLU():
            return (relu_backward(dout, out),)
        case models.Sigmoid():
            return (sigmoid_backward(dout, out),)
        case models.Tanh():
            return (tanh_backward(dout, out),)


NOTHING = np.empty(0)


def layer_tensors(tensors: Tensors, index: int) -> tuple[Array, Array]:
    """The weight and bias of the layer at ``index``, empty if it has none."""
    return tensors.get(f"{index}.weight", NOTHING), tensors.get(f"{index}.bias", NOTHING)


def forward(model: Model, tensors: Tensors, inputs: Array) -> list[Array]:
    """The inputs (B, C, H, W), then what each layer makes of them; the last are the logits (B, classes)."""
    activations = [inputs]
    for index, layer in enumerate(model.layers):
        activations.append(layer_forward(layer, activations[-1], *layer_tensors(tensors, index)))
    return activations


def backward(model: Model, tensors: Tensors, activations: Sequence[Array], dlogits: Array) -> dict[str, Array]:
    """The gradient of every parameter by its name, from what `forward` kept and dlogits (B, classes).

    It ends at the first layer that has weights: nobody needs the gradient of the pixels, and for a convolution
    it would cost as much as all the rest.
    """
    first = min(index for index, layer in enumerate(model.layers) if layer.parameters())
    grads: dict[str, Array] = {}
    dout = dlogits
    for index in range(len(model.layers) - 1, first - 1, -1):
        layer, inp, out = model.layers[index], activations[index], activations[index + 1]
        if index == first and isinstance(layer, models.Conv2d):
            found: tuple[Array, ...] = conv2d_backward_weight(dout, inp, layer.kernel_size, layer.stride, layer.padding)
        else:
            dout, *rest = layer_backward(layer, dout, inp, out, layer_tensors(tensors, index)[0])
            found = tuple(rest)
        grads.update(zip((f"{index}.weight", f"{index}.bias"), found, strict=False))
    return {parameter.name: grads[parameter.name] for parameter in model.parameters()}


def gradients(model: Model, tensors: Tensors, inputs: Array, labels: Labels) -> tuple[float, dict[str, Array]]:
    """The mean cross-entropy of inputs (B, C, H, W) with labels (B), and its gradient by parameter name."""
    activations = forward(model, tensors, inputs)
    loss, dlogits = softmax_cross_entropy(activations[-1], labels)
    return loss, backward(model, tensors, activations, dlogits)


def logits(model: Model, tensors: Tensors, inputs: Array) -> Array:
    """The last of `forward`, keeping only one activation at a time: what prediction needs."""
    for index, layer in enumerate(model.layers):
        inputs = layer_forward(layer, inputs, *layer_tensors(tensors, index))
    return inputs


def pixels(images: Bytes, by: Scaling, dtype: np.dtype) -> Array:
    """Network inputs from uint8 images: byte · scale + shift in float32, as every engine does, then ``dtype``."""
    return (images.astype(np.float32) * by.scale + by.shift).astype(dtype, copy=False)


# ---- the engine ---------------------------------------------------------------------------------------


class ReferenceNetwork:
    """One run while it trains: its weights and optimizer state, and the two things to do with them."""

    def __init__(self, config: Config, by: Scaling, tensors: Tensors, dtype: np.dtype) -> None:
        self.config, self.scaling, self.dtype = config, by, dtype
        self.tensors = {name: np.asarray(tensor, dtype) for name, tensor in tensors.items()}

    @np.errstate(over="ignore", invalid="ignore", divide="ignore")  # divergence is an outcome, not a warning
    def step(self, images: Bytes, labels: Labels, lr: float, step: int) -> tuple[float, int]:
        """Loss and number right before the update, then the update; none after a non-finite loss."""
        model = self.config.model
        activations = forward(model, self.tensors, pixels(images, self.scaling, self.dtype))
        loss, dlogits = cross_entropy(self.config.loss, activations[-1], labels)
        if isfinite(loss):
            grads = backward(model, self.tensors, activations, dlogits)
            self.tensors = update(self.config.optimizer, self.tensors, grads, lr, step)
        return loss, int((activations[-1].argmax(axis=1) == labels).sum())

    @np.errstate(over="ignore", invalid="ignore")
    def evaluate(self, images: Bytes, labels: Labels) -> tuple[float, int]:
        """Summed loss, by log-sum-exp whatever the run trains with, and number right."""
        out = logits(self.config.model, self.tensors, pixels(images, self.scaling, self.dtype))
        losses = -log_softmax(out)[np.arange(len(labels)), labels]
        return float(losses.sum(dtype=np.float64)), int((out.argmax(axis=1) == labels).sum())


class ReferenceEngine:
    """Trains runs one after the other, in float64 unless asked for float32."""

    def __init__(self, dtype: type[np.floating] = np.float64) -> None:
        self.dtype = np.dtype(dtype)
        self.name = f"reference-{self.dtype.name}"

    def train(
        self, runs: Sequence[Run], data: Mapping[str, Dataset], *, resume: Mapping[Run, Checkpoint] | None = None
    ) -> Iterator[EpochRecord]:
        """Records of each run in turn, from epoch 0 or after its checkpoint. Closing stops between epochs."""
        for run in runs:
            config = run.config
            dataset = dataset_for(config, data)
            checkpoint = (resume or {}).get(run)
            tensors = checkpoint.tensors if checkpoint else initial_tensors(run)
            network = ReferenceNetwork(config, scaling(config, dataset), tensors, self.dtype)
            yield from train_run(run, dataset, network, checkpoint.epoch if checkpoint else None)

    def predict(self, model: Model, tensors: Tensors, images: Bytes, config: Config, data: Dataset) -> Array:
        """Logits (n, classes) float32 for uint8 images (n, channels, height, width), scaled as in ``config``."""
        check_images(model, images)
        by, own = scaling(config, data), {name: np.asarray(tensor, self.dtype) for name, tensor in tensors.items()}
        parts = [logits(model, own, pixels(images[at : at + 500], by, self.dtype)) for at in range(0, len(images), 500)]
        return np.concatenate([np.empty((0, model.classes)), *parts]).astype(np.float32)


def initial_tensors(run: Run) -> dict[str, Array]:
    """The weights a run begins with, and its optimizer's state, which is zero."""
    weights = streams.initial_weights(run.config.model, run.config.init, run.seed)
    state = [f"{kind}/{name}" for kind in run.config.optimizer.state for name in weights]
    return weights | {name: np.zeros_like(weights[name.partition("/")[2]]) for name in state}
