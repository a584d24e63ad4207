# SPDX-License-Identifier: Apache-2.0
"""The charts' library is made once, by another process, and kept; where it cannot be kept, it is there all the same."""

import pytest

from shoal.live import vega


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """An empty cache for each test, and a process that has remembered nothing."""
    vega._bundle.cache_clear()
    monkeypatch.setattr(vega, "_place", lambda: tmp_path / "cache" / "vega.js")
    yield tmp_path / "cache" / "vega.js"
    vega._bundle.cache_clear()


def test_it_is_made_once_and_kept(place, monkeypatch):
    made = []
    monkeypatch.setattr(vega, "_made", lambda: made.append(1) or b"script")
    assert [vega.bundle(), vega.bundle()] == [b"script"] * 2
    vega._bundle.cache_clear()
    assert vega.bundle() == place.read_bytes() == b"script"
    assert made == [1]


def test_without_room_for_it_it_is_there_all_the_same(place, monkeypatch):
    place.parent.write_text("a file, where a folder should be")
    monkeypatch.setattr(vega, "_made", lambda: b"script")
    assert vega.bundle() == b"script"


def test_what_goes_wrong_in_the_other_process_is_said(monkeypatch):
    monkeypatch.setattr(vega, "PROGRAM", "raise SystemExit('no such renderer')")
    with pytest.raises(OSError, match="the charts' library: no such renderer"):
        vega.bundle()


def test_the_other_process_says_what_the_renderer_says(monkeypatch):
    monkeypatch.setattr(
        vega, "PROGRAM", vega.PROGRAM.replace("import sys, vl_convert", "import sys; vl_convert = Fake()")
    )
    fake = "class Fake:\n    def javascript_bundle(self): return 'vegaEmbed = µ'\n"
    monkeypatch.setattr(vega, "PROGRAM", fake + vega.PROGRAM)
    assert vega.bundle() == "vegaEmbed = µ".encode()
