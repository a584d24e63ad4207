# SPDX-License-Identifier: Apache-2.0
"""The page's files hold together: what one asks for is there, and what comes first is asked for at once."""

import re

from shoal.live.app import PAGES

IMPORT = re.compile(r'^import [^;]*from "\./(\w+)\.js";', re.MULTILINE)


def imported(*names: str) -> set[str]:
    """The modules that these import, and those import."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        new = set(IMPORT.findall((PAGES / f"{waiting.pop()}.js").read_text())) - found
        found |= new
        waiting += new
    return found


def test_every_import_leads_to_a_file():
    names = {path.stem for path in PAGES.glob("*.js")}
    rooms = {"main", "watch", "play", "draw"}  # the page asks for these by their names
    assert imported(*names) == names - rooms


def test_the_first_rooms_modules_are_asked_for_with_the_page():
    asked = re.findall(r'<link rel="modulepreload" href="/static/(\w+)\.js">', (PAGES / "index.html").read_text())
    assert len(asked) == len(set(asked))
    assert set(asked) == {"watch"} | imported("main", "watch")
