# SPDX-License-Identifier: Apache-2.0
"""Where data sets are looked for, and what is believed."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shoal import data
from shoal.data import sources
from shoal.errors import DataError, DataMissing, UsageError
from tiny_files import OTHER, TINY, content, put

REAL = os.environ.get("SHOAL_DATA", "")

pytestmark = pytest.mark.usefixtures("alone")


# ---- the places -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("below", [".", "tiny", "TINY/raw"])
@pytest.mark.parametrize("packed", [True, False])
def test_a_given_folder_or_one_that_holds_it(tmp_path: Path, below: str, packed: bool) -> None:
    put(tmp_path / "given" / below, packed=packed)
    found = sources.obtain(TINY, tmp_path / "given", mirrors=())
    np.testing.assert_array_equal(found.train.images[:, 0], content("train-images-idx3-ubyte"))
    np.testing.assert_array_equal(found.test.labels, content("t10k-labels-idx1-ubyte"))
    assert found.source == str(tmp_path / "given" / below)
    assert found.stand_in == ""
    assert dict(found.sha256) == dict(TINY.sha256)


def test_the_other_common_spelling(tmp_path: Path) -> None:
    for file in list(put(tmp_path, packed=False).glob("*-ubyte")):
        file.rename(tmp_path / file.name.replace("-idx", ".idx"))
    assert sources.obtain(TINY, tmp_path, mirrors=()).name == "tiny"


def test_the_argument_comes_before_the_environment_before_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = replace(TINY, system=str(put(tmp_path / "system")))
    places = [
        tmp_path / "argument",
        tmp_path / "environment",
        tmp_path / "cache" / "shoal" / "tiny",
        tmp_path / "system",
    ]
    for place in places:
        put(place)
    monkeypatch.setenv("SHOAL_DATA", str(places[1]))
    assert sources.obtain(system, places[0]).source == str(places[0])
    assert sources.obtain(system).source == str(places[1])
    monkeypatch.delenv("SHOAL_DATA")
    assert sources.obtain(system).source == str(places[2])
    shutil.rmtree(places[2])
    assert sources.obtain(system).source == str(places[3])


def test_a_folder_of_another_data_set_is_not_this_one(tmp_path: Path) -> None:
    put(tmp_path / "given", seed=1)
    assert sources.obtain(OTHER, tmp_path / "given", mirrors=()).name == "other"
    with pytest.raises(DataMissing, match="TINY is in none of"):
        sources.obtain(TINY, tmp_path / "given", mirrors=())


def test_a_path_that_is_not_there_is_an_error_and_no_stand_in(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        data.load("tiny", tmp_path / "typo")
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="is a file"):
        data.load("tiny", tmp_path / "file")


# ---- what is not believed -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sources.NAMES)
def test_a_damaged_file_is_an_error_and_no_stand_in(tmp_path: Path, name: str) -> None:
    file = put(tmp_path / "tiny", packed=False) / name
    damaged = bytearray(file.read_bytes())
    damaged[-1] ^= 1
    file.write_bytes(damaged)
    with pytest.raises(DataError, match=r"from_arrays") as caught:
        data.load("tiny", tmp_path)
    assert str(file) in str(caught.value)
    assert not isinstance(caught.value, DataMissing)


def test_a_missing_file_among_the_others_is_an_error(tmp_path: Path) -> None:
    (put(tmp_path / "tiny") / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match="has no train-labels-idx1-ubyte"):
        data.load("tiny", tmp_path)


def test_a_damaged_cache_is_an_error(tmp_path: Path) -> None:
    folder = put(tmp_path / "cache" / "shoal" / "tiny")
    (folder / "train-images-idx3-ubyte.gz").write_bytes(b"\x1f\x8bnothing")
    with pytest.raises(DataError, match="damaged within its gzip"):
        sources.obtain(TINY)


# ---- load -----------------------------------------------------------------------------------------------


def test_insisting_names_every_way(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SHOAL_OFFLINE", "1")
    fashion = replace(sources.FASHION_MNIST, system=str(tmp_path / "none"))
    monkeypatch.setattr(sources, "OFFICIAL", {"fashion-mnist": fashion})
    with pytest.raises(DataMissing) as caught:
        data.load("fashion-mnist", insist=True)
    for way in (
        "SHOAL_DATA",
        "apt install dataset-fashion-mnist",
        "amazonaws.com",
        "train-images-idx3-ubyte",
        "--data",
    ):
        assert way in str(caught.value)
    assert caught.value.exit_code == 4


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(UsageError, match="tiny, other, sketches-garments, sketches-digits"):
        data.load("cifar")


def test_importing_the_room_is_light() -> None:
    heavy = "{'pooch', 'requests', 'PIL', 'scipy', 'rich', 'shoal.data.sketches'}"
    program = f"import sys, shoal.data; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# ---- the real files -------------------------------------------------------------------------------------


@pytest.mark.data
@pytest.mark.skipif("SHOAL_DATA" not in os.environ, reason="SHOAL_DATA names no folder with the real data sets")
@pytest.mark.parametrize(("name", "mean"), [("fashion-mnist", 72.940352), ("mnist", 33.318421)])
def test_the_real_data_sets(monkeypatch: pytest.MonkeyPatch, name: str, mean: float) -> None:
    monkeypatch.setattr(sources, "OFFICIAL", {"fashion-mnist": sources.FASHION_MNIST, "mnist": sources.MNIST})
    found = data.load(name, REAL, insist=True)
    assert (len(found.train), len(found.test), found.image_shape) == (60_000, 10_000, (1, 28, 28))
    assert found.moments[0] == pytest.approx(mean, abs=1e-5)
    assert np.bincount(found.test.labels).min() > 800
