# SPDX-License-Identifier: Apache-2.0
"""The page around the rooms, as a person meets it: tabs, addresses, both colour schemes, a phone, names,
and what its policy forbids."""

import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from shoal import theme
from shoal.live import app

ROOMS = ("watch", "play", "draw")
CONTROLS = {
    *("button", "link", "textbox", "combobox", "listbox", "slider", "spinbutton", "checkbox", "radio", "tab", "switch"),
    *("image", "img", "progressbar", "meter", "tabpanel", "tablist", "group"),
}


@pytest.fixture
def shell(page: Page, lab_url: str) -> Page:
    """The page, connected, in its first room."""
    page.goto(lab_url)
    connected(page)
    return page


def connected(page: Page) -> None:
    expect(page.locator("#state")).to_contain_text("Connected to shoal.db")


def settled(page: Page, room: str) -> None:
    """A room that is open and has filled itself."""
    expect(page.locator(f"#{room}")).to_be_visible()
    expect(page.locator(f"#{room}[aria-busy]")).to_have_count(0)
    expect(page.locator(f"#{room} > :visible").first).to_be_visible()
    expect(page.locator(f"#{room} .error:visible")).to_have_count(0)


def opened(page: Page) -> list[str]:
    return [room for room in ROOMS if page.locator(f"#{room}").is_visible()]


# ---- tabs and addresses -------------------------------------------------------------------------------


def test_the_mouse_opens_rooms_and_back_returns(shell: Page) -> None:
    assert opened(shell) == ["watch"]
    assert shell.title() == "Watch · Shoal"
    assert "token" not in shell.url
    shell.get_by_role("tab", name="Play").click()
    expect(shell).to_have_title("Play · Shoal")
    assert shell.url.endswith("#play")
    assert opened(shell) == ["play"]
    expect(shell.get_by_role("tab", name="Play")).to_have_attribute("aria-selected", "true")
    expect(shell.get_by_role("tab", name="Watch")).to_have_attribute("aria-selected", "false")
    shell.get_by_role("tab", name="Draw").click()
    expect(shell).to_have_title("Draw · Shoal")
    shell.go_back()
    expect(shell).to_have_title("Play · Shoal")
    shell.go_back()
    expect(shell).to_have_title("Watch · Shoal")
    assert opened(shell) == ["watch"]


def test_arrow_keys_walk_through_the_tabs(shell: Page) -> None:
    shell.get_by_role("tab", name="Watch").focus()
    for key, name in [
        ("ArrowRight", "Play"),
        ("ArrowRight", "Draw"),
        ("ArrowRight", "Watch"),
        ("ArrowLeft", "Draw"),
        ("Home", "Watch"),
        ("End", "Draw"),
    ]:
        shell.keyboard.press(key)
        expect(shell).to_have_title(f"{name} · Shoal")
        expect(shell.get_by_role("tab", name=name)).to_be_focused()
    assert [tab.get_attribute("tabindex") for tab in shell.get_by_role("tab").all()] == ["-1", "-1", "0"]


def test_a_link_opens_its_room(page: Page, lab_url: str) -> None:
    page.goto(f"{lab_url}#draw")
    connected(page)
    assert opened(page) == ["draw"]
    settled(page, "draw")


def test_the_first_key_skips_to_the_room(shell: Page) -> None:
    settled(shell, "watch")
    shell.keyboard.press("Tab")
    expect(shell.get_by_role("link", name="Skip to the room")).to_be_focused()
    shell.keyboard.press("Enter")
    expect(shell.locator("#watch")).to_be_focused()
    assert opened(shell) == ["watch"]


def test_a_room_that_fails_says_so_and_begins_again(page: Page, lab_url: str, forgiven: list[str]) -> None:
    forgiven += ["/api/play/form", "status of 400"]
    refusal = {"status": 400, "json": {"error": "The form <b>fell</b> down."}}
    page.route("**/api/play/form", lambda route: route.fulfill(**refusal), times=1)
    page.goto(f"{lab_url}#play")
    trouble = page.locator("#play .error")
    expect(trouble).to_contain_text("Play cannot go on. The form <b>fell</b> down.")
    trouble.get_by_role("button", name="Try again").click()
    settled(page, "play")


# ---- looks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_room_fits_its_window_in_the_theme_colours(page: Page, lab_url: str, scheme: Any, width: int) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(lab_url)
    connected(page)
    paper = getattr(theme.COLOURS["paper"], scheme)
    wanted = f"rgb({', '.join(str(int(paper[at : at + 2], 16)) for at in (1, 3, 5))})"
    expect(page.locator("body")).to_have_css("background-color", wanted)
    for room in ROOMS:
        page.locator(f"#tab-{room}").click()
        settled(page, room)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, room
        if width == 390:
            small = page.evaluate(SMALL_TARGETS)
            assert not small, f"{room}: {small}"


SMALL_TARGETS = """() => [...document.querySelectorAll("main button, main select, main input, header a")]
  .filter((one) => one.checkVisibility() && !one.matches("[type=checkbox], [type=radio], .visually-hidden"))
  .filter((one) => !one.closest("table, .visually-hidden"))
  .filter((one) => one.getBoundingClientRect().height < 43.5)
  .map((one) => one.outerHTML.slice(0, 120))"""


def test_every_control_has_a_name(shell: Page) -> None:
    tree = shell.context.new_cdp_session(shell)
    for room in ROOMS:
        shell.locator(f"#tab-{room}").click()
        settled(shell, room)
        nodes = [node for node in tree.send("Accessibility.getFullAXTree")["nodes"] if not node["ignored"]]
        named = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes]
        assert len([role for role, _ in named if role == "tab"]) == 3
        assert not [role for role, name in named if role in CONTROLS - {"group"} and not name.strip()], room


# ---- what the page may do -----------------------------------------------------------------------------


class Inline(HTMLParser):
    """Finds what a policy without 'unsafe-inline' would refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "style" or (tag == "script" and "src" not in given):
            self.found.append(tag)
        self.found += [name for name in given if name == "style" or name.startswith("on")]


TRY = """async () => {
  const script = document.createElement("script");
  script.textContent = "window.ran = true";
  document.body.append(script);
  const judge = (done) => { try { done(eval("1 + 1")) } catch (error) { done(error.name) } };
  return [window.ran, await new Promise((done) => setTimeout(judge, 0, done))];
}"""


def test_nothing_runs_or_styles_in_place(shell: Page, forgiven: list[str]) -> None:
    page = Inline()
    page.feed((app.PAGES / "index.html").read_text())
    assert page.found == []
    forgiven.append("violates the following Content Security Policy directive")
    assert shell.evaluate(TRY) == [None, "EvalError"]


def test_no_module_reads_markup_from_a_string() -> None:
    forbidden = re.compile(r"\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function)")
    assert not [path.name for path in app.PAGES.glob("*.js") if forbidden.search(path.read_text())]


def test_without_its_key_the_page_explains_itself(page: Page, lab_url: str, forgiven: list[str]) -> None:
    forgiven += ["status of 403", "favicon"]
    response = page.goto(f"http://{urlsplit(lab_url).netloc}/")
    assert response is not None
    assert response.status == 403
    expect(page.locator("body")).to_contain_text("Open the address that shoal printed")


def test_an_empty_store_is_an_invitation(shell: Page) -> None:
    for room in ROOMS:
        shell.locator(f"#tab-{room}").click()
        settled(shell, room)
        assert len(shell.locator(f"#{room}").inner_text()) > 40, room
