"""A user whose agents work on Live Chat: a `Talk` on that system."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from botkit.testing.waiting import until
from botkit_sandbox.live_chat.faults import Fault
from tests.faults.stage import Stage, Talk

ON_LIVE_CHAT = {"agents": {"default": "legacy", "channels": {"facebook": "legacy"}}}
"""Changes to a bot's file: everybody is handed over to Live Chat."""


def live_chat_fails(stage: Stage, kind: Any, **how: Any) -> None:
    """Add a fault at Live Chat."""
    stage.clouds.do(lambda: stage.clouds.live_chat.inject(Fault(kind=kind, **how)))


def live_chat_recovers(stage: Stage) -> None:
    stage.clouds.do(stage.clouds.live_chat.faults.clear)


def live_chat_forgets(stage: Stage, *talks: LiveChatTalk) -> None:
    """Let sessions without polls time out, by a short timeout."""
    cloud = stage.clouds.live_chat
    usual = cloud.settings.connection_timeout_seconds
    stage.clouds.do(lambda: cloud.configure({"connection_timeout_seconds": 0.1}))
    until(lambda: all(talk.status == "ended" for talk in talks), "until the sessions have ended")
    stage.clouds.do(lambda: cloud.configure({"connection_timeout_seconds": usual}))


@dataclass
class LiveChatTalk(Talk):
    """The same user; `conversation_id` is the chat's."""

    @classmethod
    def of(cls, talk: Talk) -> LiveChatTalk:
        return cls(talk.stage, talk.user_id, talk.email)

    def agents(self, what: str, *args: Any, **more: Any) -> Any:
        """Call an agent's action in the emulated Live Chat."""
        method = getattr(self.stage.clouds.live_chat, what)
        return self.stage.clouds.do(lambda: method(self.conversation_id, *args, **more))

    @property
    def conversation(self) -> Any:
        shown = self.stage.clouds.do(lambda: self.stage.clouds.live_chat.state()["conversations"])
        return next(one for one in shown if one["id"] == self.conversation_id)

    def chats(self) -> list[str]:
        """All chats of this user, also ended ones."""
        sessions = self.stage.clouds.live_chat.sessions
        return self.stage.clouds.do(
            lambda: [
                one.id
                for one in sessions.values()
                if one.chat is not None and one.chat.attributes.get("_email") == self.email
            ]
        )

    def found(self) -> str:
        mine = self.chats()
        assert len(mine) < 2, "a second chat was requested beside the first"
        return mine[0] if mine else ""

    def reaches_the_agents(self) -> None:
        """Wait until the chat is in the console. It has no messages before an agent accepts."""
        self.conversation_id = until(self.found, "until a chat reaches the agents")

    def calls(self, operation: str) -> list[Any]:
        """The calls for this chat."""
        return [
            one
            for one in self.stage.requests(operation)
            if self.conversation_id in one.request_headers.get("X-LIVEAGENT-SESSION-KEY", "")
        ]
