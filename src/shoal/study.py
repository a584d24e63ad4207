# SPDX-License-Identifier: Apache-2.0
"""What is asked: a `Config` says how one network is trained, a `Run` is a config and a seed, a `Study`
crosses a `Grid` of values into configs. All plain frozen data with content hashes; nothing here trains.
"""

import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol

import msgspec
from msgspec import Meta

from shoal.errors import StudyError
from shoal.losses import CrossEntropy
from shoal.models import Init, Model, XavierUniform
from shoal.optimizers import Constant, Epochs, Optimizer, Schedule
from shoal.shown import as_html
from shoal.spec import Spec, content_hash, is_name, plain
from shoal.training import Clipping, EarlyStopping

Seed = Annotated[int, Meta(ge=0, le=2**63 - 1)]

DEFINING: ContextVar[bool] = ContextVar("DEFINING", default=False)
"""Whether a file is being read for its studies: it defines them then, and nothing is trained."""


class Config(Spec, frozen=True, kw_only=True):
    """How one network is trained.

    Args:
        data: name of the data set, such as ``"fashion-mnist"``.
        model: the network.
        optimizer: `SGD`, `Lion`, `Adagrad`, `RMSprop`, `Adam` or `AdamW`.
        epochs: passes over the training images, at most so many with ``early_stopping``.
        batch_size: examples a step; the last, smaller minibatch of an epoch is kept.
        init: how weights begin.
        schedule: factor on the learning rate.
        standardize: shift and scale pixels by the training split's mean and standard deviation.
        holdout: training images kept aside as validation, with the test split untouched;
            0 means that validation is the test split.
        loss: how the cross-entropy that it trains on is computed; validation is always by log-sum-exp.
        gradient_clipping: `ClipNorm` or `ClipValue`, before any weight decay.
        early_stopping: when to end before all epochs are done.
    """

    data: str
    model: Model
    optimizer: Optimizer
    epochs: Epochs
    batch_size: Annotated[int, Meta(ge=1, le=2**31 - 1)] = 256
    init: Init = XavierUniform()
    schedule: Schedule = Constant()
    standardize: bool = False
    holdout: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 0
    loss: CrossEntropy = CrossEntropy()
    gradient_clipping: Clipping | None = None
    early_stopping: EarlyStopping | None = None

    @property
    def trajectory(self) -> str:
        """Hash of everything but ``epochs``: configs that share it are prefixes of one another.

        Early stopping looks back only, so of two such runs the shorter is the beginning of the longer, or both ended
        early at the same epoch.
        """
        content = self.identity()
        del content["epochs"]
        return content_hash(content)

    def shortened(self, beginning: str) -> "Config | None":
        """The shorter config of the same trajectory whose hash begins so, if there is one."""
        content = self.identity()
        for epochs in range(1, self.epochs):
            if content_hash(content | {"epochs": epochs}).startswith(beginning):
                return self.replace(epochs=epochs)
        return None


class Run(Spec, frozen=True):
    """One replicate of a config: the unit that is trained, stored and compared."""

    config: Config
    seed: Seed

    @property
    def trajectory(self) -> str:
        """Hash of the run but for its length; the store keeps one row for it."""
        return content_hash([self.config.trajectory, self.seed])


class Grid:
    """Named values to cross: ``Grid(lr=[0.1, 0.5], batch_size=[32, 256])`` has four points.

    Values are a list, a tuple, a range or a NumPy array of one dimension. Grids add up:
    ``Grid(lr=[0.1, 0.5]) + Grid(lr=[0.1], epochs=[40])`` has three points, of which the last names one thing more.

    Raises:
        StudyError: values without a name, or none, or one twice, or no list.
    """

    def __init__(self, *unnamed: object, **values: Sequence[Any]) -> None:
        if unnamed:
            raise StudyError(
                f"Grid({unnamed[0]!r}): the values need a name. Use Grid(lr=[...]), or Grid(**dictionary)."
            )
        self._crosses: tuple[dict[str, tuple[Any, ...]], ...] = (
            {name: self._options(name, options) for name, options in values.items()},
        )

    def __add__(self, other: "Grid") -> "Grid":
        total = Grid()
        total._crosses = self._crosses + other._crosses
        return total

    @staticmethod
    def _options(name: str, given: Any) -> tuple[Any, ...]:
        options = _listed(given)
        if not options:
            raise StudyError(
                f"Grid({name}={given!r}): expected a list of at least one value, as in Grid({name}=[1, 2])."
            )
        if any(option in options[:index] for index, option in enumerate(options)):
            raise StudyError(f"Grid({name}={given!r}): the same value stands twice. Remove one.")
        return options

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for values in self._crosses:
            for combination in itertools.product(*values.values()):
                yield dict(zip(values, combination, strict=True))

    def __repr__(self) -> str:
        named = (", ".join(f"{name}={list(options)}" for name, options in values.items()) for values in self._crosses)
        return " + ".join(f"Grid({values})" for values in named)


