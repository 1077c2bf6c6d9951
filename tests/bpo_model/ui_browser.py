"""Real headless Chromium for the tests of `bpo ui`; nothing may leave loopback."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest

pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, Route, expect, sync_playwright

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The browser, or a skip."""
    if CHROMIUM is None:
        pytest.skip("no chromium, chromium-browser or google-chrome on the path")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield chromium
        chromium.close()


@dataclass
class Visits:
    """Opens pages, and notes what they ask for and what goes wrong in them."""

    browser: Browser
    asked: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    def open(self, url: str, width: int = 1280, scheme: Any = "light") -> Page:
        """The page, ready to use."""
        context = self.browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
        self.contexts.append(context)
        context.set_default_timeout(10_000)
        context.route("**/*", self._route)
        page = context.new_page()
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("console", self._console)
        page.on("dialog", self._dialog)
        page.goto(url)
        expect(page.locator("#about")).to_contain_text("Runs on this machine")
        return page

    def _route(self, route: Route) -> None:
        self.asked.append(route.request.url)
        (route.continue_ if _is_loopback(route.request.url) else route.abort)()

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.wrong.append(message.text)

    def _dialog(self, dialog: Dialog) -> None:
        self.wrong.append(dialog.message)
        dialog.dismiss()


@pytest.fixture
def visits(browser: Browser) -> Iterator[Visits]:
    """In the end nothing may have left loopback, failed in a script or opened a dialog."""
    found = Visits(browser)
    yield found
    for context in found.contexts:
        context.close()
    assert found.wrong == []
    assert found.asked
    assert all(map(_is_loopback, found.asked))


def rewrite(page: Page, prompt: str) -> None:
    """As a keyboard user does; the focus lands on the result."""
    page.get_by_label("What do you want to ask?").fill(prompt)
    page.keyboard.press("Control+Enter")
    expect(page.locator("#result")).to_be_focused()


def _is_loopback(url: str) -> bool:
    return urlsplit(url).hostname == "127.0.0.1"
