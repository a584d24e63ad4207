# SPDX-License-Identifier: Apache-2.0
"""IDX files of unsigned bytes, the format of MNIST: read, written, hashed. Nothing is trusted.

A file is four bytes of magic (0, 0, type, number of dimensions), each dimension as a big-endian uint32, then the
values. It may be gzipped, which its first bytes tell, not its name. Other types than unsigned bytes are refused,
and so is every file that is longer or shorter than its header says. At most one byte more than the header promises
is ever unpacked, so a gzip bomb costs nothing.
"""

import gzip
import hashlib
import math
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from shoal.errors import DataError

UNSIGNED_BYTE = 0x08
TYPES = {0x08: "uint8", 0x09: "int8", 0x0B: "int16", 0x0C: "int32", 0x0D: "float32", 0x0E: "float64"}
GZIP_MAGIC = b"\x1f\x8b"
MOST_BYTES = 2**31
MOST_DIMENSIONS = 4
CHUNK = 2**20
ADVICE = "Get the file again."


def read(path: str | Path, *, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """The array an IDX file holds: uint8, in the file's own shape.

    Args:
        path: the file, gzipped or plain.
        shape: what its dimensions must be; any, when left out.

    Raises:
        DataError: the file cannot be read or is not, to the byte, an IDX file of unsigned bytes of that shape.
    """
    path = Path(path)
    with _opened(path) as stream:
        found = _dimensions(stream, path)
        if shape is not None and found != shape:
            raise DataError(f"{path} holds {_times(found)} bytes instead of {_times(shape)}: another file? {ADVICE}")
        expected = math.prod(found)
        values = _take(stream, expected + 1)
    if len(values) < expected:
        raise DataError(
            f"{path} is truncated: its header promises {expected:,} values, {len(values):,} are there. {ADVICE}"
        )
    if len(values) > expected:
        raise DataError(f"{path} goes on after the {expected:,} values its header promises. {ADVICE}")
    return np.frombuffer(values, dtype=np.uint8).reshape(found)


def encode(values: np.ndarray) -> bytes:
    """An array's plain IDX file. Its bytes follow from the values alone, so they can stand for them in a hash.

    Raises:
        DataError: not uint8, or more than four dimensions.
    """
    return _header(values) + values.tobytes()


def sha256(values: np.ndarray) -> str:
    """The SHA-256 of an array's plain IDX file, in hex: of a file's decompressed bytes, for an array just read."""
    digest = hashlib.sha256(_header(values))
    digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()


def _header(values: np.ndarray) -> bytes:
    if values.dtype != np.uint8 or not 1 <= values.ndim <= MOST_DIMENSIONS or values.size == 0:
        raise DataError(
            f"an IDX file here holds uint8 values in one to {MOST_DIMENSIONS} dimensions, none of them empty; "
            f"these are {values.dtype} ({_times(values.shape)}). Convert them first."
        )
    return struct.pack(f">BBBB{values.ndim}I", 0, 0, UNSIGNED_BYTE, values.ndim, *values.shape)


def _dimensions(stream: IO[bytes], path: Path) -> tuple[int, ...]:
    magic = bytes(_take(stream, 4))
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in TYPES:
        shown = magic.hex(" ") or "nothing"
        raise DataError(f"{path} is not an IDX file: it starts with {shown}, not with 00 00 08. {ADVICE}")
    kind, count = magic[2], magic[3]
    if kind != UNSIGNED_BYTE:
        raise DataError(f"{path} holds {TYPES[kind]} values; images and labels are uint8. Convert it.")
    if not 1 <= count <= MOST_DIMENSIONS:
        raise DataError(f"{path} claims {count} dimensions; images and labels have 1 to {MOST_DIMENSIONS}. {ADVICE}")
    packed = _take(stream, 4 * count)
    if len(packed) < 4 * count:
        raise DataError(f"{path} is truncated: it ends within its header. {ADVICE}")
    dimensions: tuple[int, ...] = struct.unpack(f">{count}I", packed)
    if not 0 < math.prod(dimensions) <= MOST_BYTES:
        raise DataError(f"{path} claims to hold {_times(dimensions)} values, which no data set here does. {ADVICE}")
    return dimensions


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """The file's plain bytes as a stream; whatever goes wrong while reading them becomes a `DataError`."""
    try:
        with path.open("rb") as file:
            packed = file.read(2) == GZIP_MAGIC
            file.seek(0)
            if packed:
                with gzip.GzipFile(fileobj=file) as unpacked:
                    yield unpacked  # type: ignore[misc]
            else:
                yield file
    except (EOFError, zlib.error, gzip.BadGzipFile) as reason:
        raise DataError(f"{path} is damaged within its gzip packing ({reason}). {ADVICE}") from None
    except OSError as reason:
        raise DataError(f"{path} cannot be read: {reason.strerror or reason}. Check the path and its rights.") from None


def _take(stream: IO[bytes], count: int) -> bytearray:
    """At most ``count`` bytes, in pieces: memory follows what is there, not what a header promises.

    Reading up to the end (one byte past what is expected) is also what makes gzip check its own CRC.
    """
    taken = bytearray()
    while len(taken) < count:
        piece = stream.read(min(CHUNK, count - len(taken)))
        if not piece:
            break
        taken += piece
    return taken


def _times(shape: tuple[int, ...]) -> str:
    return "×".join(f"{size:,}" for size in shape) or "one"
