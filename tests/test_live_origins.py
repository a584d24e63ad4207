# SPDX-License-Identifier: Apache-2.0
"""Who may ask, over every route there is: methods × Sec-Fetch-Site × Origin × key, by each name of the page.

What is expected is a judgement on voices, not on headers: each header's value is written down here with what it says
of whoever asks. Only the guard is tried, in front of the real table of routes; a stand-in counts what it lets in.
"""

import contextlib
import http.client
import itertools
from collections import Counter
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from starlette.responses import JSONResponse

from fakes import FakeEngine, dots
from shoal.live import app, serve
from shoal.live.app import application
from shoal.live.guard import Door
from shoal.live.lab import Lab
from visitors import Visitor

DOOR = Door(7117, token="the-token", secret="the-secret")
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")
ROUTES = app.table()

OURS, SILENT, THEIRS = "speaks for this page", "says nothing", "speaks for somebody else"

SITES = {
    None: SILENT,
    "none": SILENT,  # a person typed the address: no page asks
    "same-origin": OURS,
    "same-site": THEIRS,  # another port of this machine
    "cross-site": THEIRS,
    "Same-Origin, cross-site": THEIRS,
}
HOSTS = ("127.0.0.1:7117", "LocalHost:7117", "[::1]:7117")
USUAL = (
    None,
    "http://127.0.0.1:7117",
    "http://localhost:7117",
    "http://127.0.0.1:8888",
    "https://evil.example",
    "null",
)
ODD = (
    *("", "127.0.0.1:7117", "https://127.0.0.1:7117", "http://127.0.0.1", "http://127.0.0.1:7117/", "file://"),
    *("http://evil.example:7117", "http://127.0.0.1:7117.evil.example", "http://127.0.0.1:7117@evil.example"),
    *("http://localhost.:7117", "http://[::1]", "http://[0:0:0:0:0:0:0:1]:7117", "http://127.1:7117"),
    *("http://127.0.0.1:7117 http://evil.example", "http://127.0.0.1:07117", "http://2130706433:7117"),
)


@dataclass(frozen=True)
class Key:
    """What somebody shows, and whom it proves to be there."""

    headers: tuple[tuple[str, str], ...] = ()
    query: str = ""
    owner: str = "nobody"


COOKIE = Key((("cookie", "shoal-7117=the-secret"),), owner="browser")
BEARER = Key((("authorization", "Bearer the-token"),), owner="program")
NEWCOMER = Key(query="?token=the-token")
KEYS = (
    *(Key(), COOKIE, BEARER),
    Key((("cookie", "shoal-7117=wrong"), ("authorization", "Bearer wrong"))),
    Key((("cookie", "shoal-7117=the-token"), ("authorization", "Bearer the-secret"))),  # each in the other's place
    Key((("cookie", "shoal-7118=the-secret"), ("authorization", "Basic the-token"))),
    Key(query="?token=the-secret"),
)


def speaks(host, origin):
    """What an Origin says on the page that is called by this host: pages of its other names are other pages."""
    if origin is None:
        return SILENT
    return OURS if origin.lower() == f"http://{host.lower()}" else THEIRS


def welcome(key, voices, changes):
    """Whether a request is let in: whoever holds a key may read, unless somebody else's page is heard in it; to change
    something a browser must say besides that this page asks, since its cookie goes along by itself."""
    if key.owner == "nobody" or THEIRS in voices:
        return False
    return not changes or key.owner == "program" or OURS in voices


@pytest.fixture(scope="module")
def visitor(tmp_path_factory):
    """Comes to the real guard of the real routes, which are not called: all they tell is that somebody came."""

    async def there(scope, receive, send):
        await JSONResponse("let in")(scope, receive, send)

    with Lab(tmp_path_factory.mktemp("lab") / "shoal.db", {"dots": dots()}, engine=FakeEngine()) as lab:
        guard = application(lab, DOOR)
        assert {route.path for route in guard.routes} == {route.path for route in ROUTES}
        guard.app = there
        yield Visitor(guard)


def headers(host, site, origin, key, **more):
    said = {"host": host, "sec-fetch-site": site, "origin": origin, "content-type": "application/json", **more}
    return [*((name, value) for name, value in said.items() if value is not None), *key.headers]


def address(route, key):
    path = route.path.replace("{name}", "style.css")
    assert "{" not in path, "say above what stands in its place"
    return path + key.query


def judged(visitor, cases):
    """How many of each status; every case is held against what its voices say."""
    asked = ((method, address(route, key), headers(*case, key)) for route, method, *case, key in cases)
    statuses = Counter()
    for (route, method, host, site, origin, key), found in zip(cases, visitor.all(asked), strict=True):
        expected = 405
        if method in route.methods:
            let_in = welcome(key, (SITES[site], speaks(host, origin)), changes=method == "POST")
            expected = 200 if let_in else 403
        assert found.status == expected, (method, route.path, host, site, origin, key)
        assert "access-control-allow-origin" not in dict(found.headers)
        statuses[found.status] += 1
    return statuses


