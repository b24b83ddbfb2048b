"""The agents' side of a conversation benchmark: the sandbox's emulations with their recording switched off, as one kind of desk.

Agents accept at once. What is asked of a desk is the same for every agent system, so that one benchmark serves all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from aiohttp import web

from botkit_sandbox import live_chat, salesforce


class Desk(Protocol):
    """One emulated agent system with all of its agents."""

    def routes(self) -> web.Application:
        """What has to be served, at the root of one host."""

    def system(self, url: str) -> Mapping[str, object]:
        """The system's part of a bot's file, for a desk that is served at this address."""

    def live(self) -> list[str]:
        """Ids of the conversations that an agent is in."""

    def say(self, conversation_id: str, text: str) -> None:
        """The agent says something."""

    def end(self, conversation_id: str) -> None:
        """The agent ends it."""

    def listeners(self) -> int:
        """How many requests wait for something to be said."""


class MiawDesk:
    """Messaging for In-App and Web: a listener is an event stream."""

    def __init__(self) -> None:
        self._cloud = salesforce.SalesforceCloud(
            wire=None, bus=None, settings=salesforce.SalesforceSandboxSettings(auto_accept=True)
        )

    def routes(self) -> web.Application:
        return salesforce.routes(self._cloud)

    def system(self, url: str) -> Mapping[str, object]:
        settings = self._cloud.settings
        return {
            "type": "salesforce-miaw",
            "organization_id": settings.organization_id,
            "organization_base_url": url,
            "developer_name": settings.developer_name,
        }

    def live(self) -> list[str]:
        return [one.id for one in self._cloud.conversations.values() if one.live and one.present]

    def say(self, conversation_id: str, text: str) -> None:
        self._cloud.agent_says(conversation_id, self._agent(conversation_id), text)

    def end(self, conversation_id: str) -> None:
        self._cloud.agent_ends(conversation_id, self._agent(conversation_id))

    def listeners(self) -> int:
        return self._cloud.open_streams()

    def _agent(self, conversation_id: str) -> str:
        return next(iter(self._cloud.conversations[conversation_id].present))


class LiveChatDesk:
    """Live Chat: a listener is a long poll, held for 29 s as in the field."""

    def __init__(self) -> None:
        self._cloud = live_chat.LiveChatCloud(
            wire=None, bus=None, settings=live_chat.LiveChatSandboxSettings(auto_accept=True)
        )

    def routes(self) -> web.Application:
        return live_chat.routes(self._cloud)

    def system(self, url: str) -> Mapping[str, object]:
        settings = self._cloud.settings
        return {
            "type": "salesforce-live-chat",
            "live_agent_url": url,
            "organization_id": settings.organization_id,
            "deployment_id": settings.deployment_id,
            "button_id": settings.buttons[0].id,
        }

    def live(self) -> list[str]:
        chats = (session.chat for session in self._cloud.sessions.values() if session.chat is not None)
        return [chat.id for chat in chats if not chat.ended and chat.present]

    def say(self, conversation_id: str, text: str) -> None:
        self._cloud.agent_says(conversation_id, self._agent(conversation_id), text)

    def end(self, conversation_id: str) -> None:
        self._cloud.agent_ends(conversation_id, self._agent(conversation_id))

    def listeners(self) -> int:
        return self._cloud.open_polls()

    def _agent(self, conversation_id: str) -> str:
        return next(iter(self._cloud.chat(conversation_id).present))


DESKS: Mapping[str, type[MiawDesk] | type[LiveChatDesk]] = {"miaw": MiawDesk, "live-chat": LiveChatDesk}
