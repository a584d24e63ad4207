# SPDX-License-Identifier: Apache-2.0
"""Every route there is, walked: a new one cannot be forgotten. Strangers, hostile names of the page, scripts in names:
nothing is let in, and what comes back of a name is JSON. (`test_live_origins.py` has who else may ask, and
`test_live_paths.py` ways out of a folder.)"""

import itertools
import json
import threading
from urllib.parse import quote, urlencode

import msgspec
import pytest

from fakes import FakeEngine, dots
from script_payloads import PAYLOADS
from shoal.data import from_arrays
from shoal.errors import UsageError
from shoal.live import app
from shoal.live.answers import HEADERS, KINDS
from shoal.live.app import NotFound, answer, application, body
from shoal.live.guard import Door
from shoal.live.lab import Lab
from shoal.models import softmax_regression
from shoal.optimizers import SGD
from shoal.results import on_data
from shoal.runner import Demand, train
from shoal.store import Store
from shoal.study import Config, Grid, Study
from visitors import OWN, Visitor

DOOR = Door(7117)
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")
ROUTES = app.table()
ASKED = [(route, method) for route in ROUTES for method in sorted(route.methods)]
READS = [route for route in ROUTES if "GET" in route.methods and route.path.startswith("/api/")]
READS = [route for route in READS if route.path != "/api/events"]
HOSTILE = (
    *("", "evil.example", "evil.example:7117", "127.0.0.1", "127.0.0.1:80", "127.0.0.1:71170"),
    *("127.0.0.1:7117.evil.example", "localhost.evil.example:7117", "127.0.0.1:7117@evil.example"),
    *("0.0.0.0:7117", "[::]:7117", "127.0.0.1:7117, evil"),
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Eighty runs on data whose name and classes are scripts, of studies whose labels are."""
    images = dots().train
    data = {"fashion-mnist": dots("dots"), "mnist": from_arrays(images.images, images.labels, PAYLOADS, name="scripts")}
    store = tmp_path_factory.mktemp("lab") / "shoal.db"
    model = softmax_regression(classes=2, input_shape=(1, 2, 2))

    def config(script):
        name = f"{script} of {PAYLOADS.index(script)}"
        return Config(data=name, model=model, optimizer=SGD(lr=0.1), epochs=1, batch_size=4)

    study = Study("scripts", config, Grid(script=PAYLOADS), seeds=range(1), label=lambda script: script)
    named = {point.config.data: dots(point.config.data) for point in study.points}
    with Store.open(store, write=True) as writer:
        train(Demand.of([on_data(study, named)]), FakeEngine(), named, writer)
    with Lab(store, data | named, (study,), FakeEngine()) as lab:
        yield lab


@pytest.fixture(scope="module")
def visitor(lab):
    return Visitor(application(lab, DOOR), DOOR)


def path_of(route):
    path = route.path.replace("{name}", "style.css")
    assert "{" not in path, "say here what stands in its place"
    return path


def test_every_room_has_routes():
    paths = [route.path for route in ROUTES]
    assert len(set(paths)) == len(paths) >= 15
    assert {"/", "/static/{name}", "/api/state", "/api/events"} <= set(paths)
    assert {path.split("/")[2] for path in paths if path.count("/") > 2} == {"watch", "play", "draw"}
    assert {method for _, method in ASKED} <= {"GET", "HEAD", "POST"}


def test_no_route_is_open_to_whoever_has_no_key(visitor):
    kind = {"content-type": "application/json"}
    strangers = ({}, {"cookie": f"{DOOR.cookie}=x"}, {"authorization": "Bearer x"}, {"origin": OWN})
    asked = [
        (method, path_of(route), {"host": "127.0.0.1:7117", **stranger, **kind})
        for (route, method), stranger in itertools.product(ASKED, strangers)
    ]
    assert {found.status for found in visitor.all(asked)} == {403}


def test_the_table_is_all_that_is_served(visitor):
    """What the guard lets through, and what the app would answer, are the routes that are walked here."""
    for served in (visitor.app.routes, visitor.app.app.routes):
        assert [(route.path, route.methods) for route in served] == [(route.path, route.methods) for route in ROUTES]


def test_no_route_is_open_under_another_name(visitor, proved):
    """12 hostile Host values × 7 methods × every route, by somebody who has every key."""
    key = {**visitor.usual, "authorization": f"Bearer {DOOR.token}", "content-type": "application/json"}
    cases = list(itertools.product(HOSTILE, METHODS, ROUTES))
    answers = visitor.all((method, path_of(route), {**key, "host": host}) for host, method, route in cases)
    assert (len(HOSTILE), len(cases)) == (12, 12 * 7 * len(ROUTES))
    assert {found.status for found in answers} == {400, 421}
    assert all(b"<html" not in found.body and DOOR.token.encode() not in found.body for found in answers)
    proved(f"{len(cases):,} requests under 12 hostile names, by 7 methods to {len(ROUTES)} routes, are refused")


def test_other_methods_find_no_route(visitor):
    closed = [(route, method) for route in ROUTES for method in (*METHODS, "TRACE", "CONNECT", "BREW")]
    closed = [(route, method) for route, method in closed if method not in route.methods]
    headers = {**visitor.usual, "origin": OWN, "content-type": "application/json"}
    answers = visitor.all((method, path_of(route), headers) for route, method in closed)
    assert {found.status for found in answers} == {405}
    for (route, _), found in zip(closed, answers, strict=True):
        assert found["allow"] == ", ".join(sorted(route.methods))


def test_every_answer_of_every_route_has_the_headers_and_a_kind_that_the_page_has(visitor):
    gets = [(method, path_of(route), visitor.usual) for route, method in ASKED if method != "POST"]
    posts = [visitor.post(route.path, {}) for route, method in ASKED if method == "POST"]
    for found in (*visitor.all(gets), *posts):
        assert found.status < 500, found.body
        assert found["content-type"].partition(";")[0] in KINDS
        assert {name: found[name] for name in HEADERS} == HEADERS
        assert not {name for name, _ in found.headers} & {"server", "set-cookie", "access-control-allow-origin"}


@pytest.mark.parametrize("path", [route.path for route, method in ASKED if method == "POST"])
@pytest.mark.parametrize("sent", [b"", b"{", b"[]", b"null", b'{"nobody asked": 1}', b'"x"', b"\xff", b"1e999"])
def test_what_is_asked_is_json_of_the_kind_that_the_route_knows(visitor, path, sent):
    headers = {**visitor.usual, "origin": OWN, "content-type": "application/json"}
    found = visitor.ask("POST", path, headers, sent)
    assert found.status == 400
    assert path in found.json["error"]


# ---- scripts in names ---------------------------------------------------------------------------------


def test_eighty_scripts_come_back_as_json_and_nothing_else(visitor):
    """In every name that a user can choose: of data, classes, labels of a study's points, and whatever is asked for."""
    assert len(set(PAYLOADS)) == 80
    asked = [("GET", f"{route.path}?study=scripts&data={quote('mnist')}", visitor.usual) for route in READS]
    ids = ("study", "run", "model", "data", "training", "metric", "by", "x", "smooth", "<script>")
    for route, script in itertools.product(READS, PAYLOADS):
        asked.append(("GET", f"{route.path}?{urlencode(dict.fromkeys(ids, script))}", visitor.usual))
    answers = visitor.all(asked)
    answers += [visitor.get(f"/static/{quote(script, safe='')}") for script in PAYLOADS]
    for found in answers:
        assert (found["content-type"], found["x-content-type-options"]) == ("application/json", "nosniff")
        assert found.status < 500
        json.loads(found.body)
    told = json.dumps([found.json for found in answers])
    assert sum(json.dumps(script)[1:-1] in told for script in PAYLOADS) == 80, "they do come back"


# ---- state, and what rooms answer with ----------------------------------------------------------------


def test_the_state_names_the_store_by_its_file_alone(visitor, lab):
    told = visitor.get("/api/state").json
    assert (told["store"], told["boot"], told["engine"]) == ("shoal.db", lab.boot, {"name": "fake"})
    assert told["data"][0]["shape"] == [1, 2, 2]
    assert told["data"][1]["classes"] == list(PAYLOADS)
    assert str(lab.store_path.parent) not in json.dumps(told)


def test_files_are_those_in_the_table(visitor):
    assert visitor.get("/")["content-type"] == "text/html; charset=utf-8"
    assert visitor.get("/static/theme.css").body.startswith(b":root{")
    assert visitor.get("/static/main.js")["content-type"] == "text/javascript; charset=utf-8"
    assert visitor.get("/static/none.css").json["error"] == "The page has no file 'none.css'."
    assert b"vegaEmbed" in visitor.get("/static/vega.js").body


def test_what_is_not_finite_is_null_and_arrays_are_lists():
    import numpy as np

    told = answer({"a": np.array([1.0, np.nan, np.inf]), "b": np.float32(0.5), "c": float("nan")}, 404)
    assert (told.body, told.status_code) == (b'{"a":[1.0,null,null],"b":0.5,"c":null}', 404)
    with pytest.raises(TypeError, match="a route answers plain data"):
        answer({"a": object()})


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    size: int


@pytest.mark.parametrize(
    ("sent", "status", "words"),
    [
        (b'{"size": 3}', 200, "3"),
        (b'{"size": "3"}', 400, "Expected `int`, got `str` - at `$.size`"),
        (b'{"size": 3, "more": 1}', 400, "unknown field `more`"),
        (b'{"size": 4}', 404, "There is no 4."),
        (b'{"size": 5}', 400, "5 is too many."),
    ],
)
def test_a_route_says_what_is_wrong_in_its_own_words(monkeypatch, lab, sent, status, words):
    def sized(request):
        size = body(request, Asked).size
        if size > 3:
            raise NotFound("There is no 4.") if size == 4 else UsageError("5 is too many.")
        return answer(size)

    monkeypatch.setattr(app, "table", lambda: [app.Route("/sized", sized, methods=["POST"])])
    visitor = Visitor(application(lab, DOOR), DOOR)
    headers = {**visitor.usual, "origin": OWN, "content-type": "application/json"}
    found = visitor.ask("POST", "/sized", headers, sent)
    assert found.status == status
    assert words in found.body.decode()


# ---- the lab ------------------------------------------------------------------------------------------


def test_a_lab_knows_data_by_both_names(lab):
    assert lab.dataset("mnist") is lab.dataset(lab.datasets()["mnist"].name)
    with pytest.raises(UsageError, match="'none' is not among the data here"):
        lab.dataset("none")


def test_the_page_does_not_wait_for_data_and_is_greeted_again_once_it_is_there(tmp_path, monkeypatch):
    reading, told = threading.Event(), []

    def slow():
        reading.wait()
        return {"mnist": dots("mnist")}

    with Lab(tmp_path / "shoal.db", slow, engine=FakeEngine()) as lab:
        monkeypatch.setattr(lab.hub, "tell", lambda topic, **content: told.append((topic, content["boot"])))
        visitor = Visitor(application(lab, DOOR), DOOR)
        before = visitor.get("/api/state").json["data"]
        reading.set()
        assert lab.dataset("mnist").name == "mnist"
        after = visitor.get("/api/state").json["data"]
        while not told:
            threading.Event().wait(0.01)
    assert [(one["name"], one["shape"]) for one in before] == [("fashion-mnist", [1, 28, 28]), ("mnist", [1, 28, 28])]
    assert [(one["name"], one["shape"]) for one in after] == [("mnist", [1, 2, 2])]
    assert told == [("hello", lab.boot)]


def test_data_that_cannot_be_read_is_told_to_whoever_asks(tmp_path):
    def broken():
        raise UsageError("It is broken.")

    with Lab(tmp_path / "shoal.db", broken, engine=FakeEngine()) as lab:
        with pytest.raises(UsageError, match="It is broken"):
            lab.dataset("mnist")
        found = Visitor(application(lab, DOOR), DOOR).get("/api/state")
    assert [one["warning"] for one in found.json["data"]] == ["It is broken."] * 2


def test_a_store_that_is_made_later_is_opened_then(tmp_path):
    study, data = Study("rates", lambda lr: tiny(lr), Grid(lr=[0.1]), seeds=range(2)), {"dots": dots()}
    with Lab(tmp_path / "shoal.db", data, engine=FakeEngine()) as lab:
        empty = lab.reader()
        assert empty.runs() == []
        with Store.open(tmp_path / "shoal.db", write=True) as store:
            train(Demand.of([study]), FakeEngine(), data, store)
        assert len(lab.reader().runs()) == 2
        assert lab.reader() is lab.reader()
        assert empty.runs() == [], "whoever still reads the old one may"


def tiny(lr):
    return Config(data="dots", model=softmax_regression(2, (1, 2, 2)), optimizer=SGD(lr=lr), epochs=2, batch_size=4)


def test_a_given_study_hides_a_section_of_its_name(lab):
    names = [study.name for study in lab.studies]
    assert names[0] == "scripts"
    assert "learning-rates" in names
    mine = Study("learning-rates", tiny, Grid(lr=[0.1]))
    lab._given, given = (mine,), lab._given
    try:
        del lab.studies
        assert [study for study in lab.studies if study.name == "learning-rates"] == [mine]
    finally:
        lab._given = given
        del lab.studies
