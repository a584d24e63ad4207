# SPDX-License-Identifier: Apache-2.0
"""The guard, before an app of six routes: what is let in, what is not, and how every answer leaves. Who may ask from
where is tried on the real routes, in `test_live_origins.py`."""

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import re

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from shoal.live.answers import HEADERS
from shoal.live.guard import MOST_BYTES, Door, Guard
from visitors import OWN, Visitor

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE")
DOOR = Door(7117, token="the-token", secret="the-secret")
HOST = {"host": "127.0.0.1:7117"}
COOKIE = {**HOST, "cookie": "shoal-7117=the-secret"}
BEARER = {**HOST, "authorization": "Bearer the-token"}
ASKING = {**COOKIE, "origin": OWN, "content-type": "application/json"}


async def page(request):
    return Response("<!doctype html>", media_type="text/html", headers={"server": "mine", "x-own": "1"})


async def read(request):
    return JSONResponse({"here": 1}, headers={"cache-control": "public", "access-control-allow-origin": "*"})


async def ask(request):
    return JSONResponse({"bytes": len(await request.body())})


async def fails(request):
    raise ValueError("the-secret of a route")


async def stream(request):
    async def endless():
        while True:
            yield "data: {}\n\n"
            await asyncio.sleep(0)

    return StreamingResponse(endless(), media_type="text/event-stream")


async def wrong(request):
    kind = request.query_params["kind"]
    return RedirectResponse("https://elsewhere.example/", 303) if kind == "away" else PlainTextResponse("text")


ROUTES = [
    Route("/", page),
    Route("/read", read),
    Route("/ask", ask, methods=["POST"]),
    Route("/fails", fails),
    Route("/stream", stream),
    Route("/wrong", wrong),
]


@pytest.fixture(scope="module")
def visitor():
    return Visitor(Guard(Starlette(routes=ROUTES), ROUTES, DOOR))


# ---- who is let in ------------------------------------------------------------------------------------


def test_the_page_itself_is_let_in(visitor):
    assert visitor.ask("GET", "/read", COOKIE).json == {"here": 1}
    assert visitor.ask("POST", "/ask", ASKING, b"{}").json == {"bytes": 2}
    assert visitor.ask("POST", "/ask", {**BEARER, "content-type": "application/json"}, b"{}").status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("host", "127.0.0.1:7117")] * 2, 400),
        ([*COOKIE.items(), ("cookie", "shoal-7117=other")], 400),
        ([*COOKIE.items(), ("origin", OWN), ("origin", "null")], 400),
        ([("cookie", "shoal-7117=the-secret")], 400),
        ([*HOST.items(), ("cookie", 'broken={"a"; shoal-7117=wrong; shoal-7117=the-secret')], 200),
        ([("host", "LocalHost:7117"), ("cookie", "shoal-7117=the-secret")], 200),
        ([("host", "[::1]:7117"), ("cookie", "shoal-7117=the-secret")], 200),
    ],
)
def test_a_header_that_stands_twice_is_nobodys(visitor, headers, status):
    assert visitor.ask("GET", "/read", headers).status == status


def test_the_host_that_was_given_is_a_name_too():
    door = Door(7117, "192.168.1.5")
    visitor = Visitor(Guard(Starlette(routes=ROUTES), ROUTES, door), door)
    assert visitor.get("/read", host="192.168.1.5:7117").status == 200
    assert visitor.get("/read", host="192.168.1.6:7117").status == 421
    assert visitor.get("/read", host="192.168.1.5:7118").status == 421


def test_port_80_need_not_be_named():
    assert {"localhost", "localhost:80"} <= Door(80).names
    assert "localhost" not in Door(81).names


@pytest.mark.parametrize(("path", "status"), [("/none", 404), ("/read/", 404), ("//read", 404), ("*", 404), ("", 404)])
def test_what_no_route_has_is_not_there(visitor, path, status):
    assert visitor.ask("GET", path, COOKIE).status == status


def test_a_method_that_a_route_lacks_is_told_which_it_has(visitor):
    found = visitor.ask("DELETE", "/ask", ASKING)
    assert (found.status, found["allow"]) == (405, "POST")
    assert visitor.ask("get", "/read", COOKIE)["allow"] == "GET, HEAD"


