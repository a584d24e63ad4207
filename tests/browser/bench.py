# SPDX-License-Identifier: Apache-2.0
"""The room of Play in the hands of a test: its buttons, how its training stands, and its curves."""

from playwright.sync_api import Locator, Page, Request, expect


def opened(page: Page, address: str, asked: str = "") -> Page:
    """The page in its room of Play."""
    page.goto(f"{address}#play{asked}")
    expect(page.locator("#play h2")).to_have_text("Play")
    return page


def button(page: Page, name: str) -> Locator:
    return page.locator("#play").get_by_role("button", name=name, exact=True)


def standing(page: Page) -> Locator:
    return page.locator("#play .standing")


def exactly(page: Page, name: str) -> Locator:
    """The number of a field, beside its slider."""
    return page.locator("#play").get_by_role("spinbutton", name=f"{name}, exactly", exact=True)


def curve(page: Page) -> Locator:
    """The chart of curves, named by what it shows."""
    return page.locator("#play .curves .figure").first.get_by_role("img")


def finished(page: Page, runs: int) -> None:
    expect(standing(page)).to_contain_text(f"Finished: {runs} run{'s' * (runs > 1)}, all stored.")


def trained(page: Page, runs: int = 3) -> None:
    """Presses Train, and waits for the end of what that begins."""
    with page.expect_response("**/api/play/train"):
        button(page, "Train").click()
    finished(page, runs)


def asked_of(page: Page) -> list[str]:
    """A list that fills with the addresses of trainings that the page asks for from now on."""
    asked: list[str] = []

    def note(request: Request) -> None:
        if request.url.endswith("/api/play/train"):
            asked.append(request.url)

    page.on("request", note)
    return asked
