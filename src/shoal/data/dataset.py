# SPDX-License-Identifier: Apache-2.0
"""A data set in memory: two splits of uint8 images with labels, and where they came from.

It checks that images and labels fit each other and knows how to be built from one's own arrays. It reads no file.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from shoal import streams
from shoal.data import idx
from shoal.errors import DataError, UsageError
from shoal.spec import is_name

Arrays = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class Split:
    """Images and labels: uint8 (n, channels, height, width) and uint16 (n,), contiguous, neither empty.

    Raises:
        DataError: they are something else.
    """

    images: np.ndarray
    labels: np.ndarray

    def __post_init__(self) -> None:
        expected = ("images", self.images, np.dtype(np.uint8), 4), ("labels", self.labels, np.dtype(np.uint16), 1)
        for what, values, kind, dimensions in expected:
            if values.dtype != kind or values.ndim != dimensions or not values.flags.c_contiguous:
                raise DataError(
                    f"a split's {what} are contiguous {kind} in {dimensions} dimensions, not {_kind(values)}. "
                    f"Use shoal.data.from_arrays, which converts them."
                )
        if len(self.images) != len(self.labels) or not len(self.labels):
            raise DataError(f"{len(self.images):,} images and {len(self.labels):,} labels: expected as many, and some.")
        if not self.images.size:
            raise DataError(
                f"images of {_kind(self.images)} have no pixels: expected at least one channel, row, column."
            )

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Two splits, the names of the classes, and the provenance that a report prints.

    Args:
        name: what configs call it: ``"fashion-mnist"``.
        classes: a name per label.
        source: where the bytes came from, for people: a path or "drawn by Shoal".
        sha256: file name to SHA-256 of its decompressed bytes.
        stand_in: the name of the data set it stands in for, or "" when it is the real thing.

    Raises:
        DataError: a label without a class, or splits whose images differ in shape.
    """

    name: str
    classes: tuple[str, ...]
    train: Split
    test: Split
    source: str
    sha256: Mapping[str, str] = field(default_factory=dict)
    stand_in: str = ""

    def __post_init__(self) -> None:
        if self.train.images.shape[1:] != self.test.images.shape[1:]:
            raise DataError(
                f"{self.name}: training images are {self.train.images.shape[1:]}, test images "
                f"{self.test.images.shape[1:]} (channels, height, width). Make them the same."
            )
        for split, labels in (("training", self.train.labels), ("test", self.test.labels)):
            if labels.max() >= len(self.classes):
                raise DataError(
                    f"{self.name}: a {split} label is {labels.max()}, but {len(self.classes)} classes have labels "
                    f"0 to {len(self.classes) - 1}. Name every class."
                )

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        _, channels, height, width = self.train.images.shape
        return channels, height, width

    @property
    def warning(self) -> str:
        """What whoever trains on a stand-in must be told; "" for the real thing."""
        if not self.stand_in:
            return ""
        return (
            f"{self.stand_in} was not found: {self.name} stands in for it, drawings that say nothing about "
            f"{self.stand_in}. Say where it is with --data or SHOAL_DATA."
        )

    @cached_property
    def moments(self) -> tuple[float, float]:
        """Mean and standard deviation of the training split's bytes.

        Raises:
            DataError: all of them are the same.
        """
        counts = np.bincount(self.train.images.ravel(), minlength=256).astype(np.float64)
        values = np.arange(256)
        if np.count_nonzero(counts) == 1:
            raise DataError(
                f"{self.name}: every training pixel is {counts.argmax()}, so there is no deviation to scale by. "
                f"Use standardize=False, or images that differ."
            )
        mean = float(counts @ values / counts.sum())
        return mean, float(np.sqrt(counts @ (values - mean) ** 2 / counts.sum()))


