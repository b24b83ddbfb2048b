"""What chatbots and AI agents on Salesforce's side do; the control API and tests call it.

A chatbot joins a conversation as a participant with the role Chatbot, speaks and types, and hands over to people. See
docs/protocols/salesforce-miaw.md, 5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from botkit_sandbox.salesforce import content, payloads
from botkit_sandbox.salesforce.messaging import Messaging
from botkit_sandbox.salesforce.refusal import NotPossible
from botkit_sandbox.salesforce.routing import SYSTEM_NAME
from botkit_sandbox.salesforce.state import SYSTEM, Conversation, Entry, Sender

NAME = "Agentforce"


class Chatbots(Messaging):
    """Every method raises NotKnown, or NotPossible in a wrong state."""

    def bot_joins(self, conversation_id: str, *, name: str = NAME) -> None:
        """A chatbot takes a conversation that waits for an agent."""
        conversation = self.open_conversation(conversation_id)
        if conversation.chatbot or conversation.present:
            raise NotPossible("somebody is in the conversation already")
        self.admit_chatbot(conversation, name)

    def bot_leaves(self, conversation_id: str) -> None:
        """The chatbot leaves without a RoutingResult, and people are looked for."""
        conversation = self._with_chatbot(conversation_id)
        self.remove_chatbot(conversation)
        self.publish_change("left", conversation, agent="")
        self.search_again(conversation)

    def bot_hands_over(self, conversation_id: str, *, to: str = "queue") -> None:
        """The chatbot transfers the conversation to the queue or to an agent, and leaves at the set moment."""
        conversation = self._with_chatbot(conversation_id)
        target = None if to == "queue" else self.agent(to)
        if target is not None and not target.online:
            raise NotPossible(f"{target.name} is offline")
        self.announce_transfer(conversation, to=target)
        if self.settings.chatbot_leaves == "before-agent":
            self.remove_chatbot(conversation)
        self.set_status(conversation, "Waiting")
        self.publish_change("transfer", conversation, agent="", to=to)
        self.search_again(conversation, to=target)

    def bot_types(self, conversation_id: str, *, started: bool) -> None:
        """The chatbot types, or stops typing."""
        conversation = self._with_chatbot(conversation_id)
        self.typing(conversation, self.chatbot_sender, conversation.chatbot, started=started)

    def typing(self, conversation: Conversation, who: Sender, name: str, *, started: bool) -> None:
        """A participant types. The event is on the stream only, never in the list of entries."""
        state = "Started" if started else "Stopped"
        self.emit(
            conversation,
            f"CONVERSATION_TYPING_{state.upper()}_INDICATOR",
            f"Typing{state}Indicator",
            {"timestamp": self.clock()},
            sender=who,
            name=name,
            listed=False,
        )

    def bot_says(self, conversation_id: str, text: str, *, name: str = NAME) -> Entry:
        """Send a message of an AI agent on Salesforce's side, which need not be a participant."""
        conversation = self.open_conversation(conversation_id)
        name = conversation.chatbot or name
        return self.say(conversation, content.text(text), sender=self.chatbot_sender, name=name)

    def bot_works(self, conversation_id: str, text: str) -> None:
        """Send a progress message of an AI agent."""
        self.raw_event(
            conversation_id,
            "CONVERSATION_PROGRESS_INDICATOR",
            "ProgressIndicator",
            payloads.progress(text, at_ms=self.clock()),
        )

    def bot_streams(self, conversation_id: str, pieces: Sequence[str]) -> Entry:
        """Send an AI agent's answer as a stream of tokens, and then as a message."""
        message_id = self.new_uuid()
        for payload in payloads.streaming_tokens(pieces, target_message_id=message_id, at_ms=self.clock()):
            self.raw_event(conversation_id, "CONVERSATION_STREAMING_TOKEN", "StreamingToken", payload)
        conversation = self.open_conversation(conversation_id)
        words = content.text("".join(pieces))
        return self.say(conversation, words, sender=self.chatbot_sender, name=NAME, identifier=message_id)

    def raw_event(
        self,
        conversation_id: str,
        event: str,
        entry_type: str,
        payload: Mapping[str, Any],
        *,
        sender: Sender = SYSTEM,
        name: str = SYSTEM_NAME,
        listed: bool = False,
    ) -> Entry:
        """Emit any event, for example an unknown one: clients must ignore events that they do not know."""
        if not event.isprintable():
            raise NotPossible("the name of an event is one line")
        return self.emit(
            self.conversation(conversation_id),
            event,
            entry_type,
            payload,
            sender=sender,
            name=name,
            listed=listed,
        )

    def open_conversation(self, conversation_id: str) -> Conversation:
        """Raises: NotKnown, or NotPossible when the newest session is over."""
        conversation = self.conversation(conversation_id)
        if not conversation.live:
            raise NotPossible(f"the session is over ({conversation.stage})")
        return conversation

    def _with_chatbot(self, conversation_id: str) -> Conversation:
        conversation = self.open_conversation(conversation_id)
        if not conversation.chatbot:
            raise NotPossible("no chatbot is in the conversation")
        return conversation
