# SPDX-License-Identifier: Apache-2.0
"""What a section of the report is: a question, perhaps a study, and a function that composes its chapter.

A chapter is a list of plain blocks. Its sentences are composed from numbers when the report is built; the
report room lays the blocks out and knows nothing of networks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

from shoal.analysis.claims import Sentence
from shoal.analysis.curves import Curves
from shoal.data import Dataset
from shoal.engines import Tensors
from shoal.study import Config, Study

if TYPE_CHECKING:
    import altair


@dataclass(frozen=True)
class Prose:
    """A paragraph. Plain text; `backquotes` for code, *asterisks* for emphasis, nothing else."""

    text: str


@dataclass(frozen=True)
class Figure:
    """A chart with a caption that says what to see, and the rows it was drawn from (they become its CSV).

    ``wide`` lets it grow past the text column.
    """

    name: str
    chart: "altair.TopLevelMixin"
    caption: str
    rows: Sequence[dict[str, Any]]
    wide: bool = False


@dataclass(frozen=True)
class Table:
    """Rows of cells under columns. Numbers are given as already rounded text where people read them;
    ``records`` has the same content unrounded, for report.json."""

    name: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str
    records: Sequence[dict[str, Any]] = ()


Block = Prose | Figure | Table


class Results(Protocol):
    """What a chapter may ask of the store and the data. Everything is for the runs that are there now."""

    def on_seeds(self, seeds: Sequence[int]) -> Self:
        """The same results, looking at these seeds only."""
        ...

    def curves(self, **values: Any) -> Curves:
        """The curves of one point of the section's study, by its grid values; only seeds that finished."""
        ...

    def all(self) -> list[Curves]:
        """The curves of every point, in the grid's order; points without a finished run are left out."""
        ...

    def dataset(self, name: str) -> Dataset:
        """The data set a config names (or its stand-in)."""
        ...

    def weights(self, config: Config, seed: int, epoch: int | None = None) -> Tensors:
        """The weights after an epoch, by default the last."""
        ...

    def logits(self, config: Config, seed: int) -> np.ndarray:
        """(n, classes) float32: the finished run's logits for the test split."""
        ...

    def correct(self, config: Config, seed: int) -> np.ndarray:
        """bool (n_test,): which test images the finished run gets right."""
        ...

    def dead_units(self, config: Config, seed: int) -> float:
        """The share of the finished run's hidden ReLU units that no test image switches on; 0 without any."""
        ...

    def probe(self, key: str, compute: Callable[[], Any]) -> Any:
        """The plain data stored under this key, or what ``compute`` gives, which is then stored."""
        ...


@dataclass(frozen=True)
class Section:
    """One section of the report.

    Args:
        id: "1.2": chapters are sorted by it.
        title: a few words.
        question: one sentence that ends with a question mark.
        chapter: composes the blocks.
        original: the original report's own words on it, quoted; "" where it has none.
        study: the runs it needs; None for a section of probes.
        data: data sets it shows or trains on, by name.
        claims: what the original says here that a section without a study proves exactly; a study has its own.
    """

    id: str
    title: str
    question: str
    chapter: Callable[[Results], list[Block]]
    original: str = ""
    study: Study | None = None
    data: tuple[str, ...] = field(default=("fashion-mnist",))
    claims: tuple[Sentence, ...] = ()

    @property
    def sentences(self) -> tuple[Sentence, ...]:
        """Every sentence that is judged here."""
        return (*(self.study.claims if self.study else ()), *self.claims)  # type: ignore[arg-type]
