"""The emulated Salesforce: one organisation with its agents, as the HTTP routes, the control API and tests use it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from botkit_sandbox.salesforce.desk import Desk
from botkit_sandbox.salesforce.faults import AT_ONCE, Fault
from botkit_sandbox.salesforce.state import Conversation
from botkit_sandbox.salesforce.stream import EventStream
from botkit_sandbox.salesforce.transcripts import transcript_item
from botkit_sandbox.switches import changed

SHOWN_ENTRIES = 500


class SalesforceCloud(Desk):
    """The service: `core` (entries and events), `access`, `routing`, `conversing`, `messaging`, `desk`, faults, switches."""

    def inject(self, fault: Fault) -> None:
        """Apply a fault at once, or to the next requests and events."""
        if fault.kind == "drop-streams":
            self.drop_streams(how=fault.how, conversation_id=fault.conversation_id)
        elif fault.kind == "expire-tokens":
            self.expire_tokens(fault.conversation_id)
        else:
            self.faults.add(fault)
        if fault.kind in AT_ONCE:
            self.publish_change("fault", fault=msgspec.to_builtins(fault))

    def drop_streams(self, *, how: str = "abort", conversation_id: str = "") -> int:
        """Break every open stream, or those of one conversation's user. Returns their number."""
        users = (
            [self.conversation(conversation_id).owner] if conversation_id else list(self.end_users.values())
        )
        streams = [reader for user in users for reader in user.log.readers if isinstance(reader, EventStream)]
        for stream in streams:
            stream.stop(how)
        return len(streams)

    def open_streams(self) -> int:
        """The number of open event streams."""
        return sum(len(user.log.readers) for user in self.end_users.values())

    def configure(self, changes: Mapping[str, Any]) -> None:
        """Set switches by name while running.

        Raises:
            ValueError: a name is not a switch, or a value is not allowed for it.
        """
        self.settings = changed(self.settings, changes)
        self.publish_change("switches", switches=dict(changes))

    def state(self) -> dict[str, Any]:
        """The state that the agent console shows, JSON-ready."""
        agents = [
            {"id": agent.id, "name": agent.name, "online": agent.online} for agent in self.agents.values()
        ]
        places = {conversation_id: place for place, conversation_id in enumerate(self.queue, start=1)}
        shown = [self._view(each, places.get(each.id)) for each in self.conversations.values()]
        faults = [msgspec.to_builtins(fault) for fault in self.faults.all()]
        return {
            "agents": agents,
            "conversations": shown,
            "faults": faults,
            "openStreams": self.open_streams(),
        }

    def _view(self, conversation: Conversation, place: int | None) -> dict[str, Any]:
        newest = list(conversation.entries)[-SHOWN_ENTRIES:]
        items = [item for entry in newest if (item := transcript_item(entry)) is not None]
        for item in items:
            if item["id"] in conversation.receipts:
                item["receipt"] = conversation.receipts[item["id"]]
        return {
            "id": conversation.id,
            "status": conversation.stage,
            "sessionId": conversation.session.id,
            "createdAt_ms": conversation.created_ms,
            "assignedTo": conversation.assigned.id if conversation.assigned else None,
            "agents": list(conversation.present),
            "chatbot": conversation.chatbot,
            "attributes": conversation.attributes,
            "ignoredAttributes": list(conversation.ignored_attributes),
            "language": conversation.language,
            "transcript": items,
            "queuePosition": place,
            "userTyping": conversation.user_typing,
            "transferring": conversation.transferring,
        }
