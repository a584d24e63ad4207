# SPDX-License-Identifier: Apache-2.0
"""Downloads from a server on this machine: what is believed, what is left behind, what is said."""

import http.server
import io
import os
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from shoal.data import sources
from shoal.errors import DataMissing
from tiny_files import SHAPES, TINY, cached, content, put

pytestmark = pytest.mark.usefixtures("alone")


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
