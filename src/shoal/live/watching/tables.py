# SPDX-License-Identifier: Apache-2.0
"""A study's runs as a table: sorted here and given in pages, as a store may hold ten thousand. It words no number."""

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from shoal.errors import UsageError
from shoal.live.watching.fields import Field, told
from shoal.live.watching.gathering import Replicate, Watched
from shoal.live.watching.grouping import facts

PAGE = 200
"""Rows that are given at once."""
STATUSES = ("training", "unfinished", "finished", "diverged", "waiting")
METRICS = (
    ("train_loss", "training loss"),
    ("train_accuracy", "training accuracy"),
    ("validation_loss", "validation loss"),
    ("validation_accuracy", "validation accuracy"),
    ("seconds", "seconds"),
)


Offset = Annotated[int, Meta(ge=0, le=10**9)]


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked of a table, as a request has it."""

    study: str = ""
    sort: str = ""
    """The key of a column; "" for the study's own order."""
    descending: bool = False
    offset: Offset = 0


class Column(NamedTuple):
    """One column: its key, its words, what kind of thing stands in it, and how to get it from a run."""

    key: str
    title: str
    kind: str
    """ "status", "field", "seed", "epochs", or a metric: "loss", "accuracy", "seconds"."""
    of: Callable[[Replicate], Any]


def table(asked: Asked, study: Watched, trains: bool) -> dict[str, Any]:
    """One page of the runs.

    Args:
        trains: whether runs of the study are being trained now.

    Raises:
        UsageError: it has no such column to sort by.
    """
    columns = _columns(study, trains)
    rows = _sorted(study.replicates, columns, asked)
    page = rows[asked.offset : asked.offset + PAGE]
    return {
        "columns": [{"key": one.key, "title": one.title, "kind": one.kind} for one in columns],
        "rows": [
            {"run": one.row.id if one.row else None, "cells": [_cell(column.of(one)) for column in columns]}
            for one in page
        ],
        "total": len(rows),
        "offset": asked.offset,
        "page": PAGE,
        "shared": facts(study),
        "known": all(setup.config is not None for setup in study.setups),
    }


def _columns(study: Watched, trains: bool) -> list[Column]:
    return [
        Column("status", "status", "status", lambda one: status(one, trains)),
        *(_of_field(field) for field in study.differing),
        Column("seed", "seed", "seed", lambda one: one.seed),
        Column("epochs", "epochs done", "epochs", lambda one: (one.done, one.setup.epochs)),
        *(_of_metric(place, key, title) for place, (key, title) in enumerate(METRICS)),
    ]


def _of_field(field: Field) -> Column:
    return Column(f"field.{field.key}", field.title, "field", lambda one: _plain(field.values.get(one.setup.key)))


def _plain(value: Any) -> Any:
    """Numbers as numbers, to be sorted; all else as text; None where the configuration has no such field."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if value is None or number else told(value)


def _of_metric(place: int, key: str, title: str) -> Column:
    kind = key.rpartition("_")[2]
    return Column(key, title, kind, lambda one: one.last[place] if one.began else None)


def status(one: Replicate, trains: bool) -> str:
    """One of `STATUSES`: what is on its way is in training if anything is."""
    return "training" if trains and one.status == "unfinished" else one.status


def _sorted(replicates: Sequence[Replicate], columns: Sequence[Column], asked: Asked) -> list[Replicate]:
    """What has no value comes last, whichever way round; equal ones keep the study's order."""
    if not asked.sort:
        return list(replicates)
    found = next((column for column in columns if column.key == asked.sort), None)
    if found is None:
        known = ", ".join(repr(column.key) for column in columns)
        raise UsageError(f"sort={asked.sort!r}: the table has no such column. Use one of {known}.")
    values = [(_key(found.of(one)), one) for one in replicates]
    some = sorted((pair for pair in values if pair[0]), key=lambda pair: pair[0], reverse=asked.descending)
    return [one for _, one in some] + [one for key, one in values if not key]


def _key(value: Any) -> tuple[Any, ...]:
    """Numbers before words; () of what has no value."""
    if value is None or (isinstance(value, float) and not isfinite(value)):
        return ()
    if isinstance(value, tuple):
        return (0, *value)
    if value in STATUSES:
        return (0, STATUSES.index(value))
    return (0, value) if isinstance(value, int | float) else (1, str(value))


def _cell(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
