"""The demo page with an exported bot: its warnings, its dialogs, and a transfer given to one of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from botkit_sandbox.server import running_sandbox
from tests.browser.conftest import OpenPage
from tests.browser.stage import DemoPage
from tests.sandbox.kore.exports import Bot

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.fixture
def demo(open_page: OpenPage, tmp_path: Path) -> Iterator[DemoPage]:
    bot = Bot("Pizza <b>Roma</b>", languages=("en", "it"))
    bot.dialog("Order", says=["I want a pizza"]).entity("Size", "Which size?").service("Stock").message(
        "Fine."
    )
    bot.dialog("Opening hours").message("At ten.")
    with running_sandbox(bot_folder=bot.write(tmp_path, zipped=True)) as addresses:
        yield open_page(addresses["page_url"])


def test_kinds_of_warnings_are_counted_and_listed_with_their_places(demo: DemoPage) -> None:
    expect(demo("bot-warnings-count")).to_have_text("3")
    demo("about-bot").click()
    expect(demo("bot-warning")).to_have_count(3)
    expect(demo("bot-sheet")).to_contain_text("2 × text that is not URL-encoded")
    expect(demo("bot-sheet")).to_contain_text("component Size")
    expect(demo("bot-about")).to_contain_text("en, it")


def test_a_dialog_is_given_a_transfer_on_the_page(demo: DemoPage) -> None:
    demo("about-bot").click()
    expect(demo("bot-dialog").filter(has_text="Order")).not_to_contain_text("Hands over")
    demo("hand-over-Order").click()
    expect(demo("bot-dialog").filter(has_text="Order")).to_contain_text("Hands over")
    demo.page.keyboard.press("Escape")
    expect(demo("bot-sheet")).to_be_hidden()


def test_the_answer_in_place_of_a_service_is_given_on_the_page(demo: DemoPage) -> None:
    demo("about-bot").click()
    expect(demo("stand-in")).to_have_count(1)
    expect(demo("stand-in")).to_contain_text("Empty success")
    demo("stand-in").locator("summary").click()
    demo("stand-in-answer-Stock").fill("not JSON")
    demo("stand-in-save-Stock").click()
    expect(demo("notices")).to_contain_text("The answer of Stock is not JSON")
    demo("stand-in-answer-Stock").fill('{"statusCode": 503, "body": {"left": 3}}')
    demo("stand-in-save-Stock").click()
    expect(demo("stand-in")).to_contain_text("Your answer")
    demo("stand-in").locator("summary").click()
    expect(demo("stand-in-answer-Stock")).to_have_value(re.compile('"left": 3'))
    demo("stand-in-reset-Stock").click()
    expect(demo("stand-in")).to_contain_text("Empty success")


def test_the_page_suggests_sentences_of_this_bot(demo: DemoPage) -> None:
    expect(demo("suggestion")).to_have_text(["Talk to an agent", "I want a pizza", "Opening hours"])
