# SPDX-License-Identifier: Apache-2.0
"""Section 1.1: ten images, one of each class, and each class's mean image. It trains nothing."""

from shoal.studies.section import Block, Results, Section


def chapter(results: Results) -> list[Block]:
    return []


SECTION = Section(
    id="1.1",
    title="Ten images",
    question="What do the images look like, and what does a class have in common?",
    original="Visualize 10 images from Fashion-MNIST",
    chapter=chapter,
)
