# SPDX-License-Identifier: Apache-2.0
"""Where data sets are looked for, what is believed, and what a download leaves behind. All on this machine."""

import gzip
import http.server
import io
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from shoal import data
from shoal.data import dataset, idx, sources
from shoal.errors import DataError, DataMissing, UsageError

SHAPES = dict(zip(sources.NAMES, [(4,), (4, 28, 28), (6,), (6, 28, 28)], strict=True))


def content(name: str, seed: int = 0) -> np.ndarray:
    drawn = np.random.default_rng([seed, sources.NAMES.index(name)])
    return drawn.integers(0, 10 if "labels" in name else 256, SHAPES[name], dtype=np.uint8)


def official(name: str, seed: int) -> sources.Official:
    hashes = {file: idx.sha256(content(file, seed)) for file in SHAPES}
    folders = (name, f"{name.upper()}/raw")
    return sources.Official(name, name.upper(), tuple("0123456789"), folders, hashes, (), SHAPES)


REAL = os.environ.get("SHOAL_DATA", "")
TINY, OTHER = official("tiny", 0), official("other", 1)


def put(folder: Path, seed: int = 0, *, packed: bool = True) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in SHAPES:
        plain = idx.encode(content(name, seed))
        (folder / (name + ".gz" * packed)).write_bytes(gzip.compress(plain) if packed else plain)
    return folder


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of its own, no data from outside, no network but the one a test opens."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("SHOAL_DATA", raising=False)
    monkeypatch.delenv("SHOAL_OFFLINE", raising=False)
    monkeypatch.setattr(sources, "OFFICIAL", {"tiny": TINY, "other": OTHER})


def cached(tmp_path: Path) -> list[str]:
    """Every file in the cache, hidden ones too."""
    return sorted(path.name for path in (tmp_path / "cache").rglob("*") if path.is_file())


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


