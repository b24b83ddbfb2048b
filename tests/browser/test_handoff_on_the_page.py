"""The demo page in a real browser, with the real service between the two emulated clouds."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import Browser, expect

from tests.browser.conftest import OpenPage
from tests.browser.stage import DemoPage, running_demo

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def address(browser: Browser) -> Iterator[str]:
    with running_demo() as address:
        yield address


@pytest.fixture
def demo(open_page: OpenPage, address: str) -> DemoPage:
    # Hundreds of rows of earlier tests make queries of the page slow.
    requests.delete(f"{address}sandbox/wire", timeout=30).raise_for_status()
    return open_page(address)


def test_a_user_is_handed_to_an_agent_and_returns_to_the_bot_with_the_end_word(demo: DemoPage) -> None:
    demo.new_user("Ada King")
    demo.user_says("hello")
    expect(demo("chat-log").locator('[data-voice="bot"]').first).to_be_visible()
    demo.ask_for_an_agent()
    expect(demo("desk-name")).to_have_text("Ada King")
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_the_wire_shows_only_the_selected_rows(demo: DemoPage) -> None:
    demo.new_user("Barbara Liskov")
    demo.user_says("hello")
    expect(demo.on_wire("on_bot_message").last).to_be_visible()
    demo("wire-filter").fill("on_user")
    expect(demo.on_wire("on_user_message").last).to_be_visible()
    expect(demo.on_wire("on_bot_message").last).to_be_hidden()


@pytest.mark.slow
def test_the_wire_is_walked_and_opened_with_the_keyboard(demo: DemoPage) -> None:
    demo.new_user("Frances Allen")
    demo.user_says("hello")
    expect(demo.on_wire("on_bot_message").last).to_be_visible()
    # The user's message is one hook; the bot's messages are several, between other rows.
    demo.on_wire("on_user_message").last.get_by_role("button").focus()
    demo.page.keyboard.press("ArrowDown")
    demo.page.keyboard.press("Enter")
    opened = demo("wire-row").filter(has=demo("wire-detail"))
    expect(opened.get_by_role("button")).to_be_focused()
    expect(opened).not_to_have_attribute("data-label", "on_user_message")


@pytest.mark.slow
def test_after_silence_in_a_log_new_messages_are_announced_and_old_ones_left_alone(demo: DemoPage) -> None:
    demo.new_user("Jean Bartik")
    demo.user_says("hello")
    first = demo.in_chat("hello").first
    expect(first).to_be_visible()
    first.evaluate("element => element.marked = true")
    expect(demo("chat-log").locator('[data-voice="bot"]').first).to_be_visible()
    demo.user_says("where is my order")
    expect(demo.in_chat("where is my order")).to_be_visible()
    assert first.evaluate("element => element.marked") is True
    expect(demo("chat-log")).to_have_attribute("aria-live", "polite")


@pytest.mark.slow
def test_a_channel_is_not_left_in_the_middle_of_a_talk_with_an_agent(demo: DemoPage) -> None:
    demo.new_user("Karen Uhlenbeck")
    other, second = (demo("user-channel").locator(f"option[value='{one}']") for one in ("sms", "also:sms"))
    expect(other).to_be_enabled()
    demo.ask_for_an_agent()
    expect(other).to_be_disabled()
    expect(second).to_be_enabled()
    demo.accept()
    demo("desk-end").click()
    expect(other).to_be_enabled()


@pytest.mark.slow
def test_the_user_who_closes_the_chat_leaves_the_agent(demo: DemoPage) -> None:
    demo.new_user("Annie Easley")
    demo.ask_for_an_agent()
    demo.accept()
    demo("chat-more").click()
    demo("chat-close").click()
    expect(demo("desk").get_by_test_id("status")).to_have_text(re.compile("Ended|Closed"))


@pytest.mark.slow
def test_the_platforms_closing_words_end_the_chat_with_the_agent(demo: DemoPage) -> None:
    demo.new_user("Kathleen Booth")
    demo.ask_for_an_agent()
    demo.accept()
    demo.user_says("one moment please")
    expect(demo.in_transcript("one moment please")).to_have_count(1)
    demo("chat-more").click()
    demo("chat-timeout-says").click()
    expect(demo.in_chat("Your session has ended because of inactivity.")).to_have_count(1)
    expect(demo("desk").get_by_test_id("status")).to_have_text(re.compile("Ended|Closed"))


@pytest.mark.slow
def test_a_supervisor_who_only_seems_to_end_the_session_leaves_the_agent_with_the_user(
    demo: DemoPage,
) -> None:
    demo.new_user("Mary Jackson")
    demo.ask_for_an_agent()
    demo.accept()
    demo("desk-more").click()
    demo("desk-supervisor-end").click()
    demo.agent_says("I am still here")
    expect(demo.in_chat("I am still here")).to_have_count(1)
    demo.user_says("and so am I")
    expect(demo.in_transcript("and so am I")).to_have_count(1)


@pytest.mark.slow
def test_where_nobody_is_there_the_next_agent_system_is_asked_before_the_user_is_told(demo: DemoPage) -> None:
    demo.new_user("Evelyn Boyd")
    demo.ask_for_an_agent()
    demo("desk-more").click()
    demo("desk-route-failure-says").click()
    expect(demo("desk")).to_contain_text("Live Chat")
    agent = demo.accept()
    expect(demo.in_chat(re.compile(rf"{agent} has joined"))).to_be_visible()
    expect(demo.in_chat("Our team is away until Monday.")).to_have_count(0)


@pytest.mark.slow
def test_a_page_opened_anew_shows_everything_again(demo: DemoPage) -> None:
    demo.new_user("Sophie Wilson")
    demo.ask_for_an_agent()
    demo.page.reload()
    demo.page.get_by_role("tab", name="Sophie Wilson").click()
    expect(demo.in_chat("talk to an agent")).to_be_visible()
    expect(demo("session").filter(has_text="Sophie Wilson")).to_be_visible()
    expect(demo.on_wire("on_agent_transfer").last).to_be_attached()


@pytest.mark.slow
def test_a_chatbot_of_salesforce_answers_first_and_hands_over_to_an_agent(demo: DemoPage) -> None:
    demo.new_user("Ida Rhodes")
    demo.ask_for_an_agent()
    demo("desk-more").click()
    demo("desk-bot-joins").click()
    expect(demo("desk-chatbot")).to_have_text("Astro")
    expect(demo.in_chat(re.compile("Astro has joined"))).to_be_visible()
    demo("desk-more").click()
    demo("desk-bot-asks").click()
    expect(demo.in_chat("What is it about?")).to_have_count(1)
    demo("desk-more").click()
    demo("desk-bot-hands-over").click()
    expect(demo.in_chat(re.compile("Astro has left"))).to_be_visible()
    expect(demo("desk-chatbot")).to_have_count(0)
    agent = demo.accept()
    expect(demo.in_chat(re.compile(rf"{agent} has joined"))).to_be_visible()
