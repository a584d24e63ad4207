# SPDX-License-Identifier: Apache-2.0
"""A drawing becomes an image of the data set: wherever and however large it was drawn, and whatever came instead."""

import os
from base64 import b64encode

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from shoal.data import fashion_mnist, mnist, sketches
from shoal.errors import UsageError
from shoal.live.drawing import CLOTH, FAINT, MOST, RECIPES, decoded, filled, from_picture, prepared

LIKE = pytest.mark.parametrize("like", list(RECIPES))
AREA = (28, 28)


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    return sketches.digits(train=1, test=40).test.images[:, 0]


@pytest.fixture(scope="module")
def garments() -> np.ndarray:
    return sketches.garments(train=1, test=40).test.images[:, 0]


def canvas(image: np.ndarray, zoom: int, top: int, left: int, side: int = MOST) -> np.ndarray:
    """An image enlarged, somewhere on an empty canvas."""
    large = image.repeat(zoom, axis=0).repeat(zoom, axis=1)
    empty = np.zeros((side, side), np.uint8)
    empty[top : top + large.shape[0], left : left + large.shape[1]] = large
    return empty


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def image(*given: object, **options: object) -> np.ndarray:
    return prepared(*given, **options)[-1].image


def block(height: int, width: int, top: int = 0, left: int = 0, side: int = MOST) -> np.ndarray:
    empty = np.zeros((side, side), np.uint8)
    empty[top : top + height, left : left + width] = 255
    return empty


def middle(ink: np.ndarray) -> tuple[float, float]:
    """Row and column of the centre of mass."""
    places = np.arange(28)
    return tuple(float(ink.sum(axis=1 - axis) @ places / ink.sum()) for axis in (0, 1))


# ---- as the data sets did it ------------------------------------------------------------------------------


@LIKE
def test_place_and_size_of_a_drawing_do_not_matter(like: str, digits: np.ndarray, garments: np.ndarray) -> None:
    originals = digits if like == "mnist" else garments
    for zoom in (1, 3, 4, 5):
        one, other = ([image(canvas(each, zoom, *at), like, AREA) for each in originals] for at in ((3, 17), (20, 0)))
        np.testing.assert_array_equal(one, other)
        alike = [likeness(made, image(each, like, AREA)) for made, each in zip(one, originals, strict=True)]
        assert np.median(alike) > 0.99
        assert min(alike) > 0.6, "a pixel to the side at most"


@pytest.mark.data
@pytest.mark.skipif("SHOAL_DATA" not in os.environ, reason="SHOAL_DATA names no folder with the real data sets")
def test_what_is_in_the_data_sets_stays_as_it_is() -> None:
    """MNIST's images to the byte. Fashion-MNIST's were sharpened once already, and its bright edges trimmed."""
    for original in mnist(os.environ["SHOAL_DATA"]).test.images[:1000, 0]:
        np.testing.assert_array_equal(image(original, "mnist", AREA), original)
    clothes = fashion_mnist(os.environ["SHOAL_DATA"]).test.images[:500, 0]
    assert np.median([likeness(image(original, "fashion-mnist", AREA), original) for original in clothes]) > 0.98


def test_a_digit_fills_a_box_of_twenty_and_is_centred_by_mass(digits: np.ndarray) -> None:
    for original in digits:
        made = image(canvas(original, 4, 20, 5), "mnist", AREA)
        assert max(np.ptp(np.flatnonzero(made.any(axis=axis))) + 1 for axis in (0, 1)) == 20
        assert middle(made) == pytest.approx((14, 14), abs=0.51)


def test_mass_counts_and_not_extent() -> None:
    """A heavy left half draws the image to the right of where its box would be."""
    heavy = block(100, 40, 30, 30) | block(8, 100, 76, 30)
    rows, columns = (np.flatnonzero(image(heavy, "mnist", AREA).any(axis=axis)) for axis in (1, 0))
    assert rows[[0, -1]].tolist() == [5, 24]
    assert columns[0] > 5
    assert columns[-1] == columns[0] + 19


def test_a_garment_reaches_two_edges_and_is_centred_by_extent() -> None:
    made = image(block(100, 50, 7, 90), "fashion-mnist", AREA)
    assert made[:, 7:21].all()
    assert not made[:, :7].any()
    assert not made[:, 21:].any()


