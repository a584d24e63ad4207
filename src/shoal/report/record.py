# SPDX-License-Identifier: Apache-2.0
"""The report's numbers as JSON, schema 1: every number that the page shows is in it, rounded nowhere.

NaN, infinity and missing values are null.
"""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

import msgspec
import numpy as np

from shoal import rulings
from shoal.analysis.comparison import FEWEST
from shoal.analysis.curves import Curves
from shoal.analysis.statistics import mean_interval
from shoal.analysis.verdicts import BETTER, Verdict
from shoal.data import Dataset
from shoal.report import findings
from shoal.report.document import Chapter, Document
from shoal.studies.section import Figure, Prose, Table
from shoal.study import Config

SCHEMA = 1
"""Raised when something that a reader knows changes its name or its meaning; parts that are added leave it."""
EPOCH_METRICS = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "seconds")


def record(document: Document) -> dict[str, Any]:
    """The whole report as plain data that JSON can say."""
    provenance = document.provenance
    content = {
        "schema": SCHEMA,
        "title": document.title,
        "stamp": document.stamp,
        "origin": document.origin,
        "seeds": {"done": document.seeds_done, "asked": provenance.seeds},
        "runs": document.runs,
        "epochs": document.epochs,
        "training_seconds": document.seconds,
        "data": _data(document.datasets[0]) if document.datasets else {},
        "data_sets": [_data(dataset) for dataset in document.datasets],
        "provenance": {
            **provenance.facts,
            "command": provenance.command,
            "written": provenance.written,
            "sessions": list(provenance.sessions),
        },
        "statements": [_statement(statement) for statement in document.statements],
        "claims": [_claim(verdict, chapter) for chapter in document.chapters for verdict in chapter.verdicts],
        "rules": {
            "fewest_seeds": FEWEST,
            "share_of_seeds": BETTER,
            "level": findings.LEVEL,
            "looks": list(provenance.looks),
        },
        "sections": [_section(chapter) for chapter in document.chapters],
    }
    return {name: plain(value) for name, value in content.items()}


def _section(chapter: Chapter) -> dict[str, Any]:
    section, blocks = chapter.section, chapter.blocks
    return {
        "id": section.id,
        "title": section.title,
        "question": section.question,
        "original": section.original,
        "stamp": chapter.stamp,
        "configuration": dict(chapter.configuration),
        "results": [_result(curves) for curves in chapter.curves],
        "prose": [one.block.text for one in blocks if isinstance(one.block, Prose)],
        "figures": {one.block.name: _figure(one.number, one.block) for one in blocks if isinstance(one.block, Figure)},
        "tables": {one.block.name: _table(one.number, one.block) for one in blocks if isinstance(one.block, Table)},
    }


def _statement(statement: rulings.Statement) -> dict[str, Any]:
    """One row of the opening table: a sentence of the original, and the claims that it consists of."""
    return {
        "id": statement.id,
        "says": statement.says,
        "verdict": statement.word,
        "so_far": statement.so_far,
        "decided_by": statement.decider.claim.id,
        "claims": [verdict.claim.id for verdict in statement.verdicts],
    }


def _claim(verdict: Verdict, chapter: Chapter) -> dict[str, Any]:
    """`rulings.record`, and with it what each side measured, and the words as they are printed."""
    told = rulings.record(verdict, chapter.section.id)
    for side, outcome in (("a", verdict.a), ("b", verdict.b)):
        if outcome:
            told[side] = {**told[side], "seeds": list(outcome.seeds), "values": outcome.values}
    told["printed"] = {
        "deciding": rulings.deciding(verdict),
        "bound": rulings.bound(verdict),
        "sentence": rulings.sentence(verdict),
        "flips": rulings.flips(verdict),
    }
    return told


def _figure(number: int, figure: Figure) -> dict[str, Any]:
    return {"number": number, "caption": figure.caption, "rows": list(figure.rows)}


def _table(number: int, table: Table) -> dict[str, Any]:
    """Its records unrounded, and its cells as they were printed."""
    cells = [dict(zip(unique(table.columns), row, strict=True)) for row in table.rows]
    return {"number": number, "caption": table.caption, "records": list(table.records), "printed": cells}


def unique(columns: Sequence[str]) -> list[str]:
    """Column names made different: a table may head two columns "sd"."""
    seen: dict[str, int] = {}
    names = []
    for column in columns:
        seen[column] = seen.get(column, 0) + 1
        names.append(column if seen[column] == 1 else f"{column} {seen[column]}")
    return names


def _result(curves: Curves) -> dict[str, Any]:
    return {
        "label": curves.label,
        "config": whole(curves.config),
        "hash": curves.config.hash,
        "parameters": curves.config.model.parameter_count,
        "final": {name: vars(mean_interval(curves.final(name))) for name in EPOCH_METRICS[:4]},
        "runs": [_run(curves, row) for row in range(len(curves.seeds))],
    }


def _run(curves: Curves, row: int) -> dict[str, Any]:
    """One run's epochs; a diverged one ends with the last epoch it finished."""
    diverged = curves.diverged_at[row]
    finished = np.flatnonzero(np.isfinite(curves.seconds[row]))
    status = {"status": "finished"} if diverged is None else {"status": "diverged", "diverged_at": diverged}
    early = {"stopped_after": after} if (after := dict(enumerate(curves.stopped_after)).get(row)) else {}
    epochs = [
        {"epoch": int(epoch), **{name: float(getattr(curves, name)[row, epoch]) for name in EPOCH_METRICS}}
        for epoch in finished
    ]
    return {"seed": int(curves.seeds[row]), **status, **early, "epochs": epochs}


def whole(config: Config) -> dict[str, Any]:
    """Every field of a config, those at their default as well."""
    return {name: msgspec.to_builtins(getattr(config, name)) for name in config.__struct_fields__}


def _data(dataset: Dataset) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "source": dataset.source,
        "stand_in": dataset.stand_in,
        "sha256": dict(dataset.sha256),
        "train": len(dataset.train),
        "test": len(dataset.test),
    }


def plain(content: Any) -> Any:
    """Arrays as lists, NumPy's numbers as Python's, what is not finite as None."""
    if isinstance(content, Mapping):
        return {str(key): plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [plain(value) for value in content]
    if isinstance(content, np.ndarray | np.generic):
        return plain(content.tolist())
    return None if isinstance(content, float) and not isfinite(content) else content
