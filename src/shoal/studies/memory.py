# SPDX-License-Identifier: Apache-2.0
"""Section 2.3: the memory of training and of prediction, counted by kind and checked against a measured peak."""

from shoal.studies.section import Block, Results, Section


def chapter(results: Results) -> list[Block]:
    return []


SECTION = Section(
    id="2.3",
    title="Memory",
    question="How much more memory does training take than prediction, and what takes it?",
    original="Training takes way more memory because the model has to keep all the outputs from every layer to "
    "calculate gradients and update weights. It also stores the gradients themselves and, if using adaptive moment "
    "estimation, extra copies of the weights. That's why training can use several times more memory than prediction, "
    "especially with deeper networks or bigger batch sizes",
    chapter=chapter,
    data=(),
)
