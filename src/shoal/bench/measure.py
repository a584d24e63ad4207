# SPDX-License-Identifier: Apache-2.0
"""The whole benchmark in one call: the peak, the table, the promises, the peak again. It prints nothing itself."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from shoal.bench import SCHEMA, Extent, Result, peak
from shoal.bench.checks import checks
from shoal.bench.peers import PEERS, Peer
from shoal.bench.speed import Bench, Say, cut, rows, start
from shoal.data import Dataset
from shoal.engines.native import NativeEngine
from shoal.errors import UsageError
from shoal.provenance import machine, versions


def measure(data: Dataset, python: Path, extent: Extent, parts: tuple[str, ...], say: Say) -> tuple[Result, list[str]]:
    """Everything that ``extent`` and ``parts`` ("speed", "promises") name, and which peers were refused, and why.

    Args:
        python: an interpreter that has the peers.
        say: is told what is going on.
    """
    engine = NativeEngine()
    measured, held, refused, found = [], [], [], {}
    peaks = _peaks(python, engine.threads, say)
    if "speed" in parts:
        with _running(data, python, extent, engine.threads, say) as peers:
            found = {peer.kind.title: peer.version for peer in peers}
            bench = Bench(engine, data, peers, extent)
            for cell in bench.cells(say):
                refused += cell.refused
                for reason in cell.refused:
                    say(reason)
                measured.append((cell, list(peers)))
    if "promises" in parts:
        held = list(checks(engine, data, extent, say))
    again = _peaks(python, engine.threads, say)
    peaks = {name: max(peaks[name], again[name]) for name in peaks}
    best = max(peaks.values())
    lines = [row for cell, peers in measured for row in rows(cell, peers, len(data.train), best)]
    about = _about(engine, data, extent) | {"peers": found, "peaks": {k: round(v, 1) for k, v in peaks.items()}}
    return Result(about, best, tuple(lines), tuple(held)), refused


def to_json(result: Result) -> dict[str, Any]:
    """The object that ``--json`` prints."""
    return {
        "schema": SCHEMA,
        "machine": result.machine,
        "peak_gflops": result.peak_gflops,
        "rows": [asdict(row) for row in result.rows],
        "checks": [asdict(check) for check in result.checks],
    }


def read(path: Path) -> Result:
    """What ``--json`` printed earlier.

    Raises:
        UsageError: it is nothing of the kind.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Result)
    except msgspec.MsgspecError as reason:
        raise UsageError(f"{path} is no result of `shoal bench --json`: {reason}.") from None


def _peaks(python: Path, cores: int, say: Say) -> dict[str, float]:
    say("the machine's matrix product")
    return {"NumPy": peak.of_numpy(), "PyTorch": peak.of_pytorch(python, cores)}


def _about(engine: NativeEngine, data: Dataset, extent: Extent) -> dict[str, Any]:
    facts = machine() | {"instruction_set": engine.instruction_set, "date": f"{date.today():%-d %B %Y}"}
    facts |= {"versions": versions(), "data": data.name, "images": len(cut(data, extent.images).train)}
    return facts


@contextmanager
def _running(data: Dataset, python: Path, extent: Extent, cores: int, say: Say) -> Iterator[list[Peer]]:
    """The peers asked for that can run, until the block ends."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        given = Path(folder) / "images.npz"
        train = cut(data, extent.images).train
        np.savez(given, images=train.images, labels=train.labels)
        ids = tuple(PEERS) if extent.peers is None else extent.peers
        yield start(ids, lambda id: Peer(id, python, given, cores), stack, say)