# ---- mirrors --------------------------------------------------------------------------------------------


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Silence: the test looks at what arrives."""


class Cut(Quiet):
    """Promises the whole file and closes the connection half-way."""

    def copyfile(self, source: object, outputfile: object) -> None:
        whole = source.read()  # type: ignore[attr-defined]
        outputfile.write(whole[: len(whole) // 2])  # type: ignore[attr-defined]


class Endless(Quiet):
    """Sends for as long as anyone listens."""

    def copyfile(self, source: object, outputfile: object) -> None:
        for _ in range(100):
            outputfile.write(bytes(2**20))  # type: ignore[attr-defined]

    def send_header(self, keyword: str, value: str) -> None:
        if keyword != "Content-Length":
            super().send_header(keyword, value)


class Mirrors:
    """Folders served on 127.0.0.1 until the test ends."""

    def __init__(self) -> None:
        self.servers: list[http.server.ThreadingHTTPServer] = []

    def serve(self, folder: Path, manner: type[Quiet] = Quiet) -> str:
        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                """A client that hangs up is what some tests are about."""

        server = Server(("127.0.0.1", 0), partial(manner, directory=str(folder)))
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}/"

    def close(self) -> None:
        for server in self.servers:
            server.shutdown()
            server.server_close()


@pytest.fixture
def mirrors() -> Iterator[Mirrors]:
    served = Mirrors()
    yield served
    served.close()


def test_mirrors_are_tried_in_turn_until_one_is_right(tmp_path: Path, mirrors: Mirrors) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    garbage = put(tmp_path / "garbage")
    for file in garbage.iterdir():
        file.write_bytes(b"<html>Please log in to this network</html>")
    addresses = [
        "http://127.0.0.1:9/",
        mirrors.serve(garbage),
        mirrors.serve(empty),
        mirrors.serve(put(tmp_path / "other", seed=1)),
        mirrors.serve(put(tmp_path / "cut"), Cut),
        mirrors.serve(put(tmp_path / "endless"), Endless),
        mirrors.serve(put(tmp_path / "good")),
    ]
    found = sources.obtain(TINY, mirrors=addresses)
    np.testing.assert_array_equal(found.test.images[:, 0], content("t10k-images-idx3-ubyte"))
    assert cached(tmp_path) == sorted(f"{name}.gz" for name in SHAPES)
    assert sources.obtain(TINY, mirrors=()).name == "tiny", "the second time nothing is fetched"


@pytest.mark.parametrize(("manner", "reason"), [(Cut, "IncompleteRead"), (Endless, "sent more than the")])
def test_a_mirror_that_fails_leaves_nothing(tmp_path: Path, mirrors: Mirrors, manner: type[Quiet], reason: str) -> None:
    address = mirrors.serve(put(tmp_path / "bad"), manner)
    with pytest.raises(DataMissing, match=r"t10k-labels-idx1-ubyte could not be fetched") as caught:
        sources.obtain(TINY, mirrors=[address])
    assert address in str(caught.value)
    assert reason in str(caught.value)
    assert cached(tmp_path) == []


def test_wrong_bytes_never_reach_the_cache(tmp_path: Path, mirrors: Mirrors) -> None:
    with pytest.raises(DataMissing, match="is not TINY's"):
        sources.obtain(TINY, mirrors=[mirrors.serve(put(tmp_path / "other", seed=1))])
    assert cached(tmp_path) == []


def test_an_interrupted_download_leaves_nothing_and_goes_on_later(
    tmp_path: Path, mirrors: Mirrors, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    address = mirrors.serve(put(tmp_path / "good"))
    verified = sources._verified
    seen: list[str] = []

    def interrupted(origin: sources.Official, file: Path, name: str) -> np.ndarray:
        seen.append(name)
        if len(seen) == 2:
            raise KeyboardInterrupt
        return verified(origin, file, name)

    with monkeypatch.context() as patched:
        patched.setattr(sources, "_verified", interrupted)
        with pytest.raises(KeyboardInterrupt):
            sources.obtain(TINY, mirrors=[address])
    assert cached(tmp_path) == ["t10k-labels-idx1-ubyte.gz"]
    capsys.readouterr()
    assert sources.obtain(TINY, mirrors=[address]).name == "tiny"
    assert capsys.readouterr().err.count("fetching") == 3, "what is there is not fetched again"


def test_what_a_killed_download_left_is_swept(tmp_path: Path, mirrors: Mirrors) -> None:
    folder = tmp_path / "cache" / "shoal" / "tiny"
    folder.mkdir(parents=True)
    for name, age in ((".old.part", 100_000), (".young.part", 10)):
        (folder / name).touch()
        os.utime(folder / name, (time.time() - age,) * 2)
    sources.obtain(TINY, mirrors=[mirrors.serve(put(tmp_path / "good"))])
    assert [name for name in cached(tmp_path) if name.startswith(".")] == [".young.part"]


def test_a_dead_mirror_is_asked_once(tmp_path: Path, mirrors: Mirrors, capsys: pytest.CaptureFixture[str]) -> None:
    sources.obtain(TINY, mirrors=["http://127.0.0.1:9/", mirrors.serve(put(tmp_path / "good"))])
    assert capsys.readouterr().err.count("127.0.0.1:9/") == 1


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_a_bar_in_a_terminal_and_a_line_elsewhere(
    tmp_path: Path, mirrors: Mirrors, monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return terminal

    monkeypatch.setattr(sys, "stderr", Screen())
    monkeypatch.setenv("COLUMNS", "160")
    sources.obtain(TINY, mirrors=[mirrors.serve(put(tmp_path / "good"))])
    shown = sys.stderr.getvalue()  # type: ignore[attr-defined]
    assert "fetching" in shown
    assert "train-images-idx3-ubyte.gz" in shown
    assert ("━" in shown, "\x1b" in shown) == (terminal, terminal)
    assert terminal or len(shown.splitlines()) == 4


def test_offline_nothing_is_asked(tmp_path: Path, mirrors: Mirrors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOAL_OFFLINE", "1")
    with pytest.raises(DataMissing, match="SHOAL_OFFLINE is set"):
        sources.obtain(TINY, mirrors=[mirrors.serve(put(tmp_path / "good"))])


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


# ---- one's own arrays -----------------------------------------------------------------------------------

IMAGES = np.arange(20 * 4 * 4, dtype=np.uint8).reshape(20, 4, 4)
LABELS = np.arange(20) % 3


def test_arrays_become_a_data_set() -> None:
    mine = data.from_arrays(IMAGES, LABELS, ["a", "b", "c"], test_fraction=0.25)
    assert (len(mine.train), len(mine.test), mine.image_shape) == (15, 5, (1, 4, 4))
    assert mine.train.labels.dtype == np.uint16
    together = np.sort(np.concatenate([mine.train.images[:, 0, 0, 0], mine.test.images[:, 0, 0, 0]]))
    np.testing.assert_array_equal(together, np.sort(IMAGES[:, 0, 0]))
    colour = data.from_arrays(
        np.zeros((6, 3, 5, 4), np.uint8), np.zeros(6, int), ["a"], test=(np.ones((2, 3, 5, 4), np.uint8), [0, 0])
    )
    assert (len(colour.train), len(colour.test), colour.image_shape) == (6, 2, (3, 5, 4))


def test_the_name_follows_the_content() -> None:
    changed = IMAGES.copy()
    changed[7, 2, 1] ^= 1
    names = [
        data.from_arrays(IMAGES, LABELS, "abc").name,
        data.from_arrays(changed, LABELS, "abc").name,
        data.from_arrays(IMAGES, LABELS[::-1], "abc").name,
        data.from_arrays(IMAGES, LABELS, "abd").name,
        data.from_arrays(IMAGES, LABELS, "abc", test_fraction=0.5).name,
    ]
    assert len(set(names)) == len(names)
    assert data.from_arrays(IMAGES.copy(), LABELS.astype(np.uint8), "abc").name == names[0]
    assert names[0].startswith("arrays-")


@pytest.mark.parametrize("test", [None, (IMAGES[:9].copy(), LABELS[:9].astype(np.uint16))])
def test_what_has_a_name_cannot_be_changed(test: tuple[np.ndarray, np.ndarray] | None) -> None:
    """Runs are stored under a name that tells the content; the arrays are the caller's, to do with as they like."""
    images, labels = IMAGES[:, np.newaxis].copy(), LABELS.astype(np.uint16)
    mine = data.from_arrays(images, labels, "abc", test=test)
    before = dict(mine.sha256)
    for array in (images, labels, *(test or ())):
        array[:] = 0
    assert dataset.fingerprints(mine.train, mine.test) == before
    for split in (mine.train, mine.test):
        for values in (split.images, split.labels):
            with pytest.raises(ValueError, match="read-only"):
                values[0] = 1


