# SPDX-License-Identifier: Apache-2.0
"""Runs of an older Shoal under the names that they have now. It changes names only, and no number.

A name is a hash of content. Once a default that was written out, as in ``SGD(lr=0.1, momentum=0.0)``, had a part in it:
equal configs could have two names, and their runs be trained twice.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from shoal.spec import content_hash, without_names
from shoal.study import Config

NAMED = (("run", "trajectory"), ("study", "trajectory"), ("study", "config"))
TABLES = ("run", "study", "probe")
"""Where names are."""


def rename(db: sqlite3.Connection) -> None:
    """Give every run, every point of a study and every probe the name it has now.

    Where something has that name already, what has the old one stays as it was: nothing is lost.
    """
    new = _names(db)
    if not new:
        return
    for table, column in NAMED:
        there = {name for (name,) in db.execute(f"SELECT DISTINCT {column} FROM {table}")}
        changes = [(new[name], name) for name in there & new.keys()]
        db.executemany(f"UPDATE OR IGNORE {table} SET {column} = ? WHERE {column} = ?", changes)
    for (key,) in db.execute("SELECT key FROM probe").fetchall():
        words = "/".join(new.get(word, word) for word in key.split("/"))
        db.execute("UPDATE OR IGNORE probe SET key = ? WHERE key = ?", (words, key))


def _names(db: sqlite3.Connection) -> dict[str, str]:
    """Old name to new, of whatever is called otherwise now."""
    lengths = {epochs for (epochs,) in db.execute("SELECT DISTINCT epochs FROM study")}
    new: dict[str, str] = {}
    for text, seeds in db.execute("SELECT config, json_group_array(seed) FROM run GROUP BY config"):
        before = without_names(msgspec.json.decode(text))
        now = msgspec.json.decode(text, type=Config).identity()
        if before != now:
            asked = (lengths | {now["epochs"]}, json.loads(seeds))
            new |= dict(zip(_names_of(before, *asked), _names_of(now, *asked), strict=True))
    return new


def _names_of(content: dict[str, Any], lengths: Iterable[int], seeds: Iterable[int]) -> Iterator[str]:
    """The hashes of a config and of its runs, at every length, and of their trajectories."""
    trajectory = content_hash({key: value for key, value in content.items() if key != "epochs"})
    yield trajectory
    for seed in seeds:
        yield content_hash([trajectory, seed])
    for epochs in lengths:
        config = content | {"epochs": epochs}
        yield content_hash(config)
        for seed in seeds:
            yield content_hash({"config": config, "seed": seed})
