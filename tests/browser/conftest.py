"""A browser, and pages that fail the test when the browser complains about anything."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from playwright.sync_api import Browser, ConsoleMessage, expect

from tests.browser.stage import DemoPage, chromium, chromium_path

MISSING = "Chromium is not installed; on Debian: apt-get install chromium"
LAPTOP = {"width": 1280, "height": 800}

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


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens the demo page at an address, in a window of its own."""
    with ExitStack() as windows:
        yield lambda address: windows.enter_context(_window(browser, address))


@contextmanager
def _window(browser: Browser, address: str) -> Iterator[DemoPage]:
    context = browser.new_context(viewport=LAPTOP)
    page = context.new_page()
    page.set_default_timeout(15_000)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if _is_complaint(line) else None)
    try:
        page.goto(address)
        expect(page.get_by_test_id("connection")).to_have_text("Live")
        yield DemoPage(page)
    finally:
        context.close()
    assert complaints == []


def _is_complaint(line: ConsoleMessage) -> bool:
    """A failed request is the page's business to show; what it did wrong itself is not to happen."""
    return line.type in ("error", "warning") and not line.text.startswith("Failed to load resource")
