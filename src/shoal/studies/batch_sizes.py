# SPDX-License-Identifier: Apache-2.0
"""Section 1.3: softmax regression at three batch sizes, against epochs, steps and seconds."""

from shoal.models import normal, softmax_regression
from shoal.optimizers import SGD
from shoal.studies.section import Block, Results, Section
from shoal.study import Config, Grid, Study


def config(batch_size: int) -> Config:
    return Config(
        data="fashion-mnist",
        model=softmax_regression(),
        optimizer=SGD(lr=0.05),
        init=normal(0.01),
        batch_size=batch_size,
        epochs=10,
    )


def chapter(results: Results) -> list[Block]:
    return []


SECTION = Section(
    id="1.3",
    title="Batch sizes",
    question="What does the batch size change: progress per epoch, per step or per second, noise, or the end?",
    original="Small batch (32): faster initial convergence but noisy loss curves; generalization okay. Medium batch "
    "(128): smooth training, good balance of speed and accuracy. Large batch (256): stable curves, but slightly "
    "slower early improvement; sometimes lower final accuracy.",
    chapter=chapter,
    study=Study("batch-sizes", config, Grid(batch_size=[32, 128, 256])),
)
