# SPDX-License-Identifier: Apache-2.0
"""The same layers, optimizers, schedules and training loop in PyTorch, written the way its own tutorials write them."""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from shoal import models, optimizers, streams
from shoal.data import Dataset
from shoal.engines import portions, scaling
from shoal.losses import CrossEntropy
from shoal.study import Config, Run
from shoal.training import ClipNorm, Clipping, ClipValue

torch.set_num_threads(1)


def twin_layer(layer: models.Layer) -> nn.Module:
    """The module of the same name with the same arguments."""
    match layer:
        case models.Linear():
            return nn.Linear(layer.in_features, layer.out_features)
        case models.Conv2d():
            return nn.Conv2d(layer.in_channels, layer.out_channels, layer.kernel_size, layer.stride, layer.padding)
        case models.MaxPool2d():
            return nn.MaxPool2d(layer.kernel_size, layer.stride, layer.padding)
        case models.AvgPool2d():
            return nn.AvgPool2d(layer.kernel_size, layer.stride, layer.padding)
        case models.GlobalAvgPool2d():
            return nn.AdaptiveAvgPool2d(1)
        case models.LeakyReLU():
            return nn.LeakyReLU(layer.negative_slope)
        case models.BatchNorm1d() | models.BatchNorm2d():
            return getattr(nn, type(layer).__name__)(layer.num_features, layer.eps, layer.momentum)
        case models.Dropout():
            return MaskedDropout(layer)
        case models.Add():
            return nn.Identity()  # `Chain` adds
        case _:
            return getattr(nn, type(layer).__name__)()


