# SPDX-License-Identifier: Apache-2.0
"""Charts: that they show every seed, mean and interval they were given, in the theme's colours, and render offline."""

import base64
import io
import re
import xml.dom.minidom
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from shoal import figures, theme
from shoal.analysis.statistics import mean_interval
from shoal.figures.drawing import as_series
from shoal.figures.frame import Frame, domain, ticks
from shoal.figures.labels import inner_labels, spread
from shoal.figures.strokes import ink

EPOCHS = np.arange(4)
RATES = [
    ("lr 0.01", EPOCHS, np.array([[2.0, 1.5, 1.2, 1.0], [2.1, 1.6, 1.3, 1.1], [2.0, 1.4, 1.3, 1.05]])),
    ("lr 0.1", EPOCHS, np.array([[2.0, 0.9, 0.7, 0.6], [2.1, 1.0, 0.8, 0.7], [2.0, 0.8, 0.8, 0.65]])),
]
FOUR = [(label, x, np.concatenate([values, values[:1]])) for label, x, values in RATES]
WORDS = {"x_title": "epoch", "y_title": "validation loss"}


def layers(chart, kind):
    """Rows of every layer with this mark."""
    spec = chart.to_dict()
    found = [layer for layer in spec["layer"] if layer["mark"]["type"] == kind]
    return [spec["datasets"][layer["data"]["name"]] for layer in found]


def test_curves_show_seeds_means_and_intervals():
    chart = figures.curves(FOUR, **WORDS)
    seeds, means = layers(chart, "line")
    (band,) = layers(chart, "area")
    assert len({row["line"] for row in seeds}) == 8
    last = mean_interval([1.0, 1.1, 1.05, 1.0])
    assert next(r["y"] for r in means if r["line"] == "lr 0.01" and r["x"] == 3) == pytest.approx(last.mean, rel=1e-5)
    high = next(r["high"] for r in band if r["line"] == "lr 0.01" and r["x"] == 3)
    assert high == pytest.approx(last.high, rel=1e-5)


def test_one_seed_has_a_line_and_no_band():
    chart = figures.curves([("only", EPOCHS, RATES[0][2][:1])], **WORDS)
    assert len(layers(chart, "line")) == 1
    assert layers(chart, "area") == []


def test_every_line_is_named_at_its_end():
    drawn = figures.svg(figures.curves(RATES, **WORDS))
    assert all(f">{text}<" in drawn for text in ("lr 0.01", "lr 0.1", "validation loss", "epoch"))


def test_a_diverged_seed_breaks_its_line_and_leaves_the_mean_to_the_others():
    values = RATES[0][2].copy()
    values[0, 2:] = np.inf
    chart = figures.curves([("lr 5", EPOCHS, values)], **WORDS)
    seeds, means = layers(chart, "line")
    assert [row["y"] for row in seeds if row["line"] == "lr 5 0"][2:] == [None, None]
    assert means[-1]["y"] == pytest.approx((1.1 + 1.05) / 2, rel=1e-5)


def test_colours_are_the_themes_and_stay_with_their_series():
    chart = figures.curves(RATES[1:], **WORDS, among=["lr 0.01", "lr 0.1"])
    assert layers(chart, "line")[1][0]["shade"] == theme.light("vermillion")
    ramp = figures.curves(RATES, **WORDS, ordered=True, accent="lr 0.1")
    assert {row["shade"] for row in layers(ramp, "line")[1]} == {theme.light("ramp-4"), theme.light(theme.ACCENT)}


def test_light_colours_are_distinct_so_that_a_drawing_can_be_read_backwards():
    assert len({token.light for token in theme.COLOURS.values()}) == len(theme.COLOURS)


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_are_legible_on_their_ground(scheme):
    ground = luminance(getattr(theme.COLOURS["paper"], scheme))
    names = ["ink", "soft", *(name for name in theme.COLOURS if name.endswith("-text"))]
    for name in names:
        low, high = sorted([ground, luminance(getattr(theme.COLOURS[name], scheme))])
        assert (high + 0.05) / (low + 0.05) >= 4.5, name


def test_the_page_decides_the_colours_of_an_inlined_drawing():
    inlined = figures.element(figures.svg(figures.curves(RATES, **WORDS)), "one", "A & B", "What <to> see")
    xml.dom.minidom.parseString(inlined)
    assert not re.search(r'(fill|stroke)="#', inlined)
    assert 'var(--blue)"' in inlined
    assert all(name.startswith("one-") for name in re.findall(r'\bid="([^"]+)"', inlined))
    assert "<title" in inlined
    assert "A &amp; B" in inlined


