"""Take docs/images/demo.png: the demo page in the middle of a hand-off.

python -m tests.browser.screenshot [FILE]
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

from playwright.sync_api import ViewportSize, expect

from tests.browser.stage import DemoPage, chromium, chromium_path, running_demo

TARGET = Path(__file__).parents[2] / "docs" / "images" / "demo.png"
PORT = 8001
SIZE: Final[ViewportSize] = {"width": 1440, "height": 900}


def main(target: Path) -> None:
    """Play half a hand-off and take the picture."""
    path = chromium_path()
    if path is None:
        sys.exit("Chromium is not installed; on Debian: apt-get install chromium")
    with chromium(path) as browser, running_demo(PORT) as address:
        page = browser.new_page(viewport=SIZE, color_scheme="light", reduced_motion="reduce")
        page.goto(address)
        demo = DemoPage(page)
        play(demo)
        page.mouse.move(0, 0)
        target.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=target)


def play(demo: DemoPage) -> None:
    """Create two users, one of them in a conversation with an agent."""
    demo("wire-calm").click()
    demo.new_user("ليلى حداد", language="ar", channel="whatsapp")
    demo.ask_for_an_agent()
    demo.new_user("Ada Lovelace")
    demo.user_says("Where is my order?")
    expect(demo("chat-log").locator('[data-voice="bot"]').first).to_be_visible()
    demo.user_says("10042")
    expect(demo("chat-log").locator('[data-voice="bot"]').nth(1)).to_be_visible()
    demo.ask_for_an_agent()
    agent = demo.accept()
    expect(demo.in_chat(re.compile(rf"{agent}.*joined|joined.*{agent}"))).to_be_visible()
    demo.agent_says("Hello Ada, I see your order 10042. How can I help?")
    expect(demo.in_chat("How can I help?")).to_be_visible()
    demo.user_says("Could it arrive before Friday?")
    expect(demo.in_transcript("before Friday?")).to_be_visible()
    demo("reply-kind-buttons").check(force=True)
    demo("reply-text").fill("Express delivery brings it on Thursday. Shall I?")
    demo("reply-options").fill("Yes please, No thanks")
    demo("reply-send").click()
    expect(demo.in_chat("Shall I?")).to_be_visible()
    demo("reply-kind-text").check(force=True)
    demo("chat-log").get_by_role("button", name="Yes please").click()
    expect(demo.in_transcript(re.compile("Ada Lovelace.*Yes please"))).to_be_visible()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET)
