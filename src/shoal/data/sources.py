# SPDX-License-Identifier: Apache-2.0
"""Where the official data sets come from: a given folder, the user's cache, a system package, the official mirrors.

Every file is held to the SHA-256 of its decompressed bytes (packagings of one file differ in their gzip header).
What is present is never downloaded; a file that is present but wrong is an error, never passed over in silence.
Only when a data set cannot be had, and nobody insists on it, is its stand-in drawn instead.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from math import prod
from pathlib import Path

import numpy as np

from shoal.data import idx
from shoal.data.dataset import Dataset, Split
from shoal.errors import DataError, DataMissing, UsageError

NAMES = ("t10k-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "train-labels-idx1-ubyte", "train-images-idx3-ubyte")
"""The four files, the smallest first: a wrong folder or mirror is noticed early."""

SHAPES = dict(zip(NAMES, [(10_000,), (10_000, 28, 28), (60_000,), (60_000, 28, 28)], strict=True))


@dataclass(frozen=True)
class Official:
    """A published data set of four IDX files.

    Args:
        folders: where people keep it below a folder of data sets, in the usual spellings.
        sha256: file name to the SHA-256 of its decompressed bytes.
        shapes: file name to its dimensions.
        mirrors: addresses of folders that hold the files gzipped.
        system: where a system package puts it, or "".
        package: the command that installs that package, or "".
    """

    name: str
    title: str
    classes: tuple[str, ...]
    folders: tuple[str, ...]
    sha256: Mapping[str, str]
    mirrors: tuple[str, ...]
    shapes: Mapping[str, tuple[int, ...]]
    system: str = ""
    package: str = ""


FASHION_MNIST = Official(
    name="fashion-mnist",
    title="Fashion-MNIST",
    classes=(
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
    folders=("fashion-mnist", "FashionMNIST/raw", "FashionMNIST", "fashion_mnist", "data/fashion", "fashion"),
    sha256={
        "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
    mirrors=(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ),
    shapes=SHAPES,
    system="/usr/share/datasets/fashion-mnist",
    package="apt install dataset-fashion-mnist",
)

MNIST = Official(
    name="mnist",
    title="MNIST",
    classes=tuple(str(digit) for digit in range(10)),
    folders=("mnist", "MNIST/raw", "MNIST"),
    sha256={
        "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    shapes=SHAPES,
)

OFFICIAL = {official.name: official for official in (FASHION_MNIST, MNIST)}
STAND_INS = {"fashion-mnist": "sketches-garments", "mnist": "sketches-digits"}


# ---- what a user calls ----------------------------------------------------------------------------------


def fashion_mnist(path: str | Path | None = None, *, mirrors: Sequence[str] | None = None) -> Dataset:
    """Fashion-MNIST: 60,000 + 10,000 grey images of clothes, 28×28, ten classes.

    Args:
        path: its folder, or one that holds it as ``fashion-mnist/``. Looked at first; then ``SHOAL_DATA``, the user's
            cache, Debian's package, the mirrors.
        mirrors: other mirrors than the official ones.

    Raises:
        DataError: a file is there, but damaged or another one.
        DataMissing: it is nowhere and cannot be fetched.

    Source: Xiao, Rasul and Vollgraf 2017, arXiv:1708.07747; MIT licence.
    """
    return obtain(FASHION_MNIST, path, mirrors)


def mnist(path: str | Path | None = None, *, mirrors: Sequence[str] | None = None) -> Dataset:
    """MNIST: 60,000 + 10,000 grey images of handwritten digits, 28×28. Arguments and errors as in `fashion_mnist`.

    Source: LeCun, Cortes and Burges; CC BY-SA 3.0.
    """
    return obtain(MNIST, path, mirrors)


def load(name: str, path: str | Path | None = None, *, insist: bool = False) -> Dataset:
    """A data set by name, or its stand-in where it cannot be had.

    Args:
        name: ``"fashion-mnist"``, ``"mnist"``, ``"sketches-garments"`` or ``"sketches-digits"``.
        path: where to look first, as in `fashion_mnist`.
        insist: no stand-in.

    Raises:
        DataError: a file is there, but damaged. A stand-in never hides that.
        DataMissing: insisted on, and not to be had; the message names every way to get it.
        UsageError: no data set has that name.
    """
    if name in STAND_INS.values():
        return _stand_in(name)
    if name not in OFFICIAL:
        known = ", ".join((*OFFICIAL, *STAND_INS.values()))
        raise UsageError(f"{name!r} is no data set Shoal knows. Use one of {known}, or from_arrays for your own.")
    try:
        return obtain(OFFICIAL[name], path)
    except DataMissing:
        if insist:
            raise
        return _stand_in(STAND_INS[name])


# ---- the search -----------------------------------------------------------------------------------------


def obtain(official: Official, path: str | Path | None = None, mirrors: Sequence[str] | None = None) -> Dataset:
    """The data set from the first place that has it; see `fashion_mnist`."""
    given = [Path(place).expanduser() for place in (path, os.environ.get("SHOAL_DATA")) if place]
    for place in given:
        folder = _below(place, official)
        if folder:
            return _read(official, folder)
    cache = _cache() / official.name
    kept = [cache, *([Path(official.system)] if official.system else [])]
    for folder in kept:
        if all(_file(folder, name) for name in official.sha256):
            return _read(official, folder)
    try:
        _download(official, cache, official.mirrors if mirrors is None else mirrors)
    except DataMissing as reason:
        raise DataMissing(_ways(official, [*given, *kept], cache, str(reason))) from None
    return _read(official, cache)


def _below(place: Path, official: Official) -> Path | None:
    """The data set's folder at or below a place the user named; None if the place has only other things."""
    if not place.is_dir():
        what = "is a file" if place.exists() else "does not exist"
        raise DataError(
            f"{place} {what}: expected a folder with {official.folders[0]}/ in it, or that folder. Correct the path."
        )
    for folder in (place / spelling for spelling in official.folders):
        if any(_file(folder, name) for name in official.sha256):
            return folder
    here = any(_file(place, name) for name in official.sha256) and not _is_another(place, official)
    return place if here else None


