"""Answers of polls that leave out messages: the server has them until they are acknowledged."""

from __future__ import annotations

import pytest
import structlog

from botkit.agents.live_chat import listening
from tests.agents.live_chat.conftest import Talk
from tests.agents.live_chat.server import LiveChat


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "AGAIN_SECONDS", 0.05)


async def say(talk: Talk, server: LiveChat, *texts: str, left_out: int) -> None:
    """The agent says all of it before the next poll is answered, which leaves one of them out.

    Afterwards another poll waits at the server, so polls can be counted from there.
    """
    first = len(server.log)
    for text in texts[:-1]:
        server.log.append(("ChatMessage", {"text": text, "name": "Ada", "agentId": "005A"}))
    server.left_out = {first + left_out}
    server.say(texts[-1])
    await talk.until(lambda: texts[-1] in talk.said and server.hanging == 1)


@pytest.mark.parametrize("left_out", [0, 1])
async def test_messages_that_an_answer_leaves_out_are_polled_again_and_shown_first(
    talk: Talk, server: LiveChat, left_out: int
) -> None:
    await talk.begin()
    await say(talk, server, "one", "two", "three", left_out=left_out)
    assert talk.said == ["one", "two", "three"]
    await say(talk, server, "four", left_out=-1)
    assert talk.said == ["one", "two", "three", "four"]
    assert server.max_hanging == 1


async def test_without_a_second_answer_what_has_arrived_is_shown_after_a_short_wait(
    talk: Talk, server: LiveChat
) -> None:
    server.repeats = False
    await talk.begin()
    with structlog.testing.capture_logs() as logs:
        await say(talk, server, "one", "two", left_out=0)
    assert talk.said == ["two"]
    assert [line["event"] for line in logs] == ["chat_messages_missing"]
    await say(talk, server, "three", left_out=-1)
    assert talk.said == ["two", "three"]


async def test_a_server_whose_numbers_always_have_gaps_is_not_asked_again_each_time(
    talk: Talk, server: LiveChat
) -> None:
    server.repeats = False
    await talk.begin()
    for number in range(6):
        await say(talk, server, f"lost {number}", f"said {number}", left_out=0)
    before = server.calls().count("Messages")
    await say(talk, server, "lost again", "said again", left_out=0)
    assert server.calls().count("Messages") <= before + 1


async def test_numbers_start_at_zero(talk: Talk, server: LiveChat) -> None:
    server.left_out = {0}
    server.tell("QueueUpdate", position=3, estimatedWaitTime=60)
    await talk.begin()
    assert talk.kinds.count("QueueMoved") == 2
