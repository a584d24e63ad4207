# SPDX-License-Identifier: Apache-2.0
"""How often the intervals hold what they promise, and how often the rule of comparison says "above" when it is not so.

Imagined studies with a known truth go through the same functions that a report uses: ``python benchmarks/coverage.py``
simulates 2,000 of each kind in some minutes and writes docs/coverage.json and the table in docs/statistics.md. All
draws come from named streams, so it writes the same bytes again. It trains nothing.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple, cast

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

from shoal import streams
from shoal.analysis.claims import Claim
from shoal.analysis.comparison import compare
from shoal.analysis.intervals import proportion_interval
from shoal.analysis.looks import LOOKS, shared_level
from shoal.analysis.margins import Margin
from shoal.analysis.measures import Measure
from shoal.analysis.outcomes import Evidence
from shoal.analysis.two_way import two_way_bootstrap
from shoal.analysis.verdicts import judge

DOCS = Path(__file__).parent.parent / "docs"
STUDIES = 2000
SEEDS = (6, 10, 20)
MARGIN = 0.005
SPREAD = 0.004
"""Standard deviation of a side: that of accuracies."""
IMAGES = 1000

Sides = tuple[np.ndarray, np.ndarray]


class Kind(NamedTuple):
    """How the seeds of two sides are spread. A's mean is the margin above B's, so "above" is always wrong."""

    name: str
    what: str
    sides: Callable[[np.ndarray], Sides]
    """From uniforms (2, n) to A and B with means 0."""


def normal(u: np.ndarray) -> Sides:
    return ndtri(u[0]), ndtri(u[1])


def correlated(u: np.ndarray) -> Sides:
    shared, own = ndtri(u[0]), ndtri(u[1])
    return shared, 0.5 * (0.9 * shared + np.sqrt(1 - 0.9**2) * own)


def skewed(u: np.ndarray) -> Sides:
    return (np.exp(0.125) - np.exp(0.5 * ndtri(u[0]))) / 0.6039, 0.5 * ndtri(u[1])


def very_skewed(u: np.ndarray) -> Sides:
    return 1 + np.log(u[0]), np.zeros_like(u[1])


def heavy(u: np.ndarray) -> Sides:
    return stdtrit(3, u[0]) / np.sqrt(3), stdtrit(3, u[1]) / np.sqrt(3)


def stuck(u: np.ndarray) -> Sides:
    """One seed of A in ten is five standard deviations down."""
    fell = u[0] < 0.1
    within = np.where(fell, u[0] / 0.1, (u[0] - 0.1) / 0.9)
    return ndtri(within) - 5 * (fell - 0.1), np.zeros_like(u[1])


def diverging(u: np.ndarray) -> Sides:
    """One seed of A in five diverges; moved so that the median, which then is compared, is 0."""
    finished = ndtri(np.maximum((u[0] - 0.2) / 0.8, 1e-12)) - ndtri(0.375)
    return np.where(u[0] < 0.2, -np.inf, finished), np.zeros_like(u[1])


KINDS = (
    Kind("normal", "both sides normal, independent", normal),
    Kind("correlated", "normal, correlation .9 within a seed, B half as spread", correlated),
    Kind("skewed", "A log-normal with its long tail down (skewness -1.75), B normal, half as spread", skewed),
    Kind("very skewed", "A exponential with its long tail down (skewness -2), B constant", very_skewed),
    Kind("heavy-tailed", "both sides Student's t with 3 degrees of freedom", heavy),
    Kind("stuck", "one seed of A in ten falls five standard deviations behind", stuck),
)
DIVERGING = Kind("diverging", "one seed of A in five diverges; of the median difference", diverging)


@dataclass(frozen=True)
class Row:
    """What a kind of study came to, as shares of the studies."""

    kind: str
    what: str
    n: int
    covered: float
    """Intervals that held the true mean difference."""
    above: float
    """Studies decided "above the margin", wrongly: false "Supported"."""
    below: float
    """Studies decided "below the margin", wrongly."""


def studies(kind: Kind, n: int, count: int, margin: float = MARGIN) -> Iterator[Sides]:
    """``count`` imagined studies of n seeds; the first seeds of one are the same at every n up to 30."""
    most = max(*LOOKS, n)
    draws = streams.uniforms(count * 2 * most, f"coverage {kind.name}", 0).reshape(count, 2, most)
    for drawn in draws:
        a, b = kind.sides(drawn[:, :n])
        yield 0.85 + margin + SPREAD * a, 0.85 + SPREAD * b


def row(kind: Kind, n: int, count: int) -> Row:
    """One comparison with n seeds."""
    found = [compare(a, b, margin=MARGIN) for a, b in studies(kind, n, count)]
    covered = np.mean([each.low <= MARGIN <= each.high for each in found])
    above, below = (np.mean([each.decision == side for each in found]) for side in ("above", "below"))
    return Row(kind.name, kind.what, n, float(covered), float(above), float(below))


def looked(kind: Kind, count: int) -> Row:
    """Three looks at the shared level; stops at the first that decides. Covered: no look's interval missed."""
    level = shared_level(LOOKS)
    ends = {"above": 0, "below": 0, "open": 0}
    covered = 0
    for a, b in studies(kind, LOOKS[-1], count):
        found = [compare(a[:n], b[:n], margin=MARGIN, level=level) for n in LOOKS]
        covered += all(each.low <= MARGIN <= each.high for each in found)
        ends[next((each.decision for each in found if each.decision != "open"), "open")] += 1
    what = (
        f"{kind.name} seeds at looks of {', '.join(map(str, LOOKS))}, each at the shared level; covered at all of them"
    )
    return Row(
        f"{kind.name}, three looks", what, LOOKS[-1], covered / count, ends["above"] / count, ends["below"] / count
    )