def _is_another(folder: Path, official: Official) -> bool:
    """Whether the folder holds a different official data set, whose files have the same names."""
    name = NAMES[0]
    file = _file(folder, name)
    others = [other.sha256[name] for other in OFFICIAL.values() if other.name != official.name]
    return file is not None and idx.sha256(idx.read(file)) in others


def _file(folder: Path, name: str) -> Path | None:
    """A data set's file in a folder, plain or gzipped, in either of its two spellings."""
    spellings = name, name.replace("-idx", ".idx")
    found = (folder / f"{spelling}{suffix}" for spelling in spellings for suffix in ("", ".gz"))
    return next((file for file in found if file.is_file()), None)


def _cache() -> Path:
    import pooch

    return Path(pooch.os_cache("shoal"))


# ---- reading and fetching -------------------------------------------------------------------------------


def _read(official: Official, folder: Path) -> Dataset:
    arrays = {}
    for name in official.sha256:
        file = _file(folder, name)
        if file is None:
            raise DataError(f"{folder} has no {name} (nor {name}.gz), though other files of {official.title}. Add it.")
        arrays[name] = _verified(official, file, name)
    train, test = (
        Split(arrays[f"{part}-images-idx3-ubyte"][:, np.newaxis], arrays[f"{part}-labels-idx1-ubyte"].astype(np.uint16))
        for part in ("train", "t10k")
    )
    return Dataset(official.name, official.classes, train, test, str(folder), dict(official.sha256))


def _verified(official: Official, file: Path, name: str) -> np.ndarray:
    values = idx.read(file, shape=official.shapes[name])
    found, expected = idx.sha256(values), official.sha256[name]
    if found != expected:
        raise DataError(
            f"{file} is not {official.title}'s {name}: its bytes have SHA-256 {found[:16]}…, the official ones "
            f"{expected[:16]}…. Replace it, or use shoal.data.from_arrays for data of your own."
        )
    return values


def _download(official: Official, cache: Path, mirrors: Sequence[str]) -> None:
    """Whatever the cache still lacks; raises `DataMissing` saying why it cannot be had."""
    if os.environ.get("SHOAL_OFFLINE", "0") not in ("", "0"):
        raise DataMissing("SHOAL_OFFLINE is set, so nothing was fetched.")
    if not mirrors:
        raise DataMissing("Nothing was fetched.")
    from shoal.data.download import fetch

    lacking = {
        name: prod(shape) + 4 * (len(shape) + 1)
        for name, shape in official.shapes.items()
        if _file(cache, name) is None
    }
    try:
        fetch(mirrors, lacking, cache, partial(_verified, official))
    except OSError as reason:
        raise DataMissing(f"{cache} cannot be written to: {reason.strerror or reason}.") from None


def _ways(official: Official, places: list[Path], cache: Path, reason: str) -> str:
    """What to do about a data set that is not here."""
    ways = [
        f"put its four files ({NAMES[3]}[.gz], ...) into {cache}",
        f"name their folder, or one that holds it as {official.folders[0]}/: --data FOLDER or SHOAL_DATA=FOLDER",
        *([official.package] if official.package else []),
        "go online: it is then fetched from " + " or ".join(official.mirrors),
    ]
    looked = f"{official.title} is in none of {', '.join(map(str, places))}."
    return "\n".join([looked, reason, "Any of these helps:", *(f"  - {way}" for way in ways)])


@lru_cache(maxsize=2)
def _stand_in(name: str) -> Dataset:
    from shoal.data import sketches

    drawn: Dataset = sketches.garments() if name == "sketches-garments" else sketches.digits()
    return drawn