# ---- the matrix ---------------------------------------------------------------------------------------


def test_of_everybody_who_may_ask_only_the_page_and_holders_of_the_token_come_to_a_route(visitor, proved):
    cases = list(itertools.product(ROUTES, METHODS, HOSTS[:1], SITES, USUAL, KEYS))
    found = judged(visitor, cases)
    assert len(cases) == len(ROUTES) * 7 * 6 * 6 * 7
    reads = sum("GET" in route.methods for route in ROUTES)
    asks = sum("POST" in route.methods for route in ROUTES)
    # Read: from three sites, silent or ours, with either key, by GET and HEAD. Change: the same, but for a cookie that
    # comes from nobody in particular.
    assert (reads + asks, found[200]) == (len(ROUTES), reads * 2 * 3 * 2 * 2 + asks * (3 * 2 * 2 - 2))
    proved(f"of {len(cases):,} requests to {len(ROUTES)} routes only {found[200]} are let in, whoever asks from where")


def test_under_every_name_of_the_page_its_own_origin_is_the_only_one(visitor):
    some = [next(route for route in ROUTES if method in route.methods) for method in ("GET", "POST")]
    origins = [f"{scheme}{host}" for scheme in ("http://", "HTTP://") for host in HOSTS]
    cases = list(itertools.product(some, ("GET", "POST"), HOSTS, SITES, [*origins, *ODD], KEYS))
    found = judged(visitor, cases)
    # Two letterings of one origin, three sites, two keys, each name, one route to read and one to change.
    assert found[200] == 2 * 3 * 2 * len(HOSTS) * 2


@pytest.mark.parametrize(
    "host", ["localhost.:7117", "127.0.0.1.:7117", "127.1:7117", "[::]:7117", "[::ffff:127.0.0.1]:7117"]
)
def test_a_name_that_only_leads_here_too_is_none_of_the_page(visitor, host):
    found = visitor.all(
        ("GET", address(route, COOKIE), headers(host, None, f"http://{host}", COOKIE)) for route in ROUTES
    )
    assert {one.status for one in found} == {421}


def test_the_token_in_an_address_opens_the_page_and_no_other_route(visitor):
    """And it does not where another page leads to it: the cookie would be set for a click of somebody else's making."""
    for (site, voice), origin in itertools.product(SITES.items(), USUAL):
        there = speaks(HOSTS[0], origin)
        asked = [("GET", address(route, NEWCOMER), headers(HOSTS[0], site, origin, NEWCOMER)) for route in ROUTES]
        found = dict(zip((route.path for route in ROUTES), visitor.all(asked), strict=True))
        assert found.pop("/").status == (403 if THEIRS in (voice, there) else 303)
        assert {one.status for one in found.values()} == {403, 405}


# ---- what browsers ask before, and beside ---------------------------------------------------------------


def test_a_preflight_is_never_granted(visitor):
    """Without a preflight no other origin can send JSON, an Authorization, or a method that forms have not."""
    asks = {"access-control-request-method": "POST", "access-control-request-headers": "content-type, authorization"}
    asks["access-control-request-private-network"] = "true"
    for route, origin, key in itertools.product(ROUTES, USUAL, KEYS):
        found = visitor.ask("OPTIONS", address(route, key), headers(HOSTS[0], "cross-site", origin, key, **asks))
        assert found.status == 405
        assert not [name for name, _ in found.headers if name.startswith("access-control")]


def test_no_line_becomes_a_websocket(tmp_path):
    """Browsers let any page open one to anywhere, with cookies: a real server takes it for an ordinary question."""
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    upgrade["Sec-WebSocket-Key"] = "dGhlIHNhbXBsZSBub25jZQ=="
    with Lab(tmp_path / "shoal.db", {"dots": dots()}, engine=FakeEngine()) as lab, serve(lab, port=0) as serving:
        here = urlsplit(serving.address)

        def told(path, **said):
            line = http.client.HTTPConnection(here.netloc, timeout=20)
            with contextlib.closing(line):
                line.request("GET", path, headers=said)
                found = line.getresponse()
                return found.status, found.headers["set-cookie"]

        _, cookie = told(f"/?{here.query}")
        known = {**upgrade, "Cookie": cookie.partition(";")[0]}
        for path in (address(route, Key()) for route in ROUTES):
            assert told(path, **known, Origin="http://evil.example")[0] in (403, 405)
            assert told(path, **known, Origin=f"http://{here.netloc}")[0] in (200, 400, 404, 405)