def test_rows_are_left_out_for_a_garment_and_smoothed_for_a_digit() -> None:
    stripes = block(112, 112)
    stripes[:, ::4] = stripes[:, 1::4] = 0
    assert set(np.unique(prepared(stripes, "fashion-mnist", AREA)[2].image)) <= {0, 255}
    assert np.unique(prepared(stripes, "mnist", AREA)[2].image).size > 2


def test_sharpening_strengthens_an_edge() -> None:
    soft = np.zeros((56, 56), np.uint8)
    soft[:, 16:40], soft[:, 24:32] = 100, 180
    by_title = {step.title: step.image for step in prepared(soft, "fashion-mnist", AREA)}
    assert by_title["Sharpened"].max() > by_title["Scaled"].max() == 180


def test_what_lines_enclose_is_cloth_only_where_that_is_asked() -> None:
    ring = block(120, 100, 20, 30)
    ring[28:132, 38:122] = 0
    open_ring = ring.copy()
    open_ring[:40, 80:90] = 0
    assert filled(ring)[80, 80] == CLOTH
    assert filled(ring)[5, 5] == 0
    np.testing.assert_array_equal(filled(open_ring), open_ring)
    soft = np.minimum(ring, np.where(np.arange(MOST) == 37, 40, 255).astype(np.uint8))
    assert filled(soft)[80, 37] == CLOTH, "no seam between a line and its cloth"
    assert image(ring, "fashion-mnist", AREA, fill=True)[14, 14] == CLOTH
    assert image(ring, "fashion-mnist", AREA)[14, 14] == 0
    assert image(ring, "mnist", AREA, fill=True)[14, 14] == 0


@LIKE
def test_every_step_is_a_picture_with_a_reason(like: str, digits: np.ndarray) -> None:
    steps = prepared(canvas(digits[0], 4, 10, 10), like, AREA)
    assert [step.title for step in steps][:3] == ["Drawn", "Trimmed", "Scaled"]
    assert steps[-1].title == "Centred"
    assert "160 × 160" in steps[0].why
    assert all(len(step.why) > 20 and step.image.dtype == np.uint8 and step.image.ndim == 2 for step in steps)


def test_other_sizes_than_28() -> None:
    assert image(block(40, 20), "mnist", (14, 14)).shape == (14, 14)
    assert np.ptp(np.flatnonzero(image(block(40, 20), "mnist", (14, 14)).any(axis=1))) + 1 == 10
    assert image(block(40, 20), "fashion-mnist", (32, 24)).shape == (32, 24)


def test_only_known_data_sets_have_a_recipe() -> None:
    with pytest.raises(UsageError, match=r"'letters'.*mnist"):
        prepared(block(9, 9), "letters", AREA)


# ---- whatever is drawn ------------------------------------------------------------------------------------


@LIKE
def test_odd_drawings_become_images(like: str) -> None:
    dot = image(block(1, 1, 80, 80), like, AREA)
    assert dot[8:20, 8:20].all(), "a dot is as large as anything else once it is scaled"
    line = image(block(120, 6, 20, 77), like, AREA)
    assert 1 <= line.any(axis=0).sum() <= 3
    flat = image(block(2, MOST, 158, 0), like, AREA)
    assert 1 <= flat.any(axis=1).sum() <= 3
    assert image(np.full((MOST, MOST), 255, np.uint8), like, AREA).mean() > 100
    assert image(block(20, 20, 140, 140), like, AREA)[14, 14] == 255, "ink at the border is whole"
    assert image(block(900, 500, 60, 40, side=3000), like, AREA).shape == AREA


@LIKE
@pytest.mark.parametrize("level", [0, FAINT])
def test_an_empty_canvas_is_refused(like: str, level: int) -> None:
    with pytest.raises(UsageError, match=r"Nothing is (drawn yet|left)"):
        prepared(np.full((MOST, MOST), level, np.uint8), like, AREA)


def test_lines_too_thin_to_be_seen_are_refused() -> None:
    specks = np.zeros((MOST, MOST), np.uint8)
    specks[0, 0] = specks[-1, -1] = FAINT + 1
    with pytest.raises(UsageError, match="too thin"):
        prepared(specks, "mnist", AREA)


