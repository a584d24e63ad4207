# SPDX-License-Identifier: Apache-2.0
"""A real browser in front of a real server: small drawn data, an empty store, and no mercy: a test ends with a failure
if the console showed an error, or if the page asked any host but its own.

Without Chromium or pytest-playwright these tests are left out, and say so; where CI is set they fail instead.
"""

import os
import re
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

import pytest

from shoal.data import sketches

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
HERE = os.path.dirname(__file__)


def missing() -> str:
    """What there is no browser test without, in words; empty if nothing."""
    if find_spec("pytest_playwright") is None:
        return "pytest-playwright is not installed"
    if not shutil.which(CHROMIUM):
        return f"there is no Chromium at {CHROMIUM}: install Debian's chromium, or set CHROMIUM"
    return ""


LACKS = missing()
if LACKS and os.environ.get("CI"):
    raise pytest.UsageError(f"the browser tests cannot run: {LACKS}")
collect_ignore_glob = ["test_*.py"] if LACKS else []


def pytest_report_header() -> str:
    return f"browser tests are left out: {LACKS}" if LACKS else f"browser: {CHROMIUM}"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if LACKS:
        terminalreporter.write_line(f"browser tests were left out: {LACKS}")


@pytest.hookimpl(trylast=True)  # pytest itself puts tests of one session fixture together, which would be first
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks these tests, and runs them last: Playwright keeps an event loop in the main thread until the end."""
    for item in items:
        if str(item.path).startswith(HERE):
            item.add_marker("browser")
    items.sort(key=lambda item: str(item.path).startswith(HERE))


@pytest.fixture(scope="session")
def base_url() -> None:
    """None: addresses are given in full. (The plugin's own is a method, of which pytest 9 warns.)"""


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": QUIET}


@pytest.fixture(scope="session")
def drawn() -> dict[str, Any]:
    """Drawings under the names of the data sets: small enough to train on in a blink."""
    return {
        "fashion-mnist": sketches.garments(train=600, test=200),
        "mnist": sketches.digits(train=600, test=200),
    }


@pytest.fixture(scope="module")
def lab(drawn: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A lab over a store that is not there yet, shared by the tests of a file."""
    from shoal.live.lab import Lab

    with Lab(tmp_path_factory.mktemp("lab") / "shoal.db", drawn) as lab:
        yield lab


@pytest.fixture(scope="module")
def lab_url(lab: Any) -> Iterator[str]:
    """The address with its token, as `shoal serve` prints it; ``lab_url + "#play"`` opens a room."""
    from shoal.live import serve

    with serve(lab, port=0) as serving:
        yield serving.address


@pytest.fixture
def forgiven() -> list[str]:
    """Patterns of console errors that a test means to provoke."""
    return []


@pytest.fixture
def context(context: Any, forgiven: list[str]) -> Iterator[Any]:
    """The plugin's, for a slow machine, with an eye on every page it opens."""
    context.set_default_timeout(20_000)
    troubles: list[str] = []
    context.on("console", lambda said: said.type == "error" and troubles.append(f"{said.text} {said.location}"))
    context.on("weberror", lambda error: troubles.append(f"uncaught: {error.error}"))
    context.on("request", lambda asked: _local(asked.url) or troubles.append(f"asked another host: {asked.url}"))
    yield context
    left = [trouble for trouble in troubles if not any(re.search(pattern, trouble) for pattern in forgiven)]
    assert not left, "\n".join(left)


def _local(url: str) -> bool:
    return urlsplit(url).scheme in ("data", "blob", "about") or urlsplit(url).hostname == "127.0.0.1"


@pytest.fixture(autouse=True)
def _patient() -> None:
    """Expectations wait as long as a slow machine needs, and not a moment longer than the page does."""
    from playwright.sync_api import expect

    expect.set_options(timeout=20_000)
