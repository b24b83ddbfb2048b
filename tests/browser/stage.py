"""Shared by the browser tests and the screenshot: a running demo, a Chromium, and the page's elements by test id."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import requests
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from botkit.testing.serving import free_ports
from botkit.testing.waiting import until

START_SECONDS = 100.0
STOP_SECONDS = 45.0
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",  # tests run as root in containers, where Chromium's own sandbox cannot start
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def chromium_path() -> str | None:
    """The path of an installed Chromium, or None."""
    return next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


@contextmanager
def chromium(path: str) -> Iterator[Browser]:
    """A headless browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def running_demo(port: int | None = None) -> Iterator[str]:
    """`botkit demo` as a process: sandbox on P and P+1 (free ones by default), the service on P+2. Yields the URL of the page."""
    port = port or free_ports(3)
    process = subprocess.Popen(
        [sys.executable, "-m", "botkit", "demo", "--port", str(port)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        _until_ready(process, f"http://127.0.0.1:{port}/sandbox/state")
        _until_ready(process, f"http://127.0.0.1:{port + 2}/readyz")
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.send_signal(signal.SIGINT)  # Ctrl-C, so that the demo stops its service too
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _until_ready(process: subprocess.Popen[bytes], url: str) -> None:
    def ready() -> bool:
        if process.poll() is not None:
            raise RuntimeError(f"botkit demo ended with exit code {process.returncode}; see its output above")
        try:
            return requests.get(url, timeout=30).ok
        except requests.RequestException:
            return False

    until(ready, f"for {url} to be ready", seconds=START_SECONDS)


@dataclass(frozen=True, slots=True)
class DemoPage:
    """The demo page, by its elements."""

    page: Page

    def __call__(self, test_id: str) -> Locator:
        return self.page.get_by_test_id(test_id)

    def new_user(self, name: str, *, language: str = "en", channel: str = "rtm") -> None:
        """Create a user and choose the tab."""
        self.page.get_by_role("button", name="New user").click()
        self("new-user-name").fill(name)
        self("new-user-language").select_option(language)
        self("new-user-channel").select_option(channel)
        self("new-user-create").click()
        tab = self.page.get_by_role("tab", name=name)
        expect(tab).to_have_attribute("aria-selected", "true")

    def user_says(self, text: str) -> None:
        """Send a message of the chosen user."""
        self("user-input").fill(text)
        self("user-input").press("Enter")

    def agent_says(self, text: str) -> None:
        """Send a message of the agent in the open session."""
        self("reply-kind-text").check(force=True)
        self("reply-text").fill(text)
        self("reply-text").press("Enter")

    def in_chat(self, text: str | re.Pattern[str]) -> Locator:
        """Messages of the user's chat that contain a text."""
        return self("chat-log").get_by_test_id("message").filter(has_text=text)

    def in_transcript(self, text: str | re.Pattern[str]) -> Locator:
        """Messages of the agent's transcript that contain a text."""
        return self("transcript").get_by_test_id("message").filter(has_text=text)

    def on_wire(self, label: str) -> Locator:
        """Rows of the wire with this label."""
        return self.page.locator(f'[data-testid="wire-row"][data-label="{label}"]')

    def ask_for_an_agent(self) -> None:
        """Hand the chosen user over. The session waits in the console."""
        sessions = self("session").count()
        self.user_says("talk to an agent")
        expect(self("session")).to_have_count(sessions + 1)
        expect(self("offer")).to_be_visible()

    def accept(self) -> str:
        """Accept the open session as the agent to whom it is offered. Returns the agent's name."""
        offered_to_another = self("desk-become")
        expect(self("desk-accept").or_(offered_to_another)).to_be_visible()
        if offered_to_another.is_visible():
            offered_to_another.click()
        self("desk-accept").click()
        expect(self("reply")).to_be_visible()
        return str(self("agent-picker").evaluate("picker => picker.selectedOptions[0].label"))
