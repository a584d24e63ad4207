# SPDX-License-Identifier: Apache-2.0
"""One's own arrays as a data set: named by their content, checked, and never changed."""

import numpy as np
import pytest

from shoal import data
from shoal.data import dataset
from shoal.errors import DataError, UsageError

IMAGES = np.arange(20 * 4 * 4, dtype=np.uint8).reshape(20, 4, 4)
LABELS = np.arange(20) % 3

pytestmark = pytest.mark.usefixtures("alone")


LABELS = np.arange(20) % 3


def test_arrays_become_a_data_set() -> None:
    mine = data.from_arrays(IMAGES, LABELS, ["a", "b", "c"], test_fraction=0.25)
    assert (len(mine.train), len(mine.test), mine.image_shape) == (15, 5, (1, 4, 4))
    assert mine.train.labels.dtype == np.uint16
    together = np.sort(np.concatenate([mine.train.images[:, 0, 0, 0], mine.test.images[:, 0, 0, 0]]))
    np.testing.assert_array_equal(together, np.sort(IMAGES[:, 0, 0]))
    colour = data.from_arrays(
        np.zeros((6, 3, 5, 4), np.uint8), np.zeros(6, int), ["a"], test=(np.ones((2, 3, 5, 4), np.uint8), [0, 0])
    )
    assert (len(colour.train), len(colour.test), colour.image_shape) == (6, 2, (3, 5, 4))


def test_the_name_follows_the_content() -> None:
    changed = IMAGES.copy()
    changed[7, 2, 1] ^= 1
    names = [
        data.from_arrays(IMAGES, LABELS, "abc").name,
        data.from_arrays(changed, LABELS, "abc").name,
        data.from_arrays(IMAGES, LABELS[::-1], "abc").name,
        data.from_arrays(IMAGES, LABELS, "abd").name,
        data.from_arrays(IMAGES, LABELS, "abc", test_fraction=0.5).name,
    ]
    assert len(set(names)) == len(names)
    assert data.from_arrays(IMAGES.copy(), LABELS.astype(np.uint8), "abc").name == names[0]
    assert names[0].startswith("arrays-")


@pytest.mark.parametrize("test", [None, (IMAGES[:9].copy(), LABELS[:9].astype(np.uint16))])
def test_what_has_a_name_cannot_be_changed(test: tuple[np.ndarray, np.ndarray] | None) -> None:
    """Runs are stored under a name that tells the content; the arrays are the caller's, to do with as they like."""
    images, labels = IMAGES[:, np.newaxis].copy(), LABELS.astype(np.uint16)
    mine = data.from_arrays(images, labels, "abc", test=test)
    before = dict(mine.sha256)
    for array in (images, labels, *(test or ())):
        array[:] = 0
    assert dataset.fingerprints(mine.train, mine.test) == before
    for split in (mine.train, mine.test):
        for values in (split.images, split.labels):
            with pytest.raises(ValueError, match="read-only"):
                values[0] = 1


def test_pixels_that_are_all_alike_cannot_be_standardized() -> None:
    blank = data.from_arrays(np.full((14, 2, 2), 7, np.uint8), LABELS[:14], "abc")
    with pytest.raises(DataError, match=r"every training pixel is 7, .* Use standardize=False"):
        _ = blank.moments


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"images": IMAGES / 255}, DataError, "float64"),
        ({"images": IMAGES[:, :0]}, DataError, r"images of uint8 \(20, 1, 0, 4\) have no pixels"),
        ({"classes": 3}, DataError, r"from_arrays\(classes=3\): expected one or more names"),
        ({"name": 3}, UsageError, r"from_arrays\(name=3\)"),
        ({"test_fraction": "0.5"}, UsageError, r"test_fraction='0\.5'"),
        ({"test": (IMAGES, LABELS, LABELS)}, UsageError, r"Use test=\(images, labels\)"),
        ({"test": 3}, UsageError, r"Use test=\(images, labels\)"),
        ({"images": IMAGES[0]}, DataError, "expected uint8"),
        ({"labels": LABELS[:-1]}, DataError, "20 images and 19 labels"),
        ({"labels": LABELS / 1}, DataError, "expected integers"),
        ({"labels": LABELS - 1}, DataError, "from -1 to 1"),
        ({"classes": "ab"}, DataError, "label is 2, but 2 classes"),
        ({"classes": "aab"}, DataError, "each once"),
        ({"classes": ""}, DataError, "one or more"),
        ({"test_fraction": 1.0}, UsageError, "leaves a split empty"),
        ({"test_fraction": 0.001}, UsageError, "leaves a split empty"),
        ({"test_fraction": float("nan")}, UsageError, "leaves a split empty"),
        ({"test": (IMAGES[:, :3], LABELS)}, DataError, "Make them the same"),
        ({"name": "Mine"}, UsageError, "lower-case"),
        ({"images": IMAGES[:0], "labels": LABELS[:0], "test": (IMAGES, LABELS)}, DataError, "0 images"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(change: dict[str, object], error: type[Exception], says: str) -> None:
    arguments = {"images": IMAGES, "labels": LABELS, "classes": "abc"} | change
    with pytest.raises(error, match=says):
        data.from_arrays(**arguments)
