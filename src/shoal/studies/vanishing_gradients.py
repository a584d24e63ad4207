# SPDX-License-Identifier: Apache-2.0
"""Section 2.1: the sigmoid's derivative, and what is left of the gradient in networks of one to eight hidden layers."""

from shoal.models import mlp
from shoal.optimizers import SGD
from shoal.studies.section import Block, Results, Section
from shoal.study import Config, Grid, Study

WIDTH = 64


def config(activation: str, depth: int) -> Config:
    return Config(
        data="fashion-mnist",
        model=mlp(*[WIDTH] * depth, activation=activation),
        optimizer=SGD(lr=0.1),
        batch_size=256,
        epochs=5,
    )


def chapter(results: Results) -> list[Block]:
    return []


SECTION = Section(
    id="2.1",
    title="Vanishing gradients",
    question="How much of the gradient reaches the first layer through sigmoids, and how much through ReLUs?",
    original="Vanishing Gradients with Sigmoid",
    chapter=chapter,
    study=Study("vanishing-gradients", config, Grid(activation=["sigmoid", "relu"], depth=range(1, 9))),
)
