# SPDX-License-Identifier: Apache-2.0
"""The engine: it trains runs one after the other by the formulas beside it, and predicts. It holds none of its own."""

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite, prod

import numpy as np

from shoal import streams
from shoal.data import Dataset
from shoal.engines import Checkpoint, EpochRecord, Scaling, Tensors, check_images, dataset_for, scaling, steps_per_epoch
from shoal.engines.loop import train_run
from shoal.engines.reference.arrays import Array, Bytes, Labels
from shoal.engines.reference.dropout import dropout_mask
from shoal.engines.reference.loss import cross_entropy, log_softmax
from shoal.engines.reference.network import Training, backward, forward, logits, pixels, running
from shoal.engines.reference.update import clip, update
from shoal.models import Dropout, Model
from shoal.study import Config, Run


class ReferenceNetwork:
    """One run while it trains: its weights and optimizer state, and the two things to do with them."""

    def __init__(self, run: Run, steps: int, by: Scaling, tensors: Tensors, dtype: np.dtype) -> None:
        self.config, self.seed, self.steps, self.scaling, self.dtype = run.config, run.seed, steps, by, dtype
        self.tensors = {name: np.asarray(tensor, dtype) for name, tensor in tensors.items()}

    @np.errstate(over="ignore", invalid="ignore", divide="ignore")  # divergence is an outcome, not a warning
    def step(self, images: Bytes, labels: Labels, lr: float, step: int) -> tuple[float, int]:
        """Loss and number right before the update, then the update; none after a non-finite loss."""
        model, (epoch, before) = self.config.model, divmod(step - 1, self.steps)
        start = before * self.config.batch_size
        training = drawn(model, self.seed, epoch, range(start, start + len(images)))
        activations = forward(model, self.tensors, pixels(images, self.scaling, self.dtype), training)
        loss, dlogits = cross_entropy(self.config.loss, activations[-1], labels)
        if isfinite(loss):
            grads = backward(model, self.tensors, activations, dlogits, training)
            clipped = clip(self.config.gradient_clipping, grads)
            moved = self.tensors | running(model, self.tensors, activations)
            self.tensors = update(self.config.optimizer, moved, clipped, lr, step)
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
            steps, by = steps_per_epoch(config, dataset), scaling(config, dataset)
            network = ReferenceNetwork(run, steps, by, tensors, self.dtype)
            yield from train_run(run, dataset, network, checkpoint)

    def predict(self, model: Model, tensors: Tensors, images: Bytes, config: Config, data: Dataset) -> Array:
        """Logits (n, classes) float32 for uint8 images (n, channels, height, width), scaled as in ``config``."""
        check_images(model, images)
        by, own = scaling(config, data), {name: np.asarray(tensor, self.dtype) for name, tensor in tensors.items()}
        parts = [logits(model, own, pixels(images[at : at + 500], by, self.dtype)) for at in range(0, len(images), 500)]
        return np.concatenate([np.empty((0, model.classes)), *parts]).astype(np.float32)


def drawn(model: Model, seed: int, epoch: int, places: Sequence[int]) -> Training:
    """What is dropped for the examples at these places in the order of the epoch after ``epoch`` others."""
    masks, shapes = {}, model.shapes()
    for index, layer in enumerate(model.layers):
        if isinstance(layer, Dropout):
            words = streams.dropout_words(seed, index, epoch, places, prod(shapes[index]))
            masks[index] = dropout_mask(words, layer.threshold, shapes[index])
    return Training(masks)


def initial_tensors(run: Run) -> dict[str, Array]:
    """The weights and buffers a run begins with, and its optimizer's state, which is zero."""
    weights = streams.initial_weights(run.config.model, run.config.init, run.seed)
    learnt = run.config.model.parameters()
    state = {f"{kind}/{one.name}": one.shape for kind in run.config.optimizer.state for one in learnt}
    return weights | {name: np.zeros(shape, np.float32) for name, shape in state.items()}
