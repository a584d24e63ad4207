# SPDX-License-Identifier: Apache-2.0
"""Section 1.2: softmax regression at seven learning rates, and the curvature that decides which are stable."""

from shoal.models import normal, softmax_regression
from shoal.optimizers import SGD
from shoal.studies.section import Block, Results, Section
from shoal.study import Config, Grid, Study


def config(lr: float) -> Config:
    return Config(
        data="fashion-mnist",
        model=softmax_regression(),
        optimizer=SGD(lr=lr),
        init=normal(0.01),
        batch_size=256,
        epochs=10,
    )


def chapter(results: Results) -> list[Block]:
    return []


SECTION = Section(
    id="1.2",
    title="Learning rates",
    question="How does the learning rate change the training of softmax regression, and where does it become unstable?",
    original="Small LR (0.001): very slow convergence, high validation loss. Medium LR (0.05–0.1, .05): fast "
    "convergence, lowest validation loss, stable training. Large LR (>0.1, .12): unstable, swaying validation loss.",
    chapter=chapter,
    study=Study("learning-rates", config, Grid(lr=[0.001, 0.05, 0.1, 0.12, 0.2, 0.5, 1.0]), keep_weights=True),
)