class Imagined:
    """Evidence for a judge: a side per name, a value per seed."""

    def __init__(self, **sides: np.ndarray) -> None:
        self.sides = sides

    def curves(self, side: str) -> SimpleNamespace:
        values = self.sides[side]
        seeds, config = tuple(range(len(values))), SimpleNamespace(data="imagined")
        return SimpleNamespace(seeds=seeds, values=values, label=side, config=config, stopped_after=())


def ranged(kind: Kind, n: int, count: int) -> Row:
    """A claim of a range, judged: the truth is the range's upper end, so it is neither in it nor beyond."""
    measure = Measure("value", lambda curves: curves.values)
    claim = Claim(
        "range",
        "A is within the margin of B.",
        measure=measure,
        a={"side": "a"},
        b={"side": "b"},
        direction="within",
        margin=Margin(100 * MARGIN, "points"),
    )
    found = [judge([claim], cast(Evidence, Imagined(a=a, b=b)))[0] for a, b in studies(kind, n, count)]
    covered = np.mean([each.comparison.low <= MARGIN <= each.comparison.high for each in found if each.comparison])
    above, below = (np.mean([each.word == word for each in found]) for word in ("refuted", "supported"))
    what = f"{kind.name} seeds and a claim that A is within the margin of B; above is refuted, below is supported"
    return Row(f"{kind.name}, a range", what, n, float(covered), float(above), float(below))


def on_other_images(n: int, count: int) -> Row:
    """Accuracy of n seeds on 1,000 test images, for other seeds on other images: seeds × images bootstrap."""
    hard, skill, own, bar = 1.0, 0.1, 0.6, 1.25
    truth = float(ndtr(bar / np.sqrt(hard**2 + skill**2 + own**2)))
    low, high = 0, 0
    for index in range(count):
        z = streams.normals(IMAGES + n + n * IMAGES, f"coverage images {n}", 0, index)
        images, seeds, rest = z[:IMAGES], z[IMAGES : IMAGES + n], z[IMAGES + n :].reshape(n, IMAGES)
        found = two_way_bootstrap(bar + hard * images + skill * seeds[:, None] + own * rest > 0)
        low, high = low + (found.low > truth), high + (found.high < truth)
    what = f"accuracy on {IMAGES:,} test images, for other seeds and images; the interval lies above or below the truth"
    return Row("seeds × images", what, n, 1 - (low + high) / count, low / count, high / count)


def simulate(count: int = STUDIES, seeds: tuple[int, ...] = SEEDS) -> Iterator[Row]:
    for kind in KINDS:
        yield from (row(kind, n, count) for n in seeds)
    yield from (row(DIVERGING, n, count) for n in seeds)
    yield from (looked(kind, count) for kind in KINDS[:3])
    yield from (ranged(KINDS[0], n, count) for n in seeds[:2])
    yield from (on_other_images(n, count) for n in seeds)


def table(rows: list[Row], count: int) -> str:
    """The Markdown table, with what a simulation of that many studies can tell."""
    even = proportion_interval(round(0.95 * count), count)
    lines = [
        f"{count:,} simulated studies a row. A share of 95% is itself known to ± {50 * (even.high - even.low):.1f}%.",
        "",
        "| seeds' spread | n | interval covers the truth | wrongly above | wrongly below |",
        "|---|---:|---:|---:|---:|",
    ]
    lines += [f"| {r.kind} | {r.n} | {r.covered:.1%} | {r.above:.1%} | {r.below:.1%} |" for r in rows]
    meanings = {r.kind: r.what for r in rows}
    return "\n".join([*lines, "", *(f"- *{kind}*: {what}." for kind, what in meanings.items())])


def within(text: str, block: str) -> str:
    """The page with the generated block between its marks replaced."""
    start, end = "<!-- coverage: written by benchmarks/coverage.py -->", "<!-- end of coverage -->"
    before, rest = text.split(start)
    return f"{before}{start}\n\n{block}\n\n{end}{rest.split(end)[1]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=STUDIES)
    parser.add_argument("--out", type=Path, default=DOCS, help="folder with statistics.md")
    given = parser.parse_args()
    rows = []
    for each in simulate(given.studies):
        print(f"{each.kind:24} {each.n:3} {each.covered:6.1%} {each.above:6.1%} {each.below:6.1%}", flush=True)
        rows.append(each)
    found = {"studies": given.studies, "level": 0.95, "rows": [asdict(each) for each in rows]}
    (given.out / "coverage.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    page = given.out / "statistics.md"
    page.write_text(within(page.read_text(), table(rows, given.studies)))


if __name__ == "__main__":
    main()
