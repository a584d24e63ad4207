# SPDX-License-Identifier: Apache-2.0
"""Two thousand ways out of a folder, wherever an address or a body has a name or a number: nothing is found there, and
no file is opened but the store. Which are opened is said by Python itself (`sys.addaudithook`)."""

import itertools
import json
import random
import sys
import threading
from urllib.parse import unquote

import pytest

from fakes import FakeEngine, dots, tiny_study
from shoal.live.app import PAGES, application, table
from shoal.live.guard import Door
from shoal.live.lab import Lab
from shoal.runner import Demand, train
from shoal.store import Store
from visitors import OWN, Visitor

DOOR = Door(7117)
COUNT = 2000
PATHS = {"/{}": "", "/api/{}": "state", "/api/watch/{}": "reading?first=true", "/static/{}": "style.css"}
QUERIES = {
    **{f"/api/watch/{what}?study={{}}": "rates" for what in ("reading", "table", "chart", "verdicts")},
    "/api/watch/reading?first={}": "true",
    "/api/watch/reading?study=rates&by={}": "lr",
    "/api/watch/reading?study=rates&sort={}": "seed",
    "/api/watch/table?study=rates&sort={}": "seed",
    "/api/watch/table?study=rates&offset={}": "0",
    "/api/watch/chart?study=rates&metric={}": "train_loss",
    "/api/watch/chart?study=rates&by={}": "lr",
    "/api/watch/chart?study=rates&x={}": "seconds",
    "/api/watch/chart?study=rates&smooth={}": "0.5",
    "/api/watch/chart?study=rates&width={}": "300",
    "/api/play/chart?training={}": "1",
    "/api/play/chart?training=1&metric={}": "train_loss",
    "/api/play/chart?training=1&width={}": "300",
    "/api/play/insight?training={}": "1",
    "/api/play/insight?training=1&setting={}": "0",
    "/api/play/insight?training=1&seed={}": "0",
    "/api/play/setting?run={}": "7",
    "/api/draw/models?data={}": "mnist",
    "/api/draw/models?data=mnist&first={}": "0",
}
ASK_NOTHING = {"/api/state", "/api/events", "/api/play/form"}
PIXELS = {"pixels": "AAAA", "width": 2, "height": 2}
BODIES = {
    "/api/play/train": lambda name: {"settings": [{"data": name}]},
    "/api/play/python": lambda name: {"settings": [{"data": name}]},
    "/api/play/cancel": lambda name: {"training": name},
    "/api/draw/name": lambda name: {"data": name, **PIXELS},
    "/api/draw/layers": lambda name: {"data": "mnist", "model": name, **PIXELS},
}
ROUTES = {method: {route.path for route in table() if method in route.methods} for method in ("GET", "POST")}

UPS = (
    *("../", "..\\", "..;/", "....//", "..../\\", "./", "~/", "/", "//", "\\\\", "%2e%2e/", "..%2f", "%2e%2e%2f"),
    *("%2e%2e%5c", "%252e%252e%252f", "%25252e%25252e%25252f", "%c0%ae%c0%ae/", "%c0%af", "%e0%80%ae%e0%80%ae/", "%00"),
    *("%ef%bc%8e%ef%bc%8e%ef%bc%8f", "%e2%80%a5/", "%u002e%u002e%u2215", "%2e%2e%e2%88%95", "%0d%0a", "%ff%fe"),
)
ROOTS = ("", "", "", "", "file:///", "file://localhost/", "C:\\", "\\\\?\\C:\\", "//evil.example/", "/proc/self/root/")
GOALS = (
    *("etc/passwd", "etc%2fpasswd", "guard.py", "live%2fguard.py", "lab.py", "shoal.db", "shoal.db-wal", "style.css"),
    *("index.html", ".git/config", "proc/self/environ", "windows\\win.ini", "dev/zero", "pages", "x" * 4000),
)
ENDS = ("", "", "%00.css", "%00", "?", "/", "/.", ".", "%20", "::$DATA", "%0a", "#x", ";x=1", "/..")


def climbing(count):
    """So many different ways, the same ones every time; each has at least one piece that leads elsewhere."""
    draw, found = random.Random(7117), {"../" * 2000 + "etc/passwd"}
    while len(found) < count:
        ups = "".join(draw.choices(UPS, k=draw.randint(1, 6)))
        found.add(draw.choice(ROOTS) + ups + draw.choice(GOALS) + draw.choice(ENDS))
    return sorted(found)