def test_another_protocol_is_refused(visitor):
    """A websocket is closed before it is opened: browsers let any page open one to anywhere."""
    sent = []

    async def send(message):
        sent.append(message["type"])

    asyncio.run(visitor.app({"type": "websocket", "path": "/read", "headers": []}, None, send))
    assert sent == ["websocket.close"]


# ---- the token ----------------------------------------------------------------------------------------


def test_the_token_is_good_for_a_cookie_that_is_not_the_token(visitor):
    found = visitor.ask("GET", "/?token=the-token", HOST)
    assert (found.status, found["location"], found.body) == (303, "/", b"")
    assert found["set-cookie"] == "shoal-7117=the-secret; HttpOnly; SameSite=Strict; Path=/"
    assert visitor.ask("GET", "/", {**HOST, "cookie": found["set-cookie"].partition(";")[0]}).status == 200


@pytest.mark.parametrize(
    "query", ["token=", "token=the-secret", "token=the-toke", "token=wrong&token=the-token", "x=1"]
)
def test_a_wrong_token_opens_nothing_even_beside_the_cookie_it_asks_for(visitor, query):
    assert visitor.ask("GET", f"/?{query}", HOST).status == 403
    if "token" in query:
        assert visitor.ask("GET", f"/?{query}", COOKIE).status == 403


def test_the_token_opens_only_the_page_and_only_where_no_other_site_leads_to_it(visitor):
    assert visitor.ask("GET", "/read?token=the-token", HOST).status == 403
    assert visitor.ask("HEAD", "/?token=the-token", HOST).status == 403
    assert visitor.ask("GET", "/?token=the-token", {**HOST, "sec-fetch-site": "cross-site"}).status == 403
    assert visitor.ask("GET", "/?" + "&".join(f"a{n}=1" for n in range(99)), COOKIE).status == 400


@pytest.mark.parametrize("verdict", [True, False])
def test_every_secret_is_compared_in_constant_time(visitor, monkeypatch, verdict):
    """`hmac.compare_digest` decides, and nothing else: what it says of a token, bearer or cookie is what happens."""
    asked = []
    monkeypatch.setattr(hmac, "compare_digest", lambda given, real: asked.append((given, real)) or verdict)
    keys = {"cookie": "shoal-7117=given"}, {"authorization": "Bearer given"}
    statuses = [visitor.ask("GET", "/read", {**HOST, **key}).status for key in keys]
    statuses.append(visitor.ask("GET", "/?token=given", HOST).status)
    assert statuses == ([200, 200, 303] if verdict else [403] * 3)
    assert {(b"given", b"the-token"), (b"given", b"the-secret")} <= set(asked)


def test_no_secret_is_said_or_logged(visitor, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    paths = ("/?token=the-token", "/?token=the-token-wrong", "/read", "/fails")
    answers = [visitor.ask("GET", path, headers) for path in paths for headers in (HOST, COOKIE, BEARER)]
    said = b"".join(found.body for found in answers).decode()
    said += "".join(value for found in answers for name, value in found.headers if name != "set-cookie")
    assert "the-token" not in said + caplog.text + "".join(capfd.readouterr()) + repr(DOOR)
    assert "the-secret" not in said + repr(DOOR)


# ---- the body -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "headers", "status"),
    [
        ([b"x" * MOST_BYTES], {}, 200),
        ([b"x" * 1024] * 64, {}, 200),
        ([b"x" * MOST_BYTES, b"x"], {}, 413),
        ([b"x" * 100] * 700, {}, 413),
        ([b""], {"content-length": str(MOST_BYTES + 1)}, 413),
        ([b""], {"content-length": "9" * 5000}, 413),
        ([b""], {"content-length": "-1"}, 400),
        ([b""], {"content-length": "²"}, 400),
    ],
)
def test_a_body_is_counted_whatever_it_says_of_itself(visitor, parts, headers, status):
    assert visitor.ask("POST", "/ask", {**ASKING, **headers}, *parts).status == status
    assert MOST_BYTES == 65_536


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; x=json"])
def test_what_a_form_can_send_is_refused(visitor, kind):
    assert visitor.ask("POST", "/ask", {**ASKING, "content-type": kind}, b"{}").status == 415


