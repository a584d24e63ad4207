# SPDX-License-Identifier: Apache-2.0
"""Section 3.1: LeNet as it was, sigmoid and average pooling, for 5, 10 and 20 epochs of one trajectory."""

from shoal.models import lenet
from shoal.optimizers import SGD
from shoal.studies.section import Block, Results, Section
from shoal.study import Config, Grid, Study


def config(epochs: int) -> Config:
    return Config(
        data="fashion-mnist",
        model=lenet("sigmoid", "avg"),
        optimizer=SGD(lr=0.9),
        batch_size=256,
        epochs=epochs,
    )


def chapter(results: Results) -> list[Block]:
    return []


SECTION = Section(
    id="3.1",
    title="LeNet for 5, 10 and 20 epochs",
    question="How far does LeNet come in 5, 10 and 20 epochs, and does it begin to overfit?",
    original="Training and validation loss drop often, while validation accuracy goes from the low 70s at 5 epochs "
    "to the mid 80s by 20 epochs. Most of the gains occur by 10 epochs, with smaller improvements after that, "
    "indicating bad returns and the start of overfitting if training is continued.",
    chapter=chapter,
    study=Study("lenet-epochs", config, Grid(epochs=[5, 10, 20])),
)
