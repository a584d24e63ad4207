# SPDX-License-Identifier: Apache-2.0
"""Section 2.2: one hidden layer of 256 units, of one, and of widths between; no hidden layer is softmax regression."""

from shoal.models import mlp, normal
from shoal.optimizers import SGD
from shoal.studies.section import Block, Results, Section
from shoal.study import Config, Grid, Study


def config(hidden: int) -> Config:
    return Config(
        data="fashion-mnist",
        model=mlp(*[hidden] if hidden else []),
        optimizer=SGD(lr=0.1),
        init=normal(0.01),
        batch_size=256,
        epochs=10,
    )


def chapter(results: Results) -> list[Block]:
    return []


SECTION = Section(
    id="2.2",
    title="Hidden units",
    question="What do 256 hidden units learn that one cannot, and is one unit as good as a linear classifier?",
    original="[256 units] The model shows stable decreasing training and validation loss, along with increasing "
    "validation accuracy, showing that the hidden layer provides enough nonlinear space to learn useful patterns from "
    "the data. [1 unit] The model fails to improve validation accuracy and shows poor loss behavior, showing that a "
    "single hidden neuron does not provide representational power and essentially reduces the network to a near "
    "linear classifier.",
    chapter=chapter,
    study=Study("hidden-units", config, Grid(hidden=[0, 1, 2, 4, 16, 64, 256])),
)
