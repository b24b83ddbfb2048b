"""Agents in conversation benchmarks. A desk is an emulated agent system without a wire log; its agents accept at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from aiohttp import web

from botkit_sandbox import live_chat, salesforce
from botkit_sandbox.live_chat import LiveChatCloud, LiveChatSandboxSettings
from botkit_sandbox.salesforce import SalesforceCloud, SalesforceSandboxSettings
from botkit_sandbox.salesforce.faults import Fault


class Desk(ABC):
    """One emulated agent system with all of its agents. The same for every system, so that one benchmark serves all."""

    _cloud: SalesforceCloud | LiveChatCloud

    @abstractmethod
    def routes(self) -> web.Application:
        """The application to serve at the root of a host."""

    @abstractmethod
    def system(self, url: str) -> Mapping[str, object]:
        """The system's section of a bot's file, for a desk at this address."""

    @abstractmethod
    def live(self) -> list[str]:
        """Ids of the conversations with an agent."""

    @abstractmethod
    def listeners(self) -> int:
        """How many requests wait for messages."""

    @abstractmethod
    def _agent(self, conversation_id: str) -> str:
        """An agent in this conversation."""

    def say(self, conversation_id: str, text: str) -> None:
        """The agent sends a message."""
        self._cloud.agent_says(conversation_id, self._agent(conversation_id), text)

    def end(self, conversation_id: str) -> None:
        """The agent ends the conversation."""
        self._cloud.agent_ends(conversation_id, self._agent(conversation_id))


class MiawDesk(Desk):
    """Messaging for In-App and Web: a listener is an event stream."""

    _cloud: SalesforceCloud

    def __init__(self) -> None:
        self._cloud = SalesforceCloud(
            wire=None, bus=None, settings=SalesforceSandboxSettings(auto_accept=True)
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

    def listeners(self) -> int:
        return self._cloud.open_streams()

    def _agent(self, conversation_id: str) -> str:
        return next(iter(self._cloud.conversations[conversation_id].present))


class HeldDesk(MiawDesk):
    """MIAW behind a proxy that holds every event stream back: their headers pass, their events do not."""

    def __init__(self) -> None:
        super().__init__()
        self._cloud.inject(Fault(kind="hold-stream"))


class LiveChatDesk(Desk):
    """Live Chat: a listener is a long poll, which the desk holds for 29 s as Salesforce does."""

    _cloud: LiveChatCloud

    def __init__(self) -> None:
        self._cloud = LiveChatCloud(wire=None, bus=None, settings=LiveChatSandboxSettings(auto_accept=True))

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

    def listeners(self) -> int:
        return self._cloud.open_polls()

    def _agent(self, conversation_id: str) -> str:
        return next(iter(self._cloud.chat(conversation_id).present))


DESKS: Mapping[str, type[MiawDesk] | type[HeldDesk] | type[LiveChatDesk]] = {
    "miaw": MiawDesk,
    "held": HeldDesk,
    "live-chat": LiveChatDesk,
}
