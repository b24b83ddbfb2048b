"""How most scenarios over Live Chat begin."""

from __future__ import annotations

from botkit.testing.waiting import until
from tests.scenarios.stage import JANE, LiveChatCase, Person


def api_calls(person: Person, sentence: str = "talk to an agent") -> LiveChatCase:
    """The user asks for an agent, and the chat is in the console."""
    person.asks_for_an_agent(sentence)
    return person.chats()[-1]


def is_helped(person: Person, sentence: str = "talk to an agent") -> LiveChatCase:
    """An agent has accepted and has the transcript, and the user knows; nothing is in flight."""
    case = api_calls(person, sentence)
    case.accepted_by(JANE)
    person.hears("Jane Doe has joined")
    until(case.from_user, "for the talk before to reach the agent")
    return case