class MaskedDropout(nn.Module):
    """Dropout by words given from outside, as PyTorch's own draws are its own."""

    def __init__(self, layer: models.Dropout) -> None:
        super().__init__()
        self.threshold, self.scale = round(layer.p * 65536), np.float32(1 / (1 - round(layer.p * 65536) / 65536))
        self.words = np.empty(0)

    def forward(self, inp: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return inp
        kept = torch.from_numpy((self.words >= self.threshold) * self.scale).to(inp.dtype)
        return inp * kept.reshape(inp.shape)


class Chain(nn.Sequential):
    """An `nn.Sequential` in which some places add what an earlier one received: ``adds`` says how far back."""

    def __init__(self, *modules: nn.Module, adds: dict[int, int]) -> None:
        super().__init__(*modules)
        self.adds = adds

    def forward(self, inp: torch.Tensor) -> torch.Tensor:
        received = []
        for index, module in enumerate(self):
            received.append(inp)
            inp = module(inp)
            if index in self.adds:
                inp = inp + received[index - self.adds[index]]
        return inp

    def draw(self, model: models.Model, seed: int, epoch: int, places: range) -> None:
        """Give each dropout its words for these examples of the epoch."""
        for index, (module, shape) in enumerate(zip(self, model.shapes(), strict=False)):
            if isinstance(module, MaskedDropout):
                module.words = streams.dropout_words(seed, index, epoch, places, int(np.prod(shape)))


def twin_model(model: models.Model) -> Chain:
    """The `nn.Sequential` whose state dict has the model's parameter names."""
    adds = {index: layer.back for index, layer in enumerate(model.layers) if isinstance(layer, models.Add)}
    return Chain(*map(twin_layer, model.layers), adds=adds)


class Lion(torch.optim.Optimizer):
    """Algorithm 2 of Chen et al. 2023, line by line: PyTorch has none."""

    def __init__(self, parameters: list[nn.Parameter], **options: Any) -> None:
        super().__init__(parameters, options)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        for group in self.param_groups:
            lr, (beta1, beta2), decay = group["lr"], group["betas"], group["weight_decay"]
            for theta in group["params"]:
                m = self.state[theta].setdefault("exp_avg", torch.zeros_like(theta))
                c = torch.lerp(theta.grad, m, beta1)
                theta.sub_(lr * (torch.sign(c) + decay * theta))
                m.copy_(torch.lerp(theta.grad, m, beta2))


def twin_optimizer(optimizer: optimizers.Optimizer, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    """PyTorch's optimizer of the same name with the same arguments, which have the same names too."""
    name = type(optimizer).__name__
    options = {field: getattr(optimizer, field) for field in optimizer.__struct_fields__}
    return Lion(parameters, **options) if name == "Lion" else getattr(torch.optim, name)(parameters, **options)


def twin_clip(clipping: Clipping | None, parameters: list[nn.Parameter]) -> None:
    """Clip the gradients that are there."""
    match clipping:
        case ClipNorm(max_norm=most):
            nn.utils.clip_grad_norm_(parameters, most)
        case ClipValue(clip_value=most):
            nn.utils.clip_grad_value_(parameters, most)


def twin_loss(loss: CrossEntropy, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """PyTorch's own, or the loss as a textbook writes it: the label's probability, then its logarithm."""
    match loss.form:
        case "log-sum-exp":
            return nn.functional.cross_entropy(logits, labels, label_smoothing=loss.label_smoothing)
        case "shifted":
            p = torch.softmax(logits, dim=1)
        case "naive":
            powers = logits.exp()
            p = powers / powers.sum(dim=1, keepdim=True)
    return -p[range(len(labels)), labels].log().mean()


class Scheduler(NamedTuple):
    """PyTorch's scheduler, and whether it is stepped after each minibatch or after each epoch."""

    scheduler: torch.optim.lr_scheduler.LRScheduler
    by_step: bool


def twin_schedule(schedule: optimizers.Schedule, optimizer: torch.optim.Optimizer, steps: int) -> Scheduler:
    """The scheduler that means the same, given ``steps`` minibatches an epoch."""
    known = torch.optim.lr_scheduler
    match schedule:
        case optimizers.Constant():
            return Scheduler(known.ConstantLR(optimizer, factor=1.0), False)
        case optimizers.StepDecay(every=every, factor_each=factor):
            return Scheduler(known.StepLR(optimizer, every, factor), False)
        case optimizers.Exponential(factor_each=factor):
            return Scheduler(known.ExponentialLR(optimizer, factor), False)
        case optimizers.Cosine(epochs=epochs, floor=floor):
            least = floor * optimizer.param_groups[0]["lr"]
            return Scheduler(known.CosineAnnealingLR(optimizer, epochs * steps, least), True)
        case optimizers.WarmUp(epochs=epochs, then=optimizers.Constant()):
            rising = epochs * steps
            return Scheduler(known.LinearLR(optimizer, 1 / rising, total_iters=rising - 1), True)
    raise NotImplementedError(schedule)


class Trained(NamedTuple):
    """What the loop saw: a loss for each step; loss and accuracy of validation after each epoch; the weights."""

    step_losses: np.ndarray
    validation_loss: list[float]
    validation_accuracy: list[float]
    weights: dict[str, np.ndarray]


def train(run: Run, dataset: Dataset, dtype: torch.dtype) -> Trained:
    """The training loop of any tutorial, from Shoal's initial weights and in Shoal's order of examples."""
    config = run.config
    scale, shift = scaling(config, dataset)
    inputs, tests = (
        torch.from_numpy(split.images * scale + shift).to(dtype) for split in (dataset.train, dataset.test)
    )
    labels, test_labels = (torch.from_numpy(split.labels.astype(np.int64)) for split in (dataset.train, dataset.test))
    model = twin_model(config.model).to(dtype)
    initial = streams.initial_weights(config.model, config.init, run.seed)
    begun = {name: torch.from_numpy(value) for name, value in initial.items()}
    model.load_state_dict(model.state_dict() | begun)  # which also counts minibatches, unlike Shoal
    examples = portions(config, dataset).train.astype(np.int64)
    optimizer = twin_optimizer(config.optimizer, list(model.parameters()))
    scheduler, by_step = twin_schedule(config.schedule, optimizer, -(-len(examples) // config.batch_size))
    losses, validation_loss, validation_accuracy = [], [], []
    for epoch in range(config.epochs):
        order = torch.from_numpy(examples[streams.order(len(examples), run.seed, epoch)])
        model.train()
        for batch, places in zip(order.split(config.batch_size), _places(len(order), config.batch_size), strict=True):
            model.draw(config.model, run.seed, epoch, places)
            optimizer.zero_grad()
            loss = twin_loss(config.loss, model(inputs[batch]), labels[batch])
            loss.backward()
            twin_clip(config.gradient_clipping, list(model.parameters()))
            optimizer.step()
            losses.append(loss.item())
            if by_step:
                scheduler.step()
        if not by_step:
            scheduler.step()
        model.eval()
        with torch.no_grad():
            logits = model(tests)
        validation_loss.append(nn.functional.cross_entropy(logits, test_labels).item())
        validation_accuracy.append((logits.argmax(1) == test_labels).double().mean().item())
    weights = {name: model.state_dict()[name].numpy() for name in initial}
    return Trained(np.array(losses), validation_loss, validation_accuracy, weights)


def undecided(config: Config) -> set[str]:
    """Tensors that rounding decides: a bias right before a batch norm, and the running mean which follows it.

    The norm subtracts the bias with the mean, so its gradient is zero but for rounding. An optimizer that divides by
    the gradient's size, or takes its sign, makes full steps of that. No training loss depends on them; validation
    does, since the running mean lags behind.
    """
    if isinstance(config.optimizer, optimizers.SGD):
        return set()
    layers = config.model.layers
    return {
        tensor
        for index, (layer, after) in enumerate(pairwise(layers))
        if isinstance(layer, models.Linear | models.Conv2d) and isinstance(after, models.BatchNormSpec)
        for tensor in (f"{index}.bias", f"{index + 1}.running_mean")
    }


def _places(count: int, size: int) -> list[range]:
    return [range(start, min(start + size, count)) for start in range(0, count, size)]