def test_pixels_that_are_all_alike_cannot_be_standardized() -> None:
    blank = data.from_arrays(np.full((14, 2, 2), 7, np.uint8), LABELS[:14], "abc")
    with pytest.raises(DataError, match=r"every training pixel is 7, .* Use standardize=False"):
        _ = blank.moments


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"images": IMAGES / 255}, DataError, "float64"),
        ({"images": IMAGES[:, :0]}, DataError, r"images of uint8 \(20, 1, 0, 4\) have no pixels"),
        ({"classes": 3}, DataError, r"from_arrays\(classes=3\): expected one or more names"),
        ({"name": 3}, UsageError, r"from_arrays\(name=3\)"),
        ({"test_fraction": "0.5"}, UsageError, r"test_fraction='0\.5'"),
        ({"test": (IMAGES, LABELS, LABELS)}, UsageError, r"Use test=\(images, labels\)"),
        ({"test": 3}, UsageError, r"Use test=\(images, labels\)"),
        ({"images": IMAGES[0]}, DataError, "expected uint8"),
        ({"labels": LABELS[:-1]}, DataError, "20 images and 19 labels"),
        ({"labels": LABELS / 1}, DataError, "expected integers"),
        ({"labels": LABELS - 1}, DataError, "from -1 to 1"),
        ({"classes": "ab"}, DataError, "label is 2, but 2 classes"),
        ({"classes": "aab"}, DataError, "each once"),
        ({"classes": ""}, DataError, "one or more"),
        ({"test_fraction": 1.0}, UsageError, "leaves a split empty"),
        ({"test_fraction": 0.001}, UsageError, "leaves a split empty"),
        ({"test_fraction": float("nan")}, UsageError, "leaves a split empty"),
        ({"test": (IMAGES[:, :3], LABELS)}, DataError, "Make them the same"),
        ({"name": "Mine"}, UsageError, "lower-case"),
        ({"images": IMAGES[:0], "labels": LABELS[:0], "test": (IMAGES, LABELS)}, DataError, "0 images"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(change: dict[str, object], error: type[Exception], says: str) -> None:
    arguments = {"images": IMAGES, "labels": LABELS, "classes": "abc"} | change
    with pytest.raises(error, match=says):
        data.from_arrays(**arguments)


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
