# SPDX-License-Identifier: Apache-2.0
"""What is asked: a `Config` says how one network is trained, a `Run` is a config and a seed, a `Study`
crosses a `Grid` of values into configs. All plain frozen data with content hashes; nothing here trains.
"""

import inspect
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from msgspec import Meta

from shoal.errors import StudyError
from shoal.models import Init, Model, XavierUniform
from shoal.optimizers import Constant, Optimizer, Schedule
from shoal.spec import Spec, content_hash


class Config(Spec, frozen=True, kw_only=True):
    """How one network is trained.

    Args:
        data: name of the data set, such as ``"fashion-mnist"``.
        model: the network.
        optimizer: `SGD`, `Adam` or `AdamW`.
        epochs: passes over the training images.
        batch_size: examples a step; the last, smaller minibatch of an epoch is kept.
        init: how weights begin.
        schedule: factor on the learning rate.
        standardize: shift and scale pixels by the training split's mean and standard deviation.
        holdout: training images kept aside as validation, with the test split untouched;
            0 means that validation is the test split.
    """

    data: str
    model: Model
    optimizer: Optimizer
    epochs: Annotated[int, Meta(ge=1)]
    batch_size: Annotated[int, Meta(ge=1)] = 256
    init: Init = XavierUniform()
    schedule: Schedule = Constant()
    standardize: bool = False
    holdout: Annotated[int, Meta(ge=0)] = 0

    @property
    def trajectory(self) -> str:
        """Hash of everything but ``epochs``: configs that share it are prefixes of one another."""
        content = self.identity()
        del content["epochs"]
        return content_hash(content)


class Run(Spec, frozen=True):
    """One replicate of a config: the unit that is trained, stored and compared."""

    config: Config
    seed: Annotated[int, Meta(ge=0)]

    @property
    def trajectory(self) -> str:
        """Hash of the run but for its length; the store keeps one row for it."""
        return content_hash([self.config.trajectory, self.seed])


class Grid:
    """Named values to cross: ``Grid(lr=[0.1, 0.5], batch_size=[32, 256])`` has four points.

    Raises:
        StudyError: a value list is empty, repeated or not a list.
    """

    def __init__(self, **values: Sequence[Any]) -> None:
        for name, options in values.items():
            if isinstance(options, str) or not isinstance(options, Sequence | range) or not options:
                raise StudyError(f"Grid({name}={options!r}): expected a list of at least one value. Use [{options!r}].")
            if any(option in options[:index] for index, option in enumerate(options)):
                raise StudyError(f"Grid({name}={options!r}): the same value stands twice. Remove one.")
        self.values = {name: tuple(options) for name, options in values.items()}

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for combination in itertools.product(*self.values.values()):
            yield dict(zip(self.values, combination, strict=True))

    def __repr__(self) -> str:
        return f"Grid({', '.join(f'{name}={list(options)}' for name, options in self.values.items())})"


@dataclass(frozen=True)
class Point:
    """One point of a study's grid and the config it stands for."""

    values: dict[str, Any]
    config: Config

    @property
    def label(self) -> str:
        """``"lr 0.1, batch_size 256"``: the grid values, as a reader names the config."""
        return ", ".join(f"{name} {value}" for name, value in self.values.items()) or self.config.model.name


@dataclass(frozen=True)
class Study:
    """A question, as the configs that answer it.

    Args:
        name: lower-case words joined by hyphens.
        config: a function from grid values to a `Config`; its parameters are the grid's names.
        grid: the values to cross.
        seeds: the replicates, by default 0 to 9.
        keep_weights: keep the weights of every epoch instead of only the last (for probes along the run).

    Example:
        >>> from shoal import Config, Grid, SGD, Study, softmax_regression
        >>> def config(lr):
        ...     return Config(data="fashion-mnist", model=softmax_regression(), optimizer=SGD(lr=lr), epochs=10)
        >>> len(Study("rates", config, Grid(lr=[0.05, 0.1])).runs())
        20

    Raises:
        StudyError: grid names and the function's parameters differ, or two points give the same config.
    """

    name: str
    config: Callable[..., Config]
    grid: Grid
    seeds: Sequence[int] = range(10)
    keep_weights: bool = False
    points: tuple[Point, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.name or not all(word.isalnum() and word == word.lower() for word in self.name.split("-")):
            raise StudyError(f"Study(name={self.name!r}): expected lower-case words joined by hyphens.")
        if not self.seeds or len(set(self.seeds)) != len(self.seeds):
            raise StudyError(f"{self.name}: seeds={self.seeds!r}: expected at least one seed, each once.")
        object.__setattr__(self, "points", tuple(self._build(values) for values in self.grid))
        seen: dict[str, str] = {}
        for point in self.points:
            other = seen.setdefault(point.config.hash, point.label)
            if other != point.label:
                raise StudyError(f"{self.name}: {other!r} and {point.label!r} are the same config. Remove one.")

    def _build(self, values: dict[str, Any]) -> Point:
        try:
            inspect.signature(self.config).bind(**values)
        except TypeError as reason:
            takes = ", ".join(inspect.signature(self.config).parameters)
            raise StudyError(
                f"{self.name}: the grid names {', '.join(values) or 'nothing'}, but {self.config.__name__}({takes}) "
                f"takes other arguments ({reason}). Use the same names."
            ) from None
        config = self.config(**values)
        if not isinstance(config, Config):
            raise StudyError(f"{self.name}: {self.config.__name__}({values}) returned {config!r}, not a Config.")
        return Point(values, config)

    def runs(self, seeds: Sequence[int] | None = None) -> list[Run]:
        """Every run, one seed after the other: all of seed 0 first, so that early results are whole."""
        return [Run(point.config, seed) for seed in (self.seeds if seeds is None else seeds) for point in self.points]
