# SPDX-License-Identifier: Apache-2.0
"""Section 1.1: ten images, one of each class, and each class's mean image. It trains nothing."""

from typing import Any

import numpy as np

from shoal import wording
from shoal.data import Dataset, Split
from shoal.studies import compose
from shoal.studies.section import Block, Figure, Prose, Results, Section, Table


def chapter(results: Results) -> list[Block]:
    dataset = results.dataset("fashion-mnist")
    means = class_means(dataset.train, len(dataset.classes))
    hits = nearest_mean(dataset.test, means)
    return [
        Prose(size(dataset)),
        _figure(dataset, means),
        Prose(alike(dataset, means, hits)),
        _table(dataset, means, hits),
    ]


def class_means(split: Split, classes: int) -> np.ndarray:
    """float64 (classes, height, width): the mean of each class's images, in bytes."""
    return np.stack([split.images[split.labels == label, 0].mean(axis=0, dtype=np.float64) for label in range(classes)])


def nearest_mean(split: Split, means: np.ndarray) -> np.ndarray:
    """float64 (classes,): the share of each class's images that are nearer to its mean than to any other's."""
    centres = means.reshape(len(means), -1)
    pixels = split.images.reshape(len(split), -1).astype(np.float64)
    nearest = np.argmin((centres**2).sum(axis=1) - 2 * pixels @ centres.T, axis=1)
    return np.array([(nearest[split.labels == label] == label).mean() for label in range(len(means))])


def size(dataset: Dataset) -> str:
    counts = np.bincount(dataset.train.labels, minlength=len(dataset.classes))
    _, height, width = dataset.image_shape
    if counts.min() == counts.max():
        shares = f"{counts[0]:,} of each class"
    else:
        shares = f"between {counts.min():,} and {counts.max():,} of a class"
    return (
        f"{compose.title(dataset)} has {len(dataset.train):,} training images, {shares}, and {len(dataset.test):,} "
        f"test images, all {height}×{width} pixels of one byte. Shown are the first training image of each class and, "
        f"below it, the mean of all training images of that class."
    )


def alike(dataset: Dataset, means: np.ndarray, hits: np.ndarray) -> str:
    """What class means tell: which fill most, which two are nearest, and how far one gets with them alone."""
    shade = means.mean(axis=(1, 2)) / 255
    flat = means.reshape(len(means), -1)
    apart = np.sqrt(((flat[:, None] - flat[None]) ** 2).mean(axis=2)) / 255
    first, second = np.unravel_index(np.argmin(apart + np.eye(len(means)) * apart.max()), apart.shape)
    names = dataset.classes
    share = np.bincount(dataset.test.labels, minlength=len(names)) / len(dataset.test)
    best, worst = int(np.argmax(hits)), int(np.argmin(hits))
    return (
        f"On average {names[shade.argmax()]} has the most ink ({wording.percent(shade.max())} of full black) and "
        f"{names[shade.argmin()]} the least ({wording.percent(shade.min())}). The two means nearest to each other are "
        f"those of {names[first]} and {names[second]}. Naming each test image after the nearest mean is right for "
        f"{wording.percent(float(share @ hits), 1)} of them. It is right most "
        f"often for {names[best]} ({wording.percent(hits[best])}) and least often for {names[worst]} "
        f"({wording.percent(hits[worst])})."
    )


def _figure(dataset: Dataset, means: np.ndarray) -> Figure:
    from shoal import figures

    first = [dataset.train.images[np.flatnonzero(dataset.train.labels == label)[0], 0] for label in range(len(means))]
    rounded = list(np.rint(means).astype(np.uint8))
    counts = np.bincount(dataset.train.labels, minlength=len(means))
    captions = [list(dataset.classes), [f"mean of {count:,}" for count in counts]]
    chart = figures.images([first, rounded], captions, size=84, gap=8)
    parts = [(name, image) for name, image in zip(dataset.classes, first, strict=True)]
    parts += [(f"mean {name}", image) for name, image in zip(dataset.classes, means.round(1), strict=True)]
    blur = means.std(axis=(1, 2))
    caption = (
        f"Above, one {compose.title(dataset)} image of each class; below, the class's mean, which keeps what they "
        f"have in common: it has most contrast for {dataset.classes[blur.argmax()]} and least for "
        f"{dataset.classes[blur.argmin()]}."
    )
    return Figure("ten-images", chart, caption, figures.image_rows(parts), wide=True)


def _table(dataset: Dataset, means: np.ndarray, hits: np.ndarray) -> Table:
    train, test = (np.bincount(split.labels, minlength=len(means)) for split in (dataset.train, dataset.test))
    records: list[dict[str, Any]] = [
        {"class": name, "training": int(a), "test": int(b), "mean": float(c), "nearest_mean": float(d)}
        for name, a, b, c, d in zip(dataset.classes, train, test, means.mean(axis=(1, 2)) / 255, hits, strict=True)
    ]
    rows = [
        [
            r["class"],
            f"{r['training']:,}",
            f"{r['test']:,}",
            wording.fixed(r["mean"], 3),
            wording.percent(r["nearest_mean"]),
        ]
        for r in records
    ]
    caption = (
        "The classes. Mean pixels are from 0 to 1; the last column has the share of test images that are nearer to the "
        "mean of their own class than to any other."
    )
    columns = ["class", "training images", "test images", "mean pixel", "nearest to its own mean"]
    return Table("classes", columns, rows, caption, records)


SECTION = Section(
    id="1.1",
    title="Ten images",
    question="What do the images look like, and what does a class have in common?",
    chapter=chapter,
)
