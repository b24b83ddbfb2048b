"""The demo page in a real browser, with the real service between the two emulated clouds."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.stage import DemoPage, chromium, chromium_path, running_demo

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

MISSING = "Chromium is not installed; on Debian: apt-get install chromium"


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
def address(browser: Browser) -> Iterator[str]:
    with running_demo() as address:
        yield address


@pytest.fixture
def demo(browser: Browser, address: str) -> Iterator[DemoPage]:
    """The page, freshly opened. Anything the browser complains about fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.set_default_timeout(15_000)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console", lambda line: complaints.append(line.text) if line.type in ("error", "warning") else None
    )
    page.goto(address)
    expect(page.get_by_test_id("connection")).to_have_text("Live")
    yield DemoPage(page)
    context.close()
    assert complaints == []


def test_a_user_is_handed_to_an_agent_and_returns_to_the_bot_with_the_end_word(demo: DemoPage) -> None:
    demo.new_user("Ada Lovelace")
    demo.user_says("hello")
    expect(demo("chat-log").locator('[data-voice="bot"]').first).to_be_visible()
    demo.ask_for_an_agent()
    expect(demo("desk-name")).to_have_text("Ada Lovelace")
    expect(demo("prechat").locator('[data-name="_firstName"]')).to_contain_text("Ada")
    expect(demo.in_chat("endagentchat")).to_have_count(1)

    agent = demo.accept()
    expect(demo.in_chat(re.compile(rf"{agent}.*joined|joined.*{agent}"))).to_be_visible()
    demo.agent_says("Hello Ada, how can I help?")
    expect(demo.in_chat("Hello Ada, how can I help?")).to_have_count(1)
    demo.user_says("Where is my parcel?")
    expect(demo.in_transcript("Where is my parcel?")).to_have_count(1)
    demo.agent_says("It is on its way.")
    expect(demo.in_chat("It is on its way.")).to_have_count(1)

    demo.user_says("endagentchat")
    expect(demo("chat-mode")).to_contain_text("Acme Assistant")
    expect(demo("desk").get_by_test_id("status")).to_have_text(re.compile("Ended|Closed"))
    demo.user_says("hello")
    expect(demo("chat-log").locator(".said").last).to_have_attribute("data-voice", "bot")


def test_every_hook_and_call_of_a_hand_off_is_on_the_wire_and_opens_with_its_body(demo: DemoPage) -> None:
    demo.new_user("Grace Hopper")
    demo.ask_for_an_agent()
    hook = demo.on_wire("on_agent_transfer").last
    expect(hook).to_have_attribute("data-status", "200")
    hook.get_by_role("button").click()
    expect(hook.get_by_test_id("wire-detail")).to_contain_text("miawMetaInfo")
    for target in ("botkit", "salesforce", "kore"):
        expect(demo.page.locator(f'[data-testid="wire-row"][data-target="{target}"]').first).to_be_attached()


def test_a_session_can_be_given_to_another_agent(demo: DemoPage) -> None:
    demo.new_user("Emmy Noether")
    demo.ask_for_an_agent()
    first = demo.accept()
    expect(demo.in_chat(first).first).to_be_visible()
    demo("desk-transfer").click()
    second = demo.accept()
    assert second != first
    expect(demo.in_chat(re.compile(rf"{second}.*joined|joined.*{second}"))).to_be_visible()
    expect(demo("chat-mode")).to_have_text("With an agent")


def test_an_agent_ends_the_session_and_the_user_is_with_the_bot_again(demo: DemoPage) -> None:
    demo.new_user("Mary Somerville")
    demo.ask_for_an_agent()
    demo.accept()
    demo("desk-end").click()
    expect(demo("chat-mode")).to_contain_text("Acme Assistant")


def test_links_buttons_and_files_of_an_agent_reach_the_user(demo: DemoPage) -> None:
    demo.new_user("Hedy Lamarr")
    demo.ask_for_an_agent()
    demo.accept()
    demo("reply-kind-link").check(force=True)
    demo("reply-title").fill("Track your parcel")
    demo("reply-url").fill("https://example.com/track")
    demo("reply-send").click()
    expect(
        demo.in_chat("https://example.com/track").or_(demo.in_chat("Track your parcel")).first
    ).to_be_visible()
    demo("reply-kind-buttons").check(force=True)
    demo("reply-text").fill("By express?")
    demo("reply-options").fill("Yes, No")
    demo("reply-send").click()
    expect(demo.in_chat("By express?")).to_be_visible()
    demo("reply-kind-file").check(force=True)
    demo("reply-file").set_input_files({"name": "invoice.txt", "mimeType": "text/plain", "buffer": b"42 EUR"})
    demo("reply-send").click()
    expect(demo.in_chat("invoice.txt")).to_be_visible()


def test_several_users_keep_their_own_conversations(demo: DemoPage) -> None:
    demo.new_user("User One")
    demo.user_says("I am the first")
    expect(demo.in_chat("I am the first")).to_be_visible()
    demo.new_user("User Two")
    expect(demo.in_chat("I am the first")).to_have_count(0)
    demo.page.get_by_role("tab", name="User One").click()
    expect(demo.in_chat("I am the first")).to_be_visible()


def test_markup_that_people_write_stays_text(demo: DemoPage) -> None:
    demo.new_user("<b>Mallory</b>")
    demo.user_says("<img src=x onerror=alert(1)>")
    expect(demo.in_chat("<img src=x onerror=alert(1)>")).to_be_visible()
    expect(demo("chat-log").locator("img")).to_have_count(0)


def test_right_to_left_text_is_set_right_to_left(demo: DemoPage) -> None:
    demo.new_user("ليلى حداد", language="ar")
    demo.user_says("مرحبا، أين طلبي؟")
    bubble = demo.in_chat("مرحبا").locator('.bubble [dir="auto"]')
    assert bubble.evaluate("element => getComputedStyle(element).direction") == "rtl"


def test_a_user_can_be_made_and_can_chat_with_the_keyboard_alone(demo: DemoPage) -> None:
    keyboard = demo.page.keyboard
    demo.page.get_by_role("button", name="New user").focus()
    keyboard.press("Enter")
    keyboard.type("Katherine Johnson")
    keyboard.press("Enter")
    expect(demo.page.get_by_role("tab", name="Katherine Johnson")).to_have_attribute("aria-selected", "true")
    expect(demo("user-input")).to_be_focused()
    keyboard.type("hello")
    keyboard.press("Enter")
    expect(demo.in_chat("hello").first).to_be_visible()


def test_every_control_has_a_name_for_a_screen_reader(demo: DemoPage) -> None:
    demo.new_user("Rosalind Franklin")
    demo.ask_for_an_agent()
    demo.accept()
    nameless = demo.page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, textarea")]
            .filter((e) => e.checkVisibility() && !e.ariaLabel && !e.labels?.length && !e.textContent.trim())
            .map((e) => e.outerHTML)"""
    )
    assert nameless == []


@pytest.mark.parametrize("width", [1440, 1280, 1024])
def test_nothing_is_cut_off_at_usual_widths(demo: DemoPage, width: int) -> None:
    demo.page.set_viewport_size({"width": width, "height": 800})
    assert demo.page.evaluate("document.documentElement.scrollWidth") <= width
    for side in ("user-input", "wire", "agent-picker"):
        box = demo(side).bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
