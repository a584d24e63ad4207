# SPDX-License-Identifier: Apache-2.0
"""Tiny data sets in the official files' form, to be found, damaged or downloaded."""

import gzip
from pathlib import Path

import numpy as np

from shoal.data import idx, sources

SHAPES = dict(zip(sources.NAMES, [(4,), (4, 28, 28), (6,), (6, 28, 28)], strict=True))


def content(name: str, seed: int = 0) -> np.ndarray:
    drawn = np.random.default_rng([seed, sources.NAMES.index(name)])
    return drawn.integers(0, 10 if "labels" in name else 256, SHAPES[name], dtype=np.uint8)


def official(name: str, seed: int) -> sources.Official:
    hashes = {file: idx.sha256(content(file, seed)) for file in SHAPES}
    folders = (name, f"{name.upper()}/raw")
    return sources.Official(name, name.upper(), tuple("0123456789"), folders, hashes, (), SHAPES)


TINY, OTHER = official("tiny", 0), official("other", 1)


def put(folder: Path, seed: int = 0, *, packed: bool = True) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in SHAPES:
        plain = idx.encode(content(name, seed))
        (folder / (name + ".gz" * packed)).write_bytes(gzip.compress(plain) if packed else plain)
    return folder


def cached(tmp_path: Path) -> list[str]:
    """Every file in the cache, hidden ones too."""
    return sorted(path.name for path in (tmp_path / "cache").rglob("*") if path.is_file())