@given(
    st.sampled_from(list(RECIPES)),
    arrays.arrays(np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, max_side=MOST), elements=st.integers(0, 255)),
    st.booleans(),
    st.booleans(),
)
def test_anything_gives_an_image_or_a_reason(like: str, pixels: np.ndarray, picture: bool, fill: bool) -> None:
    try:
        made = image(pixels, like, AREA, picture=picture, fill=fill)
    except UsageError:
        made = None
    assert made is None or (made.shape == AREA and made.max() > FAINT)
    assert made is not None or picture or pixels.min() <= FAINT


@pytest.mark.parametrize("shape", [(0, 5), (4,), (4, 4, 2), (4, 4, 3, 1)])
def test_what_is_no_picture_is_refused(shape: tuple[int, ...]) -> None:
    for picture in (False, True):
        with pytest.raises(UsageError, match="uint8"):
            prepared(np.zeros(shape, np.uint8), "mnist", AREA, picture=picture)
    with pytest.raises(UsageError, match="float64"):
        prepared(np.ones((4, 4)), "mnist", AREA)


# ---- pictures ---------------------------------------------------------------------------------------------


@LIKE
def test_a_picture_on_light_ground_is_the_drawing(like: str, digits: np.ndarray, garments: np.ndarray) -> None:
    alike = []
    for original in digits if like == "mnist" else garments:
        drawing = canvas(original, 5, 10, 10)
        made = image(drawing, like, AREA)
        paper = (230 - drawing.astype(np.float64) * 0.7).astype(np.uint8)
        alike.append(likeness(image(paper, like, AREA, picture=True), made))
        np.testing.assert_array_equal(image(drawing, like, AREA, picture=True), made, "a dark ground stays")
    assert np.median(alike) > 0.95


def test_the_steps_say_which_ground_there_was() -> None:
    grey, turned = from_picture(255 - block(50, 50, 20, 20))
    assert "negated" in turned.why
    assert "light" in turned.why
    assert grey.image.max() == 255
    np.testing.assert_array_equal(turned.image, block(50, 50, 20, 20))
    assert "not negated" in from_picture(block(50, 50, 20, 20))[1].why


def test_colours_count_as_bright_as_they_look() -> None:
    colours = np.zeros((3, 4, 3), np.uint8)
    colours[1, 1:3] = [[255, 0, 0], [0, 255, 0]]
    grey = from_picture(colours)[0].image
    assert grey[1].tolist() == [0, 76, 150, 0]


def test_a_grainy_ground_is_no_ink_of_a_digit() -> None:
    noise = np.random.default_rng(0).integers(-15, 16, (MOST, MOST))
    paper = np.clip(220 + noise - block(80, 30, 40, 60) * 0.7, 0, 255).astype(np.uint8)
    trimmed = prepared(paper, "mnist", AREA, picture=True)[2].image
    assert trimmed.shape == (80, 30)


@pytest.mark.parametrize("level", [0, 100, 255])
def test_an_even_picture_is_refused(level: int) -> None:
    with pytest.raises(UsageError, match="Nothing stands out"):
        prepared(np.full((40, 40), level, np.uint8), "mnist", AREA, picture=True)


# ---- on its way -------------------------------------------------------------------------------------------


@given(arrays.arrays(np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, max_side=MOST)))
def test_a_canvas_travels_as_base64(pixels: np.ndarray) -> None:
    height, width = pixels.shape
    np.testing.assert_array_equal(decoded(b64encode(pixels.tobytes()).decode(), width, height), pixels)


@pytest.mark.parametrize(
    ("pixels", "width", "height", "words"),
    [
        ("AAAA", -1, -3, "-1 × -3"),
        ("AAAA", 0, 3, "1 to 160"),
        ("AAAA", 10**9, 10**9, "1 to 160"),
        ("AAAA", 161, 1, "1 to 160"),
        ("AAAA", 2, 2, "4 bytes, but 3 came"),
        ("", 1, 1, "1 byte, but 0 came"),
        ("AAA", 1, 3, "not base64"),
        ("A*AA", 1, 3, "not base64"),
        ("ÄÄÄÄ", 1, 3, "not base64"),
    ],
)
def test_a_canvas_that_is_none_is_refused(pixels: str, width: int, height: int, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        decoded(pixels, width, height)