def test_json_may_name_its_letters(visitor):
    assert visitor.ask("POST", "/ask", {**ASKING, "content-type": "Application/JSON; charset=utf-8"}).status == 200


# ---- the answer ---------------------------------------------------------------------------------------


def test_the_headers_are_those_that_are_promised():
    """Said once more, so that one which is lost, or opened a little, is noticed."""
    policy = dict(part.strip().split(" ", 1) for part in HEADERS["content-security-policy"].split(";"))
    assert re.fullmatch(r"'self' 'sha256-[\w+/]{43}='", policy.pop("style-src"))
    nothing = dict.fromkeys(("default-src", "base-uri", "form-action", "frame-ancestors"), "'none'")
    assert policy == nothing | {"script-src": "'self'", "connect-src": "'self'", "img-src": "'self' data: blob:"}
    same_origin = dict.fromkeys(("cross-origin-opener-policy", "cross-origin-resource-policy"), "same-origin")
    others = {"x-content-type-options": "nosniff", "x-frame-options": "DENY", "cache-control": "no-store"}
    assert HEADERS.items() >= (same_origin | others | {"referrer-policy": "no-referrer"}).items()


def test_every_answer_has_the_same_headers_whoever_made_it(visitor):
    paths = ("/", "/read", "/fails", "/stream", "/none", "/?token=the-token", "/?token=x", "/wrong?kind=text")
    answers = [visitor.ask(method, path, COOKIE) for path in paths for method in METHODS]
    answers += [visitor.ask("GET", "/", {}), visitor.ask("GET", "/", {"host": "evil.example"})]
    answers += [visitor.ask("POST", "/ask", ASKING, b"x" * 70_000), visitor.ask("POST", "/ask", COOKIE)]
    assert {found.status for found in answers} == {200, 303, 400, 403, 404, 405, 413, 421, 500}
    for found in answers:
        for name, value in HEADERS.items():
            assert found[name] == value
        others = {name for name, _ in found.headers} - HEADERS.keys()
        assert others <= {"content-type", "content-length", "allow", "connection", "location", "set-cookie"}


def test_a_failure_says_nothing_of_itself_but_is_logged(visitor, caplog):
    found = visitor.ask("GET", "/fails", COOKIE)
    assert (found.status, b"secret" in found.body) == (500, False)
    assert caplog.records[-1].getMessage() == "GET '/fails' failed"
    assert caplog.records[-1].exc_info


@pytest.mark.parametrize("kind", ["text", "away"])
def test_an_answer_of_a_kind_that_the_page_has_not_is_a_failure(visitor, kind):
    found = visitor.ask("GET", f"/wrong?kind={kind}", COOKIE)
    assert (found.status, found["content-type"]) == (500, "application/json")


def test_to_head_even_an_endless_answer_ends(visitor):
    assert visitor.ask("HEAD", "/stream", COOKIE).body == b""
    assert visitor.ask("HEAD", "/read", COOKIE).body == b""


def test_a_person_reads_a_page_and_a_program_json(visitor):
    told = visitor.ask("GET", "/", {**HOST, "accept": "text/html,*/*"})
    assert (told.status, told["content-type"]) == (403, "text/html; charset=utf-8")
    assert b"Open the address that shoal printed" in told.body
    style = told.body.partition(b"<style>")[2].partition(b"</style>")[0]
    allowed = base64.b64encode(hashlib.sha256(style).digest()).decode()
    assert f"'sha256-{allowed}'" in told["content-security-policy"]
    assert "error" in visitor.ask("GET", "/read", {**HOST, "accept": "text/html"}).json


def test_the_cookie_is_called_by_its_port_and_secrets_are_new_every_time():
    doors = [Door(1), Door(2)]
    assert [door.cookie for door in doors] == ["shoal-1", "shoal-2"]
    assert len({value for door in doors for value in (door.token, door.secret)}) == 4
    assert all(len(door.token) >= 43 for door in doors)
    assert json.dumps(Door(1, "::1", token="t").address) == '"http://[::1]:1/?token=t"'