LISTENING: list[list[str]] = []
"""Those who want to know what is opened: a hook of Python's stays for good."""
OPENING = ("open", "os.listdir", "os.scandir", "sqlite3.connect", "subprocess.Popen")
ANSWERING = ("MainThread", "AnyIO worker thread")


def _listen(event, given):
    if LISTENING and event in OPENING and threading.current_thread().name in ANSWERING:
        LISTENING[-1].append(str(given[0]))


sys.addaudithook(_listen)


@pytest.fixture
def opened():
    """Whatever is opened by the threads that answer; another test's may still be at work in this process."""
    LISTENING.append([])
    yield LISTENING[-1]
    LISTENING.pop()


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("lab") / "shoal.db"
    with Store.open(path, write=True) as writer:
        train(Demand.of([tiny_study()]), FakeEngine(), {"dots": dots()}, writer)
    return path


@pytest.fixture(scope="module")
def visitor(store):
    """Who has every key, where a study is stored and a training has ended, and every place was visited once."""
    with Lab(store, {"mnist": dots("mnist"), "dots": dots()}, engine=FakeEngine()) as lab:
        visitor = Visitor(application(lab, DOOR), DOOR)
        asked = {"settings": [{"data": "mnist", "epochs": 1}], "seeds": 1}
        assert visitor.post("/api/play/train", asked).json["training"] == 1
        while not lab.trainer.find(1).ended:
            threading.Event().wait(0.01)
        for place, good in (PATHS | QUERIES).items():
            assert visitor.get(place.format(good)).status == 200, place
        for place, body in BODIES.items():
            assert visitor.post(place, body("nothing")).status in (400, 404)
        yield visitor


def turned_away(visitor, asked, opened, store):
    """Sees that every request is refused, in JSON that holds nothing of a file, and that only the store is read."""
    answers = visitor.all(asked)
    for (method, address, *_), found in zip(asked, answers, strict=True):
        assert 400 <= found.status < 500, (method, address)
        assert found["content-type"] == "application/json"
        assert found.json.keys() == {"error"}
        assert b"root:x:" not in found.body
    assert {path for path in opened if "shoal.db" not in path} == set()
    assert all(path.removeprefix("file:").startswith(str(store)) for path in opened)


def test_no_route_is_forgotten():
    reads = {path for path in ROUTES["GET"] if path.startswith("/api/")}
    assert reads - ASK_NOTHING == {place.partition("?")[0] for place in QUERIES}
    assert ROUTES["POST"] == set(BODIES)


def test_what_is_opened_is_noticed(visitor, opened):
    assert visitor.get("/").status == 200
    assert opened == [str(PAGES / "index.html")]


def test_no_path_that_climbs_arrives_anywhere(visitor, opened, store):
    """Neither a file, nor another route: not even one that is there, by a way that leads elsewhere first."""
    asked = [("GET", place.format(way), visitor.usual) for place in PATHS for way in climbing(COUNT)]
    turned_away(visitor, asked, opened, store)


def test_nothing_is_looked_up_where_a_name_climbs(visitor, opened, store):
    """Each way in one place of a query after another, so that each place has a hundred."""
    turns = zip(climbing(COUNT), itertools.cycle(QUERIES), strict=False)
    asked = [("GET", place.format(way), visitor.usual) for way, place in turns]
    turned_away(visitor, asked, opened, store)


def test_nothing_that_is_sent_climbs(visitor, opened, store):
    """The same in what is sent as JSON, four hundred for each name and number."""
    headers = {**visitor.usual, "origin": OWN, "content-type": "application/json"}
    turns = zip(climbing(COUNT), itertools.cycle(BODIES.items()), strict=False)
    asked = [("POST", place, headers, json.dumps(body(unquote(way))).encode()) for way, (place, body) in turns]
    turned_away(visitor, asked, opened, store)


@pytest.mark.prove
def test_every_way_out_in_every_place(visitor, opened, store, proved):
    asked = [("GET", place.format(way), visitor.usual) for place in PATHS | QUERIES for way in climbing(COUNT)]
    turned_away(visitor, asked, opened, store)
    proved(f"{COUNT:,} ways out of a folder in {len(PATHS | QUERIES)} places of addresses open nothing but the store")
