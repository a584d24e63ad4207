# SPDX-License-Identifier: Apache-2.0
"""SGD, momentum and Adam on LeNet, each with and without a cosine schedule; choices are made on a hold-out.

.venv/bin/shoal run examples/optimizers.py --seeds 3
"""

from shoal import SGD, Adam, Config, Constant, Cosine, Grid, Study, kaiming_uniform, lenet

OPTIMIZERS = {"SGD": SGD(lr=0.1), "momentum": SGD(lr=0.02, momentum=0.9), "Adam": Adam(lr=1e-3)}
SCHEDULES = {"constant": Constant(), "cosine": Cosine(epochs=5)}


def config(optimizer: str, schedule: str) -> Config:
    return Config(
        data="fashion-mnist",
        model=lenet("relu", "max"),
        init=kaiming_uniform(),
        optimizer=OPTIMIZERS[optimizer],
        schedule=SCHEDULES[schedule],
        batch_size=128,
        epochs=5,
        holdout=10_000,
    )


study = Study("optimizers", config, Grid(optimizer=list(OPTIMIZERS), schedule=list(SCHEDULES)))
