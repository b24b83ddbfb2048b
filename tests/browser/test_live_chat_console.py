"""The agent console in a real browser, with visitors of Live Chat and MIAW and without a service."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from playwright.sync_api import Locator, expect

from botkit_sandbox.server import running_sandbox
from tests.browser.conftest import OpenPage
from tests.browser.stage import DemoPage
from tests.browser.visitors import LiveChatVisitor, open_miaw_conversation

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(240)]


@dataclass(frozen=True, slots=True)
class Scene:
    """The page, and the sandbox behind it. Polls are held for a tenth of a second."""

    demo: DemoPage
    addresses: Mapping[str, str]

    def visitor(self, name: str = "Grace Hopper", **request: Any) -> LiveChatVisitor:
        """Request a chat, and wait until the console lists the session."""
        visitor = LiveChatVisitor(self.addresses, name, **request)
        expect(self.demo("desk-name")).to_have_text(name)
        return visitor

    def session(self, name: str) -> Locator:
        return self.demo("session").filter(has_text=name)

    def more(self, name: str) -> None:
        """Choose an entry of the menu More."""
        self.demo("desk-more").click()
        self.demo(f"desk-{name}").click()

    @property
    def status(self) -> Locator:
        """The status of the open session."""
        return self.demo("desk").get_by_test_id("status")


@pytest.fixture
def scene(open_page: OpenPage) -> Iterator[Scene]:
    with running_sandbox() as addresses:
        url = f"{addresses['kore_url']}/sandbox/live-chat/switches"
        assert requests.put(url, json={"poll_hold_seconds": 0.1}, timeout=30).ok
        yield Scene(open_page(addresses["page_url"]), addresses)


def test_an_agent_takes_a_live_chat_talks_and_ends_it(scene: Scene) -> None:
    visitor = scene.visitor()
    agent = scene.demo.accept()
    assert visitor.hears("ChatEstablished")["name"] == agent
    visitor.says("Where is my parcel?")
    expect(scene.demo.in_transcript("Where is my parcel?")).to_have_count(1)
    scene.demo.agent_says("It is on its way.")
    assert visitor.hears("ChatMessage")["text"] == "It is on its way."
    scene.demo("desk-end").click()
    assert visitor.hears("ChatEnded")["reason"] == "agent"
    expect(scene.status).to_have_text("Ended")


def test_sessions_of_both_systems_stand_side_by_side_each_marked_with_its_system(scene: Scene) -> None:
    open_miaw_conversation(scene.addresses, "Ada", "Lovelace")
    expect(scene.session("Ada Lovelace").get_by_test_id("system")).to_have_text("MIAW")
    scene.visitor("Grace Hopper")
    expect(scene.session("Grace Hopper").get_by_test_id("system")).to_have_text("Live Chat")
    expect(scene.demo("desk").get_by_test_id("system")).to_have_text("Live Chat")
    scene.session("Ada Lovelace").click()
    expect(scene.demo("desk").get_by_test_id("system")).to_have_text("MIAW")


def test_the_reply_box_offers_the_content_types_of_each_system(scene: Scene) -> None:
    visitor = scene.visitor("Grace Hopper")
    scene.demo.accept()
    expect(scene.demo("reply-kind-file")).to_have_count(0)
    open_miaw_conversation(scene.addresses, "Ada", "Lovelace")
    scene.session("Ada Lovelace").click()
    scene.demo.accept()
    expect(scene.demo("reply-kind-file")).to_be_attached()
    scene.demo.agent_says("For Ada")
    scene.session("Grace Hopper").click()
    scene.demo("desk-work-as").click()
    scene.demo("reply-text").fill("For Grace")
    scene.demo("reply-send").click()
    assert visitor.hears("ChatMessage")["text"] == "For Grace"
    expect(scene.demo.in_transcript("For Ada")).to_have_count(0)


def test_the_pre_chat_details_and_their_records_are_shown(scene: Scene) -> None:
    field = {"fieldName": "Email", "label": "Email", "doFind": True, "isExactMatch": True, "doCreate": True}
    scene.visitor(
        prechatDetails=[{"label": "Email", "value": "grace@acme.example", "transcriptFields": []}],
        prechatEntities=[{"entityName": "Contact", "entityFieldsMaps": [field]}],
    )
    expect(scene.demo("prechat").locator('[data-name="Email"]')).to_contain_text("grace@acme.example")
    expect(scene.demo("prechat").locator('[data-name="Contact made"]')).to_contain_text("003")


def test_who_gives_a_live_chat_away_has_it_until_the_other_one_accepts(scene: Scene) -> None:
    visitor = scene.visitor()
    first = scene.demo.accept()
    visitor.hears("ChatEstablished")
    scene.demo("desk-transfer").click()
    expect(scene.status).to_have_text("Transferring")
    scene.demo.agent_says("One moment, please.")
    assert visitor.hears("ChatMessage")["name"] == first
    second = scene.demo.accept()
    assert second != first
    assert visitor.hears("ChatTransferred")["name"] == second


def test_a_live_chat_can_be_given_to_another_button(scene: Scene) -> None:
    visitor = scene.visitor()
    scene.demo.accept()
    scene.demo("desk-transfer-to").select_option(label="queue Billing")
    scene.demo("desk-transfer").click()
    visitor.hears("TransferToButtonInitiated")
    expect(scene.demo("offer")).to_be_visible()


def test_a_declined_live_chat_is_offered_to_the_next_agent(scene: Scene) -> None:
    scene.visitor()
    expect(scene.demo("desk-decline")).to_be_visible()
    scene.demo("desk-decline").click()
    expect(scene.demo("offer")).to_contain_text("Offered to")
    assert scene.demo.accept() != "Jane Doe"


def test_a_file_the_agent_asks_for_appears_in_the_transcript(scene: Scene) -> None:
    visitor = scene.visitor()
    scene.demo.accept()
    scene.more("request-file")
    expect(scene.demo.in_transcript("asks for a file")).to_be_visible()
    visitor.sends_file("invoice.txt", b"42 EUR")
    link = scene.demo.in_transcript("invoice.txt").get_by_role("link")
    address = link.get_attribute("href")
    assert address is not None
    assert requests.get(address, timeout=30).content == b"42 EUR"


def test_a_request_for_a_file_can_be_taken_back(scene: Scene) -> None:
    visitor = scene.visitor()
    scene.demo.accept()
    scene.more("request-file")
    assert visitor.hears("FileTransfer")["type"] == "Requested"
    scene.demo("desk-more").click()
    expect(scene.demo("desk-request-file")).to_have_count(0)
    scene.demo("desk-cancel-file").click()
    assert visitor.hears("FileTransfer")["type"] == "Canceled"


def test_a_chat_whose_agent_lost_the_connection_is_taken_over(scene: Scene) -> None:
    visitor = scene.visitor()
    first = scene.demo.accept()
    scene.more("disconnect")
    visitor.hears("AgentDisconnect")
    expect(scene.status).to_have_text("Transferring")
    assert scene.demo.accept() != first


@pytest.mark.parametrize(
    ("choice", "reason"), [("route-failure", "Unavailable"), ("route-blocked", "Blocked")]
)
def test_routing_fails_at_a_press(scene: Scene, choice: str, reason: str) -> None:
    visitor = scene.visitor()
    scene.more(choice)
    assert visitor.hears("ChatRequestFail")["reason"] == reason
    expect(scene.status).to_have_text("Ended")


def test_both_sides_see_each_other_typing(scene: Scene) -> None:
    visitor = scene.visitor()
    scene.demo.accept()
    visitor.post("ChasitorTyping", {})
    expect(scene.demo("desk-typing")).to_have_text("Grace Hopper is typing…")
    visitor.post("ChasitorNotTyping", {})
    expect(scene.demo("desk-typing")).to_have_text("")
    scene.demo("reply-text").press_sequentially("He")
    visitor.hears("AgentTyping")


def test_a_session_that_moves_to_another_server_is_shown_as_reconnecting(scene: Scene) -> None:
    scene.visitor()
    scene.demo.accept()
    scene.demo("faults-toggle").click()
    scene.demo("fault-live-chat").filter(has_text="Move the server").click()
    expect(scene.demo("desk-lost")).to_be_visible()


def test_polls_that_bring_nothing_are_one_row_of_the_wire(scene: Scene) -> None:
    visitor = scene.visitor()
    visitor.hears("ChatRequestSuccess")
    while visitor.poll() != 204:
        pass
    for _ in range(3):
        assert visitor.poll() == 204
    empty = scene.demo.page.locator('[data-testid="wire-row"][data-label="Messages"][data-status="204"]')
    expect(empty).to_have_count(1)
    expect(empty).to_contain_text("×4")
    visitor.says("hello")
    expect(scene.demo.on_wire("ChatMessage")).to_have_count(1)
    assert visitor.poll() == 204
    expect(empty).to_have_count(2)
    scene.demo.page.reload()
    expect(empty).to_have_count(2)
    expect(empty.first).to_contain_text("×4")


def test_polls_that_bring_nothing_stay_one_row_while_the_wire_is_held_still(scene: Scene) -> None:
    visitor = scene.visitor()
    visitor.hears("ChatRequestSuccess")
    while visitor.poll() != 204:
        pass
    scene.demo("wire-pause").click()
    for _ in range(3):
        assert visitor.poll() == 204
    visitor.says("hello")
    scene.demo("wire-pause").click()
    expect(scene.demo.on_wire("ChatMessage")).to_have_count(1)
    expect(scene.demo("wire-row").filter(has_text="nothing new")).to_have_text(re.compile("×4"))


def test_a_poll_with_messages_is_one_row_from_salesforce_that_names_them(scene: Scene) -> None:
    visitor = scene.visitor()
    visitor.hears("ChatRequestSuccess")
    scene.demo.accept()
    visitor.hears("ChatEstablished")
    row = scene.demo("wire-row").filter(has_text="ChatEstablished")
    expect(row).to_have_count(1)
    expect(row).to_have_attribute("data-source", "salesforce")
    expect(row).to_have_attribute("data-target", "botkit")
    row.get_by_role("button").click()
    expect(row.get_by_test_id("wire-detail")).to_contain_text("/chat/rest/System/Messages")
    expect(row.get_by_test_id("wire-detail")).to_contain_text("sneakPeekEnabled")


def test_the_wire_can_be_narrowed_to_live_chat(scene: Scene) -> None:
    scene.visitor()
    open_miaw_conversation(scene.addresses, "Ada", "Lovelace")
    expect(scene.session("Ada Lovelace")).to_be_visible()
    scene.demo("wire-filter").fill("live chat")
    expect(scene.demo.on_wire("ChasitorInit")).to_be_visible()
    hidden = scene.demo("wire-row").locator("visible=true").filter(has_not_text="ChasitorInit")
    expect(hidden).to_have_count(1)  # SessionId


def test_every_control_has_a_name_for_a_screen_reader(scene: Scene) -> None:
    scene.visitor()
    scene.demo.accept()
    nameless = scene.demo.page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, textarea")]
            .filter((e) => e.checkVisibility() && !e.ariaLabel && !e.labels?.length && !e.textContent.trim())
            .map((e) => e.outerHTML)"""
    )
    assert nameless == []
