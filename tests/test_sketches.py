# SPDX-License-Identifier: Apache-2.0
"""The sketches: the same bytes everywhere and always, balanced, varied, and stamped as what they are not."""

import ast
import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from shoal import data
from shoal.data import Dataset, sketches, sources
from shoal.data.sheet import GAP, ZOOM, contact_sheet
from shoal.data.sketches import canvas
from shoal.errors import UsageError

DRAWN = pytest.mark.parametrize("draw", [sketches.garments, sketches.digits])
FIRST_BYTES = {
    sketches.garments: "ee3239e83a5661398c2d72faa815bc5b",
    sketches.digits: "47bc49ef8b31a228480f205874cdb484",
}
"""SHA-256 of the first 400 test images of seed 0. They change only together with the data sets' names: runs that are
stored under a name were trained on these very bytes."""


@DRAWN
def test_the_bytes_are_the_same_everywhere(draw: Callable[..., Dataset]) -> None:
    drawn = draw(train=1, test=400)
    assert hashlib.sha256(drawn.test.images.tobytes()).hexdigest()[:32] == FIRST_BYTES[draw]


@DRAWN
def test_an_image_does_not_depend_on_how_many_are_drawn(draw: Callable[..., Dataset]) -> None:
    few, more = draw(train=3, test=150), draw(train=420, test=450)
    for one, other in ((few.train, more.train), (few.test, more.test)):
        np.testing.assert_array_equal(one.images, other.images[: len(one)])
        np.testing.assert_array_equal(one.labels, other.labels[: len(one)])


@DRAWN
def test_splits_seeds_and_images_differ(draw: Callable[..., Dataset]) -> None:
    one, other = draw(train=800, test=400), draw(seed=1, train=400, test=1)
    pictures = np.concatenate([split.images.reshape(len(split), -1) for split in (one.train, one.test, other.train)])
    assert len(np.unique(pictures, axis=0)) == 1600
    assert one.name != other.name


@DRAWN
def test_classes_are_balanced_and_in_no_order(draw: Callable[..., Dataset]) -> None:
    labels = draw(train=800, test=1).train.labels
    assert np.bincount(labels).tolist() == [80] * 10
    assert not np.array_equal(labels[:400], labels[400:])
    assert 20 < np.count_nonzero(labels[1:] == labels[:-1]) < 150


@DRAWN
def test_every_image_shows_something_on_black(draw: Callable[..., Dataset]) -> None:
    images = draw(train=1, test=800).test.images[:, 0]
    lit = (images > 40).mean(axis=(1, 2))
    assert lit.min() > 0.01
    assert lit.max() < 0.9
    assert (images[:, [0, 0, -1, -1], [0, -1, 0, -1]] == 0).mean() > 0.95, "corners are background"


@DRAWN
def test_nearest_mean_tells_classes_apart_but_not_well(draw: Callable[..., Dataset]) -> None:
    """Far above chance, far below perfect: a data set that a mean image solves would teach nothing."""
    drawn = draw(train=1200, test=800)
    train, test = (split.images.reshape(len(split), -1) / 255 for split in (drawn.train, drawn.test))
    means = np.stack([train[drawn.train.labels == label].mean(axis=0) for label in range(10)])
    guessed = ((test[:, np.newaxis] - means) ** 2).sum(axis=2).argmin(axis=1)
    assert 0.5 < (guessed == drawn.test.labels).mean() < 0.93


def test_the_drawing_uses_only_exact_arithmetic() -> None:
    """A function whose last bit may differ between machines would let two of them draw different images."""
    exact = {"abs", "argsort", "arange", "ascontiguousarray", "clip", "empty", "float32", "floor", "full", "maximum"}
    exact |= {"minimum", "multiply", "ndarray", "newaxis", "rint", "sqrt", "uint16", "uint8"}
    for file in Path(sketches.__file__).parent.glob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        used = {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "np"
        }
        assert used <= exact, file.name
        assert not [node for node in ast.walk(tree) if isinstance(node, ast.Pow | ast.MatMult)], file.name


@DRAWN
def test_they_say_what_they_stand_for(draw: Callable[..., Dataset]) -> None:
    drawn = draw(train=400, test=400)
    original = {"fashion-mnist": sources.FASHION_MNIST, "mnist": sources.MNIST}[drawn.stand_in]
    assert drawn.classes == original.classes
    assert drawn.name not in sources.OFFICIAL
    assert drawn.image_shape == (1, 28, 28)
    assert len(set(drawn.sha256.values())) == 4


@pytest.mark.parametrize("wrong", [{"seed": -1}, {"train": 0}, {"test": 1.5}])
def test_counts_that_mean_nothing_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        sketches.garments(**wrong)


def test_what_cannot_be_had_is_stood_in_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    small = {"garments": sketches.garments(train=20, test=20), "digits": sketches.digits(train=20, test=20)}
    monkeypatch.setenv("SHOAL_OFFLINE", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("SHOAL_DATA", raising=False)
    monkeypatch.setattr(sketches, "garments", lambda: small["garments"])
    monkeypatch.setattr(sketches, "digits", lambda: small["digits"])
    sources._stand_in.cache_clear()
    assert data.load("mnist") is small["digits"]
    assert data.load("sketches-garments") is small["garments"]
    assert data.load("mnist").stand_in == "mnist"
    sources._stand_in.cache_clear()


# ---- the kit ----------------------------------------------------------------------------------------------


def test_a_limb_is_as_thick_as_it_says() -> None:
    upright = canvas.Canvas(canvas.Draws(1, "test", 0, 0), shift=0, stretch=(1, 1), turn=0)
    upright.x, upright.y = np.meshgrid(np.arange(28, dtype=np.float32), np.arange(28, dtype=np.float32))
    limb = upright.limb((np.float32(5), np.float32(5)), (np.float32(5), np.float32(15)), np.float32(3), np.float32(1))
    np.testing.assert_allclose(
        [limb[5, 5], limb[15, 5], limb[10, 5], limb[5, 8], limb[19, 8]], [3, 1, 2, 0, -4], atol=1e-5
    )


def test_steps_go_through_their_points_and_stay_level_beyond() -> None:
    at = np.array([-9, 0, 1, 2, 3, 9], np.float32)
    found = canvas.steps(
        at, [np.float32(0), np.float32(2), np.float32(3)], [np.float32(1), np.float32(5), np.float32(0)]
    )
    assert found.tolist() == [1, 1, 3, 5, 0, 0]


def test_a_wave_swings_between_its_ends() -> None:
    wave = canvas.waves(np.array([0, 1, 2, 3, 4], np.float32), np.float32(4))
    assert wave.tolist() == [1, 0, -1, 0, 1]


# ---- the contact sheet ------------------------------------------------------------------------------------


def test_the_sheet_shows_pixels_as_they_are() -> None:
    drawn = sketches.digits(train=1, test=400)
    sheet = np.asarray(contact_sheet(drawn, columns=3))
    third = drawn.test.images[np.flatnonzero(drawn.test.labels == 1)[2], 0]
    step = 28 * ZOOM + GAP
    assert sheet.shape == (10 * step + GAP, 3 * step + GAP)
    np.testing.assert_array_equal(sheet[GAP + step :, GAP + 2 * step :][: 28 * ZOOM : ZOOM, : 28 * ZOOM : ZOOM], third)
