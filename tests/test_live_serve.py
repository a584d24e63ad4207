# SPDX-License-Identifier: Apache-2.0
"""`shoal serve` and `shoal run --watch`, as somebody types them, up to Ctrl-C."""

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import pytest

from fakes import STUDY_FILE, FakeEngine
from shoal import live
from shoal.cli.serve import warn_of
from shoal.errors import StoreError
from shoal.live import sockets, vega, warming, watch
from shoal.live.lab import Lab

serving = sys.modules["shoal.cli.serve"]
"""The module; `shoal.cli.serve` is the command."""


@pytest.fixture
def typed(tmp_path):
    """A command line that begins in a folder of its own with mine.py, offline; it is ended with the test."""
    (tmp_path / "mine.py").write_text(STUDY_FILE)
    quiet = {"SHOAL_OFFLINE": "1", "SHOAL_DATA": ""}
    with contextlib.ExitStack() as stack:

        def typed(line):
            given = [sys.executable, "-m", "shoal", *line.split(), "--engine", "reference"]
            pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
            command = subprocess.Popen(given, cwd=tmp_path, env={**os.environ, **quiet}, **pipes)
            stack.enter_context(command)
            stack.callback(command.kill)
            return command

        yield typed


def visit(address):
    """The page at an address with a token, and then something it asks for."""
    parts = urlsplit(address)
    line = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
    with contextlib.closing(line):
        line.request("GET", f"{parts.path}?{parts.query}")
        first = line.getresponse()
        first.read()
        line.request("GET", "/", headers={"Cookie": first.headers["set-cookie"].partition(";")[0]})
        return line.getresponse().read().decode()


def interrupted(command):
    command.send_signal(signal.SIGINT)
    out, err = command.communicate(timeout=60)
    return command.returncode, out, err


def test_serve_prints_an_address_that_opens_the_page_and_ends_quietly(typed):
    command = typed("serve mine.py --port 0")
    address = command.stdout.readline().strip()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{43}", address)
    assert visit(address).startswith("<!doctype html>")
    code, out, err = interrupted(command)
    assert (code, out) == (0, "")
    assert "The live lab of shoal.db:" in err
    assert "Exception" not in err
    assert urlsplit(address).query not in err


def test_run_watch_trains_prints_and_stays(typed):
    command = typed("run mine.py --watch --port 0 --seeds 1")
    said = iter(command.stderr.readline, "")
    address = next(line for line in said if "token" in line).rpartition(" ")[2].strip()
    assert visit(address).startswith("<!doctype html>")
    assert any("The page stays open" in line for line in said)
    assert visit(address).startswith("<!doctype html>")
    code, out, _ = interrupted(command)
    assert code == 0
    assert "lr 0.1" in out


def test_the_address_is_there_before_anything_that_takes_long_to_load(tmp_path):
    """What draws charts and what compares runs are loaded after it, in a thread that here begins when it is told."""
    program = f"""
import sys
from shoal.cli import run_command
from shoal.live import lab, serve, vega, warming
def heavy(): return [name for name in ("altair", "jinja2", "scipy", "vl_convert") if name in sys.modules]
vega.begin = lambda: None
warming.begin = lambda first: None
with lab.Lab({str(tmp_path / "shoal.db")!r}, {{}}) as lab, serve(lab, port=0) as page:
    print(page.address, *heavy())
    warming._warm(lambda: None)
    print(*heavy())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    before, after = done.stdout.splitlines()
    assert re.fullmatch(r"http://\S+", before), "the address, and nothing heavy"
    assert {"altair", "scipy"} <= set(after.split()), "which the first chart then finds"


def test_it_is_loaded_once_the_page_listens(tmp_path, monkeypatch):
    done = []
    monkeypatch.setattr(sockets, "listen", lambda *at, real=sockets.listen: done.append("listens") or real(*at))
    monkeypatch.setattr(warming, "begin", lambda first: done.append("loads"))
    monkeypatch.setattr(vega, "begin", lambda: done.append("loads"))
    with Lab(tmp_path / "shoal.db", {}, engine=FakeEngine()) as lab, live.serve(lab, port=0):
        assert done == ["listens", "loads", "loads"]


def test_the_store_is_read_before_anybody_asks(tmp_path, monkeypatch):
    begun, reads = [], []
    monkeypatch.setattr(warming, "begin", begun.append)
    monkeypatch.setattr(vega, "begin", lambda: None)
    monkeypatch.setattr(watch, "gather", lambda *of, real=watch.gather: reads.append(of) or real(*of))
    with Lab(tmp_path / "shoal.db", {}, engine=FakeEngine()) as lab, live.serve(lab, port=0) as page:
        assert not reads
        begun[0]()
        parts = urlsplit(page.address)
        with contextlib.closing(http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)) as line:
            key = {"Authorization": f"Bearer {parse_qs(parts.query)['token'][0]}"}
            line.request("GET", "/api/watch/reading?first=true", headers=key)
            assert line.getresponse().status == 200
    assert len(reads) == 1


def test_a_store_that_cannot_be_read_is_told_to_who_asks_for_it_and_to_nobody_before(capsys):
    def unreadable():
        raise StoreError("shoal.db cannot be read")

    warming._warm(unreadable)
    assert capsys.readouterr() == ("", "")


def test_a_port_is_for_a_page(shell, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = shell("run 1.2 --port 7117")
    assert (code, err) == (2, "shoal: --port 7117 is for a page that shows the training. Add --watch.\n")


def test_who_serves_to_others_is_told_what_that_means(capsys):
    for host in ("127.0.0.1", "127.0.0.2", "::1", "localhost"):
        warn_of(host)
    assert capsys.readouterr().err == ""
    warn_of("192.168.1.5")
    assert "Whoever can reach 192.168.1.5" in capsys.readouterr().err
    warn_of("box.example")
    assert "Whoever can reach box.example" in capsys.readouterr().err


class Page:
    """What is served, to a person who presses Ctrl-C at once."""

    address = "http://127.0.0.1:7117/?token=key"

    def wait(self):
        raise KeyboardInterrupt


def test_serve_says_where_to_a_program_too(shell, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(serving, "page", lambda *given, **named: asked.append(named) or contextlib.nullcontext(Page()))
    code, out, err = shell(f"serve --json --host 192.0.2.1 --store {tmp_path}/runs.db")
    told = json.loads(out)
    assert (code, told["command"], told["address"], told["store"]) == (0, "serve", Page.address, f"{tmp_path}/runs.db")
    assert "Whoever can reach 192.0.2.1" in err
    assert asked == [{"port": None, "host": "192.0.2.1"}]


def test_serve_takes_no_study_that_is_not_there(shell):
    assert shell("serve no-such-study")[0] == 2
