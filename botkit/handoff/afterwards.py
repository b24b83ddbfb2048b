"""Rules for what comes after the end of an agent session and was said before it: neither side's last words are lost."""

from __future__ import annotations

from msgspec.structs import replace

from botkit.handoff import agents_side
from botkit.handoff.conversation import Conversation
from botkit.handoff.decision import Decision
from botkit.handoff.effects import DropLane, SendToUser
from botkit.handoff.ending import give_back
from botkit.handoff.events import (
    AgentSaid,
    AgentsLost,
    Content,
    Event,
    FileRefused,
    MessageAccepted,
    MessageRefused,
)
from botkit.handoff.rules import Rules


def late(rules: Rules, conversation: Conversation, event: Event) -> Decision:
    """An event of the session that ended last.

    The agent's last words are shown late rather than never. What the user had typed is on its way, in order, before the end
    itself; where the agents' side does not take it after all, the user is told.
    """
    match event:
        case AgentSaid():
            return agents_side.said(conversation, event)
        case MessageAccepted(message_id=message_id):
            return Decision(_without(conversation, message_id))
        case MessageRefused(message_id=message_id):
            refused = [held for held in conversation.ended_pending if held.message_id == message_id]
            told = give_back(rules, conversation.ended_language, refused)
            return Decision(_without(conversation, message_id), tuple(told))
        case FileRefused(message_id=message_id):
            text = rules.responses.text("fileFailedMessage", conversation.ended_language)
            said = (SendToUser(Content(text=text)),) if text else ()
            return Decision(_without(conversation, message_id), said)
        case AgentsLost(session_id=session_id):
            told = give_back(rules, conversation.ended_language, conversation.ended_pending)
            return Decision(replace(conversation, ended_pending=()), (DropLane(session_id), *told))
        case _:
            return Decision(conversation)


def _without(conversation: Conversation, message_id: str) -> Conversation:
    rest = tuple(held for held in conversation.ended_pending if held.message_id != message_id)
    return conversation if rest == conversation.ended_pending else replace(conversation, ended_pending=rest)
