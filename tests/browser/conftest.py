"""A browser, and pages that fail the test on errors in the browser's console."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, ViewportSize, expect

from tests.browser.stage import DemoPage, chromium, chromium_path

MISSING = "Chromium is not installed; on Debian: apt-get install chromium"
LAPTOP: ViewportSize = {"width": 1280, "height": 800}

OpenPage = Callable[[str], DemoPage]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = chromium_path()
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    with chromium(path) as browser:
        yield browser


@pytest.fixture(scope="module")
def window(browser: Browser) -> Iterator[Page]:
    """One window for all tests of a module: a new one costs two seconds of processor time."""
    context = browser.new_context(viewport=LAPTOP, reduced_motion="reduce")  # Animations only cost time here.
    context.set_default_timeout(45_000)
    yield context.new_page()
    context.close()


@pytest.fixture
def open_page(window: Page) -> Iterator[OpenPage]:
    """A function that opens the demo page at an address. The page stores nothing, so each test starts anew."""
    complaints: list[str] = []

    def note_error(error: Error) -> None:
        complaints.append(str(error))

    def note_line(line: ConsoleMessage) -> None:
        if _is_complaint(line):
            complaints.append(line.text)

    def opened(address: str) -> DemoPage:
        window.goto(address)
        expect(window.get_by_test_id("connection")).to_have_text("Live")
        return DemoPage(window)

    window.set_viewport_size(LAPTOP)
    window.on("pageerror", note_error)
    window.on("console", note_line)
    yield opened
    window.remove_listener("console", note_line)
    window.remove_listener("pageerror", note_error)
    window.unroute_all()
    assert complaints == []


def _is_complaint(line: ConsoleMessage) -> bool:
    """Whether a line of the console is an error of the page. The page shows failed requests itself."""
    return line.type in ("error", "warning") and not line.text.startswith("Failed to load resource")