def test_a_stamp_is_written_below_the_drawing():
    drawn = figures.svg(figures.curves(RATES, **WORDS))
    stamped = figures.stamped(drawn, "on the stand-in")
    height = float(re.search(r'viewBox="0 0 [\d.]+ ([\d.]+)"', drawn).group(1))
    assert float(re.search(r'viewBox="0 0 [\d.]+ ([\d.]+)"', stamped).group(1)) == height + 20
    assert ">on the stand-in<" in stamped
    xml.dom.minidom.parseString(stamped)
    assert figures.stamped(drawn, "") == drawn


def test_panels_share_their_axes():
    spec = figures.curves(RATES, **WORDS, facet=True).to_dict()
    scales = [
        layer["encoding"]["y"]["scale"]
        for panel in spec["concat"]
        for layer in panel["layer"]
        if "y" in layer["encoding"] and "scale" in layer["encoding"]["y"]
    ]
    assert len(spec["concat"]) == 2
    assert all(scale == scales[0] for scale in scales)


def test_names_in_a_panel_stay_inside_it_and_near_their_own_line():
    short, long = np.array([1.0, 9.8, 9.9]), np.array([9.9, 5.0, 0.0, 0.0])
    chart = figures.multiples([("p", [("short", EPOCHS[:3], short), ("long", EPOCHS, long)])], **WORDS)
    spec = chart.to_dict()
    marks = [layer for layer in spec["concat"][0]["layer"] if layer["mark"]["type"] == "text"]
    rows = [row for layer in marks for row in spec["datasets"][layer["data"]["name"]]]
    place = {row["text"]: row["y"] for row in rows if "y" in row}
    assert 8 < place["short"] < 9.9
    assert 0 < place["long"] < 2


def test_names_in_a_panel_keep_off_the_lines():
    x = np.arange(101.0)
    frame = Frame(240, 170, "x", "y", (0.0, 100.0), (0.0, 10.0))
    covered = ink(frame, as_series([("flat", x, np.full(101, 5.0))]))
    (chart,) = inner_labels(frame, [("flat", 100.0, 5.0, "blue")], covered)
    (row,) = chart.data.values
    assert abs(frame.row(row["y"]) - frame.row(5.0)) >= 7


def test_panels_may_have_horizontal_axes_of_their_own():
    line = np.array([1.0, 2.0, 3.0, 4.0])
    panels = [("by epoch", [("a", EPOCHS, line)]), ("by step", [("a", 100 * EPOCHS, line)])]
    spec = figures.multiples(panels, x_title=["epoch", "step"], y_title="loss").to_dict()
    axes = [
        next(layer["encoding"]["x"] for layer in panel["layer"] if layer["mark"]["type"] == "line")
        for panel in spec["concat"]
    ]
    assert [axis["axis"]["title"] for axis in axes] == ["epoch", "step"]
    assert [axis["scale"]["domain"] for axis in axes] == [[0, 3], [0, 300]]


@pytest.mark.parametrize(
    ("ends", "marks"),
    [
        ((0.4, 2.5), [0.5, 1, 2]),
        ((0.45, 0.72), [0.45, 0.5, 0.55, 0.6, 0.65, 0.7]),
        ((1e-9, 1e-1), [1e-9, 1e-6, 1e-3]),
        ((2e-3, 0.9), [1e-2, 1e-1]),
    ],
)
def test_a_log_axis_is_marked_where_it_can_be_read(ends, marks):
    assert ticks(ends, True, 4) == pytest.approx(marks)


def test_a_log_axis_is_called_so():
    drawn = figures.svg(figures.curves(RATES, **WORDS, log_y=True))
    assert ">validation loss, log scale<" in drawn
    assert ">epoch<" in drawn


def test_steps_are_thinned_honestly():
    losses = np.arange(1000.0)[None] + np.array([[0.0], [2.0]])
    rows = figures.steps_rows([("a", np.arange(1000), losses)], bins=100)
    assert len(rows) == 100
    assert (rows[0]["step"], rows[0]["training_loss"], rows[0]["lowest"], rows[0]["highest"]) == (4.5, 5.5, 1.0, 10.0)
    assert "10 steps" in figures.steps_note(1000, bins=100)
    assert figures.steps_note(100, bins=100) == ""
    assert "svg" in figures.svg(figures.steps([("a", np.arange(1000), losses)]))


def test_a_log_axis_leaves_out_what_it_cannot_show():
    chart = figures.lines(
        [("f", np.array([1.0, 10, 100]), np.array([1e-9, 0.0, 1e-3]))], log_x=True, log_y=True, **WORDS
    )
    assert [row["y"] for row in layers(chart, "line")[0]] == [1e-9, None, 1e-3]
    assert "10⁻⁸" in figures.svg(chart)


def test_dots_show_each_seed_the_mean_and_the_interval():
    values = np.array([0.81, 0.82, 0.84])
    seeds, mean = layers(figures.dots([("a", values)], x_title="accuracy"), "point")
    (bar,) = layers(figures.dots([("a", values)], x_title="accuracy"), "rule")
    assert [row["x"] for row in seeds] == list(values)
    assert mean[0]["x"] == pytest.approx(values.mean())
    assert bar[0]["x2"] == pytest.approx(mean_interval(values).high)
    assert figures.dot_rows([("a", values)], value="accuracy")[0]["value 3"] == 0.84