def from_arrays(
    images: np.ndarray,
    labels: np.ndarray,
    classes: Sequence[str],
    *,
    test: Arrays | None = None,
    test_fraction: float = 1 / 7,
    name: str = "arrays",
) -> Dataset:
    """A data set of one's own: a copy that nobody can change, since its name tells its content.

    Args:
        images: uint8 (n, height, width) or (n, channels, height, width), training images or all of them.
        labels: integers (n,), each the position of its class in ``classes``.
        classes: a name per class.
        test: images and labels to test on. Left out, a part of ``images`` is set aside, the same one every time.
        test_fraction: how large that part is, between 0 and 1; the default is that of MNIST, 10,000 of 70,000.
        name: lower-case words joined by hyphens; the first eight digits of the content's hash are appended, so that
            runs on different data never share a name.

    Raises:
        DataError: arrays of the wrong type or shape, or labels without a class.
        UsageError: a ``test_fraction`` that leaves a split empty, a name that is none, a ``test`` that is no pair.
    """
    if not is_name(name):
        raise UsageError(f"from_arrays(name={name!r}): expected lower-case words joined by hyphens.")
    names = tuple(map(str, classes)) if isinstance(classes, Iterable) else ()
    if len(set(names)) != len(names) or not names:
        raise DataError(f"from_arrays(classes={classes!r}): expected one or more names, each once.")
    if test is None:
        train, tested = _divide(_split(images, labels, "all"), test_fraction)
    elif isinstance(test, tuple | list) and len(test) == 2:
        train, tested = _copied(_split(images, labels, "training")), _copied(_split(*test, "test"))
    else:
        raise UsageError("from_arrays(test=...): expected a pair. Use test=(images, labels).")
    hashes = fingerprints(train, tested)
    content = hashlib.sha256("\n".join([*hashes.values(), *names]).encode()).hexdigest()
    return Dataset(f"{name}-{content[:8]}", names, train, tested, "arrays in memory", hashes)


def fingerprints(train: Split, test: Split) -> dict[str, str]:
    """SHA-256 of what never was a file: of images as the IDX file they would be, of labels as little-endian uint16."""
    hashes = {}
    for part, split in (("train", train), ("test", test)):
        hashes[f"{part}-images"] = idx.sha256(split.images)
        hashes[f"{part}-labels"] = hashlib.sha256(split.labels.astype("<u2").tobytes()).hexdigest()
    return hashes


def _split(images: np.ndarray, labels: np.ndarray, which: str) -> Split:
    """Arrays as a caller has them, converted where that loses nothing."""
    images, labels = np.asarray(images), np.asarray(labels)
    if images.dtype != np.uint8 or images.ndim not in (3, 4):
        raise DataError(
            f"{which} images: expected uint8 (n, height, width) or (n, channels, height, width), got {_kind(images)}. "
            f"Scale them to 0-255 and use .astype(numpy.uint8)."
        )
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise DataError(f"{which} labels: expected integers (n,), got {_kind(labels)}.")
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < 2**16:
        raise DataError(f"{which} labels go from {labels.min()} to {labels.max()}: expected 0 to at most 65535.")
    pictures = images if images.ndim == 4 else images[:, np.newaxis]
    return Split(np.ascontiguousarray(pictures), np.ascontiguousarray(labels, dtype=np.uint16))


def _divide(whole: Split, fraction: float) -> tuple[Split, Split]:
    usable = isinstance(fraction, int | float | np.number) and 0 < fraction < 1
    held = round(len(whole) * float(fraction)) if usable else 0
    if not 0 < held < len(whole):
        raise UsageError(
            f"from_arrays(test_fraction={fraction!r}) of {len(whole):,} images leaves a split empty. "
            f"Use a number between 0 and 1, or give test=(images, labels)."
        )
    train, test = streams.holdout(len(whole), held)
    return _copied(whole, train), _copied(whole, test)


def _copied(split: Split, part: np.ndarray | slice = slice(None)) -> Split:
    """A part of a split, whole if not given, in memory of its own that is read-only."""
    copies = np.array(split.images[part]), np.array(split.labels[part])
    for copy in copies:
        copy.flags.writeable = False
    return Split(*copies)


def _kind(values: np.ndarray) -> str:
    return f"{values.dtype} {values.shape}"
