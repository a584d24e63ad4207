# SPDX-License-Identifier: Apache-2.0
"""The IDX reader: what it reads it reads exactly, and every other file is refused with a `DataError` that names it."""

import gzip
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from shoal.data import idx
from shoal.errors import DataError

ANY_ARRAY = arrays.arrays(np.uint8, arrays.array_shapes(max_dims=4, max_side=6))
REUSED_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
IMAGES = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)


def kept(folder: Path, content: bytes, name: str = "images-idx3-ubyte") -> Path:
    file = folder / name
    file.write_bytes(content)
    return file


def refusal(file: Path, **expected: tuple[int, ...]) -> str:
    with pytest.raises(DataError) as caught:
        idx.read(file, **expected)
    assert str(file) in str(caught.value)
    assert caught.value.exit_code == 4
    return str(caught.value)


@REUSED_FOLDER
@given(values=ANY_ARRAY, packed=st.booleans())
def test_what_is_written_is_read(tmp_path: Path, values: np.ndarray, packed: bool) -> None:
    plain = idx.encode(values)
    read = idx.read(kept(tmp_path, gzip.compress(plain) if packed else plain))
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, values)


@REUSED_FOLDER
@given(values=ANY_ARRAY, data=st.data())
def test_every_shorter_file_is_refused(tmp_path: Path, values: np.ndarray, data: st.DataObject) -> None:
    plain = idx.encode(values)
    refusal(kept(tmp_path, plain[: data.draw(st.integers(0, len(plain) - 1))]))


@REUSED_FOLDER
@given(values=ANY_ARRAY, data=st.data())
def test_every_shorter_gzip_is_refused(tmp_path: Path, values: np.ndarray, data: st.DataObject) -> None:
    packed = gzip.compress(idx.encode(values))
    refusal(kept(tmp_path, packed[: data.draw(st.integers(0, len(packed) - 1))]))


@REUSED_FOLDER
@given(values=ANY_ARRAY, more=st.binary(min_size=1, max_size=20), packed=st.booleans())
def test_every_longer_file_is_refused(tmp_path: Path, values: np.ndarray, more: bytes, packed: bool) -> None:
    longer = idx.encode(values) + more
    assert "goes on after" in refusal(kept(tmp_path, gzip.compress(longer) if packed else longer))


@REUSED_FOLDER
@given(content=st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(tmp_path: Path, content: bytes) -> None:
    file = kept(tmp_path, content)
    try:
        values = idx.read(file)
    except DataError:
        return
    assert idx.encode(values) == content or content.startswith(idx.GZIP_MAGIC)


@REUSED_FOLDER
@given(values=ANY_ARRAY, data=st.data())
def test_one_flipped_value_in_a_gzip_is_refused(tmp_path: Path, values: np.ndarray, data: st.DataObject) -> None:
    packed = bytearray(gzip.compress(idx.encode(values), compresslevel=0))
    place = data.draw(st.integers(len(packed) - 8 - values.size, len(packed) - 9))
    packed[place] ^= data.draw(st.integers(1, 255))
    assert "damaged" in refusal(kept(tmp_path, bytes(packed)))


@pytest.mark.parametrize(
    ("header", "says"),
    [
        (b"", "starts with nothing"),
        (b"PK\x03\x04", "starts with 50 4b 03 04"),
        (b"\x00\x00\x07\x01", "not an IDX file"),
        (struct.pack(">BBBBI", 0, 0, 0x0D, 1, 1) + bytes(4), "float32"),
        (struct.pack(">BBBBI", 0, 0, 0x0B, 1, 1) + bytes(2), "int16"),
        (b"\x00\x00\x08\x00\x01", "0 dimensions"),
        (b"\x00\x00\x08\xff" + bytes(1020), "255 dimensions"),
        (struct.pack(">BBBBI", 0, 0, 8, 1, 0), "claims to hold 0 values"),
        (struct.pack(">BBBB3I", 0, 0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1), "claims to hold 4,294,967,295×"),
        (b"\x00\x00\x08\x03\x00\x00\x00\x01", "within its header"),
        (b"\x1f\x8b\x08", "damaged"),
    ],
)
def test_a_wrong_header_is_named(tmp_path: Path, header: bytes, says: str) -> None:
    assert says in refusal(kept(tmp_path, header))


def test_another_shape_than_expected_is_refused_before_it_is_read(tmp_path: Path) -> None:
    file = kept(tmp_path, idx.encode(IMAGES))
    assert "3×4×5" in refusal(file, shape=(3, 28, 28))
    assert idx.read(file, shape=(3, 4, 5)).shape == (3, 4, 5)


def test_a_gzip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    bomb = gzip.compress(idx.encode(IMAGES) + bytes(200_000_000), compresslevel=1)
    file = kept(tmp_path, bomb)
    tracemalloc.start()
    refusal(file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4_000_000


def test_a_header_that_promises_much_costs_nothing(tmp_path: Path) -> None:
    file = kept(tmp_path, struct.pack(">BBBB3I", 0, 0, 8, 3, 2000, 1000, 1000) + bytes(100))
    tracemalloc.start()
    assert "truncated" in refusal(file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4_000_000


def test_no_file_a_folder_and_a_broken_link(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "nothing")
    assert "directory" in refusal(tmp_path)


def test_the_hash_is_that_of_the_plain_file() -> None:
    import hashlib

    turned = IMAGES.transpose(2, 1, 0)
    assert idx.sha256(turned) == hashlib.sha256(idx.encode(turned)).hexdigest()
    assert idx.sha256(turned) != idx.sha256(IMAGES)


@pytest.mark.parametrize("values", [np.zeros(3), np.zeros(0, np.uint8), np.zeros((1, 1, 1, 1, 1), np.uint8)])
def test_only_what_can_be_read_again_is_written(values: np.ndarray) -> None:
    with pytest.raises(DataError, match="Convert"):
        idx.encode(values)