def test_bars_are_stacked_from_zero_and_tell_their_total():
    ledger = [("batch 1", {"parameters": 2e6, "input": 1e6}), ("batch 2", {"parameters": 2e6, "input": 2e6})]
    chart = figures.bars(ledger, x_title="MB", unit=1e6, show=lambda total: f"{total / 1e6:g} MB")
    (parts,) = layers(chart, "bar")
    assert [(row["x"], row["x2"]) for row in parts] == [(0, 2), (2, 3), (0, 2), (2, 4)]
    assert ">4 MB<" in figures.svg(chart)


def test_a_confusion_matrix_writes_out_every_count():
    drawn = figures.svg(figures.heatmap(np.array([[981, 19], [7, 993]]), ["cat", "dog"]))
    assert all(f">{count}<" in drawn for count in (981, 19, 7, 993))


def pictures(drawn):
    found = re.findall(r'href="data:image/png;base64,([^"]+)"', drawn)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))) for data in found]


def test_images_are_shown_pixel_by_pixel():
    image = np.array([[0, 255], [100, 7]], np.uint8)
    drawn = figures.svg(figures.images([[image]], [["a\nb"]], titles=["row"]))
    (shown,) = pictures(drawn)
    size = len(shown) // 2
    assert (shown[::size, ::size, 3] == image).all()
    assert (np.repeat(np.repeat(image, size, 0), size, 1) == shown[..., 3]).all()
    assert "pixelated" in drawn


def test_filters_tell_signs_apart_around_a_true_zero():
    (shown,) = pictures(figures.svg(figures.filters([np.array([[-1.0, 0.0], [0.5, 1.0]])])))
    size = len(shown) // 2
    low, zero, some, most = shown[::size, ::size].reshape(4, 4)
    assert zero[3] == 0
    assert list(low) == [0x00, 0x72, 0xB2, 255]
    assert list(most[:3]) == list(some[:3]) == [0xD5, 0x5E, 0x00]
    assert some[3] == 128


def test_curve_rows_hold_each_seed():
    rows = figures.curve_rows(RATES, x="epoch", y="loss")
    assert len(rows) == 8
    assert rows[3]["loss"] == pytest.approx(1.05)
    assert [rows[3][f"value {n}"] for n in (1, 2, 3)] == [1.0, 1.1, 1.05]


@given(st.lists(st.floats(0, 300), min_size=1, max_size=12))
def test_labels_keep_apart_in_their_order(rows):
    placed = spread(rows, gap=14, low=0, high=300)
    ordered = [placed[index] for index in sorted(range(len(rows)), key=lambda index: rows[index])]
    assert all(after - before >= 14 - 1e-6 for before, after in pairwise(ordered))


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_a_domain_holds_its_values(values):
    low, high = domain([np.array(values)], log=False)
    assert low <= min(values) <= max(values) <= high
    assert low < high


@pytest.mark.parametrize("log", [False, True])
def test_values_that_only_rounding_tells_apart_are_one(log):
    """As the loss of seeds that all begin with weights of zero: ln 10, and no tick called 2.302585135."""
    reach = domain([np.array([2.302585092, 2.302585178])], log)
    assert all(len(f"{tick:g}") <= 4 for tick in ticks(reach, log, 6))
    assert len(ticks(reach, log, 6)) >= 3


def test_png_is_a_picture():
    picture = Image.open(io.BytesIO(figures.png(figures.curves(RATES, **WORDS), scale=1)))
    assert picture.width > 400


def test_the_same_chart_is_the_same_text():
    assert figures.svg(figures.curves(RATES, **WORDS)) == figures.svg(figures.curves(RATES, **WORDS))


def test_a_label_that_no_drawing_can_hold_ends_no_process():
    series = [("a\x0b\x00b\ud800\uffff", EPOCHS, np.ones((1, 4)))]
    drawn = figures.svg(figures.curves(series, **WORDS))
    assert "a��b��" in drawn
    assert figures.png(figures.curves(series, **WORDS)).startswith(b"\x89PNG")


def test_fewer_than_four_seeds_have_no_band():
    """Also where it is only after a while that there are so few, as the others have diverged."""
    assert layers(figures.curves(RATES, **WORDS), "area") == []
    assert len(layers(figures.curves(RATES, **WORDS), "line")) == 2
    diverged = FOUR[0][2].copy()
    diverged[0, 2:] = np.nan
    (band,) = layers(figures.curves([("lr 10", EPOCHS, diverged)], **WORDS), "area")
    assert [row["x"] for row in band] == [0, 1]
