# SPDX-License-Identifier: Apache-2.0
"""How hard the sketches are: trains the report's models on them and prints test accuracies beside the promised ranges.

Run ``python benchmarks/sketches_calibration.py`` (and ``--seeds 3``) after any change to the drawing; the table goes
into docs/data.md. It trains for some minutes, stores nothing, and ends with 1 when a promise is broken.
"""

import argparse
import statistics
import sys

from shoal.data import Dataset, sketches
from shoal.engines.native import NativeEngine
from shoal.models import lenet, mlp, normal, softmax_regression, xavier_uniform
from shoal.optimizers import SGD
from shoal.study import Config, Run

EPOCHS = 10


def configs(dataset: Dataset) -> list[Config]:
    """Softmax regression, MLP-256 and LeNet, as the report trains them but for LeNet's shorter training."""
    dense = {"data": dataset.name, "optimizer": SGD(lr=0.1), "epochs": EPOCHS, "batch_size": 256, "init": normal(0.01)}
    convolutional = dense | {"batch_size": 128, "init": xavier_uniform()}
    return [
        Config(model=softmax_regression(), **dense),
        Config(model=mlp(256), **dense),
        Config(model=lenet(activation="relu", pooling="max"), **convolutional),
    ]


PROMISED = {
    "sketches-garments": [(0.80, 0.87), (0.85, 0.90), (0.87, 0.93)],
    "sketches-digits": [(0.85, 0.97), (0.93, 0.99), (0.98, 1.0)],
}


def accuracies(dataset: Dataset, seeds: int, threads: int | None) -> list[list[float]]:
    """Test accuracy after the last epoch: a list per config, a number per seed."""
    found: dict[Run, float] = {}
    wanted = configs(dataset)
    runs = [Run(config, seed) for seed in range(seeds) for config in wanted]
    for record in NativeEngine(threads).train(runs, {dataset.name: dataset}):
        found[record.run] = record.validation_accuracy
    return [[found[Run(config, seed)] for seed in range(seeds)] for config in wanted]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--threads", type=int)
    given = parser.parse_args()
    kept = True
    print(f"| sketches | model | test accuracy, {EPOCHS} epochs, n = {given.seeds} | promised |\n|---|---|---|---|")
    for dataset in (sketches.garments(), sketches.digits()):
        means = []
        found = accuracies(dataset, given.seeds, given.threads)
        for config, values, (low, high) in zip(configs(dataset), found, PROMISED[dataset.name], strict=True):
            means.append(statistics.mean(values))
            kept &= low <= means[-1] <= high
            shown = ", ".join(f"{value:.4f}" for value in values)
            print(f"| {dataset.name} | {config.model.name} | {shown} | {low:.2f}-{high:.2f} |", flush=True)
        kept &= means == sorted(means)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
