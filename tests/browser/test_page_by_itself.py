"""The demo page in a real browser, with a sandbox and without a service."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import FilePayload, expect

from botkit_sandbox.server import running_sandbox
from tests.browser.conftest import OpenPage
from tests.browser.stage import DemoPage

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.fixture
def demo(open_page: OpenPage) -> Iterator[DemoPage]:
    with running_sandbox() as addresses:
        yield open_page(addresses["page_url"])


def test_the_first_message_brings_a_first_user_along(demo: DemoPage) -> None:
    demo("suggestion").filter(has_text="Hello").click()
    expect(demo.in_chat("Hello").first).to_be_visible()
    expect(demo("user-tab")).to_have_text(re.compile("Ada Lovelace"))


def test_several_users_keep_their_own_conversations(demo: DemoPage) -> None:
    demo.new_user("User One")
    demo.user_says("I am the first")
    expect(demo.in_chat("I am the first")).to_be_visible()
    demo.new_user("User Two")
    expect(demo.in_chat("I am the first")).to_have_count(0)
    demo.page.get_by_role("tab", name="User One").click()
    expect(demo.in_chat("I am the first")).to_be_visible()


def test_one_user_writes_from_two_channels(demo: DemoPage) -> None:
    demo.new_user("Ada Lovelace")
    demo.user_says("from the web")
    expect(demo.in_chat("from the web")).to_be_visible()
    demo("user-channel").select_option(label="Also WhatsApp")
    tab = demo.page.get_by_role("tab", name="Ada Lovelace WhatsApp")
    expect(tab).to_have_attribute("aria-selected", "true")
    expect(demo.in_chat("from the web")).to_have_count(0)
    demo.user_says("from the phone")
    expect(demo.in_chat("from the phone")).to_be_visible()
    expect(demo("user-channel")).to_have_value("whatsapp")
    expect(demo("user-channel").locator("option").filter(has_text="Web")).to_have_text(
        ["Webhook", "Also Webhook"]
    )


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


@pytest.mark.parametrize("width", [1440, 1280, 1024])
def test_nothing_is_cut_off_at_usual_widths(demo: DemoPage, width: int) -> None:
    demo.page.set_viewport_size({"width": width, "height": 800})
    assert demo.page.evaluate("document.documentElement.scrollWidth") <= width
    for side in ("user-input", "wire", "agent-picker"):
        box = demo(side).bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width


def test_a_fault_is_switched_on_by_a_press_and_off_by_another(demo: DemoPage) -> None:
    demo("faults-toggle").click()
    switch = demo("fault-salesforce").filter(has_text="Lose an event")
    switch.click()
    expect(switch).to_have_attribute("aria-pressed", "true")
    expect(demo("faults-toggle")).to_contain_text("1")
    switch.click()
    expect(switch).to_have_attribute("aria-pressed", "false")


def test_everything_in_the_users_menu_is_something_the_cloud_can_do(demo: DemoPage) -> None:
    demo.new_user("Radia Perlman")
    demo.user_says("my first message")
    expect(demo.in_chat("my first message")).to_have_count(1)
    items = demo("chat-line").locator(".menu-items button")
    assert items.count() > 5
    for number in range(items.count()):
        demo("chat-more").click()
        words = items.nth(number).inner_text()
        with demo.page.expect_response(re.compile("/sandbox/kore/users/")) as answer:
            items.nth(number).click()
        assert answer.value.ok, words


def test_every_fault_of_the_strip_is_one_the_clouds_know(demo: DemoPage) -> None:
    demo("faults-toggle").click()
    for cloud in ("kore", "salesforce", "live-chat"):
        switches = demo(f"fault-{cloud}")
        for number in range(switches.count()):
            with demo.page.expect_response(re.compile(f"{cloud}/faults")) as answer:
                switches.nth(number).click()
            assert answer.value.ok, switches.nth(number).inner_text()
            demo(f"faults-clear-{cloud}").click()
            expect(demo.page.locator(f'[data-testid="fault-{cloud}"][aria-pressed="true"]')).to_have_count(0)


def test_a_user_goes_on_on_another_channel(demo: DemoPage) -> None:
    demo.new_user("Radia Perlman")
    demo.user_says("I am on the web")
    expect(demo.in_chat("I am on the web")).to_be_visible()
    demo("user-channel").select_option(label="Facebook")
    expect(demo.page.get_by_role("tab", name="Radia Perlman")).to_contain_text("Facebook")
    expect(demo("user-channel")).to_have_value("facebook")
    expect(demo.in_chat("I am on the web")).to_be_visible()
    demo.new_user("Ida Rhodes", channel="whatsapp")
    expect(demo("user-channel")).to_have_value("whatsapp")


def test_a_refused_channel_is_reported_and_not_selected(demo: DemoPage) -> None:
    demo.new_user("Radia Perlman")
    demo.page.route("**/channel", lambda route: route.fulfill(status=409, json={"error": "with an agent"}))
    demo("user-channel").select_option(label="Facebook")
    expect(demo("notices")).to_contain_text("with an agent")
    expect(demo("user-channel")).to_have_value("rtm")


def test_a_user_sends_files_with_and_without_words(demo: DemoPage) -> None:
    photo: FilePayload = {"name": "photo.png", "mimeType": "image/png", "buffer": b"not really"}
    note: FilePayload = {"name": "note.txt", "mimeType": "text/plain", "buffer": b"42"}
    demo.new_user("Karen Jones")
    demo("user-file").set_input_files([photo, note])
    demo("chat-file").filter(has_text="note.txt").click()
    expect(demo("chat-file")).to_have_text(["photo.png"])
    demo.user_says("Look at this")
    expect(demo.in_chat("Look at this")).to_contain_text("photo.png")
    expect(demo("chat-file")).to_have_count(0)
    demo("user-file").set_input_files([note])
    demo("user-send").click()
    expect(demo.in_chat("note.txt")).to_have_count(1)


def test_files_over_the_total_limit_are_left_out_with_a_notice(demo: DemoPage) -> None:
    demo.new_user("Karen Jones")
    size = 2 * 1024 * 1024
    files: list[FilePayload] = [
        {"name": f"{n}.bin", "mimeType": "application/zip", "buffer": bytes(size)} for n in "ab"
    ]
    demo("user-file").set_input_files(files)
    expect(demo("chat-file")).to_have_text(["a.bin"])
    expect(demo("notices")).to_contain_text("2.9 MB together")
    demo.user_says("the first of two")
    expect(demo.in_chat("the first of two")).to_contain_text("a.bin")


def test_files_of_a_message_that_was_refused_are_there_to_be_sent_again(demo: DemoPage) -> None:
    demo.new_user("Karen Jones")
    demo.page.route("**/say", lambda route: route.fulfill(status=429, json={"error": "Too much is waiting"}))
    note: FilePayload = {"name": "note.txt", "mimeType": "text/plain", "buffer": b"42"}
    demo("user-file").set_input_files([note])
    demo.user_says("hello")
    expect(demo("notices")).to_contain_text("Too much is waiting")
    expect(demo("chat-file")).to_have_text(["note.txt"])


def test_a_message_does_not_overtake_the_file_before_it(demo: DemoPage) -> None:
    demo.new_user("Karen Jones")
    big: FilePayload = {"name": "big.bin", "mimeType": "application/zip", "buffer": bytes(2 * 1024 * 1024)}
    demo("user-file").set_input_files([big])
    demo.page.evaluate(
        """() => ["first", "second"].forEach((text) => {
            document.getElementById("say").value = text;
            document.getElementById("chat-form").requestSubmit();
        })"""
    )
    mine = demo("chat-log").locator(".said.mine")
    expect(mine).to_have_count(2)
    expect(mine).to_have_text([re.compile("first"), re.compile("second")])


def test_a_page_says_that_the_sandbox_is_gone(open_page: OpenPage) -> None:
    with running_sandbox() as addresses:
        page = open_page(addresses["page_url"]).page
    expect(page.get_by_test_id("connection")).to_contain_text("not reachable")


def test_a_refusal_of_the_sandbox_is_shown(demo: DemoPage) -> None:
    demo.new_user("Karen Jones")
    demo.page.route("**/say", lambda route: route.fulfill(status=429, json={"error": "Too much is waiting"}))
    demo.user_says("hello")
    expect(demo("notices")).to_contain_text("Too much is waiting")
    expect(demo("user-input")).to_have_value("hello")