def _listed(values: Any) -> tuple[Any, ...]:
    """The values of a list, tuple, range or array of one dimension, NumPy's numbers as Python's; else none."""
    if getattr(values, "ndim", 0) == 1:
        return tuple(values.tolist())
    return tuple(map(plain, values)) if isinstance(values, Sequence) and not isinstance(values, str) else ()


@dataclass(frozen=True)
class Point:
    """One point of a study's grid and the config it stands for."""

    values: dict[str, Any]
    config: Config
    label: str
    """As a reader names the config."""


def label(values: Mapping[str, Any]) -> str:
    """``"lr 0.1, batch size 256"``: grid values in words."""
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in values.items())


class Checked(Protocol):
    """What a study asks of a claim: a name, and to refuse a study that cannot answer it."""

    @property
    def id(self) -> str: ...

    def check(self, study: "Study") -> None:
        """Raise `StudyError` if the study lacks a config that the claim names, or its runs the metric."""
        ...


@dataclass(frozen=True)
class Study:
    """A question, as the configs that answer it.

    Args:
        name: lower-case words joined by hyphens.
        config: a function from grid values to a `Config`; its parameters are the grid's names.
        grid: the values to cross.
        seeds: the replicates, by default 0 to 9.
        keep_weights: keep the weights of every epoch instead of only the last (for probes along the run).
        label: from grid values to what a reader calls the config; by default ``"lr 0.1, batch size 256"``.
        claims: sentences that can be false, which its runs are to judge (see `shoal.analysis.claims`).

    Example:
        >>> from shoal import Config, Grid, SGD, Study, softmax_regression
        >>> def config(lr):
        ...     return Config(data="fashion-mnist", model=softmax_regression(), optimizer=SGD(lr=lr), epochs=10)
        >>> len(Study("rates", config, Grid(lr=[0.05, 0.1])).runs())
        20

    Raises:
        StudyError: grid names and the function's parameters differ, two points give the same config, two claims have
            the same id, or the study cannot answer one.
    """

    name: str
    config: Callable[..., Config]
    grid: Grid
    seeds: Sequence[int] = range(10)
    keep_weights: bool = False
    label: Callable[..., str] | None = None
    claims: Sequence[Checked] = ()
    points: tuple[Point, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not is_name(self.name):
            raise StudyError(f"Study(name={self.name!r}): expected lower-case words joined by hyphens.")
        if not callable(self.config):
            raise StudyError(f"{self.name}: config={self.config!r}: expected a function from grid values to a Config.")
        if not isinstance(self.grid, Grid):
            raise StudyError(f"{self.name}: grid={self.grid!r}: expected a Grid, as in Grid(lr=[0.1, 0.5]).")
        object.__setattr__(self, "seeds", self._checked_seeds())
        object.__setattr__(self, "points", tuple(self._build(values) for values in self.grid))
        seen: dict[str, str] = {}
        for point in self.points:
            if point.config.hash in seen:
                other = seen[point.config.hash]
                raise StudyError(f"{self.name}: {other!r} and {point.label!r} are the same config. Remove one.")
            seen[point.config.hash] = point.label
        self._check_claims()

    def _check_claims(self) -> None:
        object.__setattr__(self, "claims", tuple(self.claims))
        for index, claim in enumerate(self.claims):
            if any(claim.id == other.id for other in self.claims[:index]):
                raise StudyError(f"{self.name}: two claims have the id {claim.id!r}. Rename one.")
            claim.check(self)

    def _checked_seeds(self) -> Sequence[int]:
        seeds = self.seeds if isinstance(self.seeds, range) else _listed(self.seeds)
        for seed in seeds[:: max(len(seeds) - 1, 1)] if isinstance(seeds, range) else seeds:
            try:
                msgspec.convert(seed, Seed)
            except msgspec.ValidationError as reason:
                raise StudyError(f"{self.name}: seeds={self.seeds!r}: {seed!r} is no seed. {reason}.") from None
        if not seeds or len(set(seeds)) != len(seeds):
            raise StudyError(f"{self.name}: seeds={self.seeds!r}: expected at least one seed, each once: range(5).")
        return seeds

    def _build(self, values: dict[str, Any]) -> Point:
        name = getattr(self.config, "__name__", "config")
        try:
            takes = inspect.signature(self.config)
        except (TypeError, ValueError) as reason:
            raise StudyError(f"{self.name}: {name} cannot be called: {reason}. Write it as a function.") from None
        try:
            takes.bind(**values)
        except TypeError as reason:
            raise StudyError(
                f"{self.name}: the grid names {', '.join(values) or 'nothing'}, but "
                f"{name}({', '.join(takes.parameters)}) takes other arguments ({reason}). Use the same names."
            ) from None
        config = self.config(**values)
        if not isinstance(config, Config):
            raise StudyError(f"{self.name}: {name}({values}) returned {config!r}, not a Config.")
        return Point(values, config, self.label(**values) if self.label else label(values) or config.model.name)

    _repr_html_ = as_html

    def runs(self, seeds: Sequence[int] | None = None) -> list[Run]:
        """Every run, one seed after the other: all of seed 0 first, so that early results are whole."""
        return [Run(point.config, seed) for seed in (self.seeds if seeds is None else seeds) for point in self.points]
