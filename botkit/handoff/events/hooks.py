"""Events of the XO platform: its hooks, parsed (docs/protocols/kore-xo-botkit.md, 3)."""

from __future__ import annotations

from msgspec.structs import replace

from botkit.handoff.events.base import BaseEvent
from botkit.handoff.record import Record


class FromPlatform(BaseEvent, frozen=True, kw_only=True):
    """An event that a hook of the platform is parsed to; `handoff/platform.py` has its rule.

    `sessions` has every id by which the hook names the platform's session, the most reliable first; empty if it names none.
    """

    sessions: tuple[str, ...] = ()


class FromClient(FromPlatform, frozen=True, kw_only=True):
    """An event that comes from the user's client.

    `events_url` is the address at which the client takes events (the platform's `sendBotEventUrl`); empty if not stated.
    """

    events_url: str = ""


class Attachment(Record, frozen=True):
    """A file the user sent; `url` is the platform's, `size` in bytes, 0 where it is not stated."""

    name: str
    url: str
    size: int = 0


class UserMessage(FromClient, frozen=True, kw_only=True):
    """on_user_message.

    `text` is what the user saw or wrote: of a clicked choice, its label. It is None for a connect event or an attachment alone.
    `payload` is what the platform has as the message instead; empty if it is the same. `of_client` marks messages that the
    client's software sent, and nobody wrote. `agent_transfer` is None where the payload does not say. `request_id` is the
    platform's, where the client's own id identifies the message: if the client sends it again, it comes with another requestId
    (`retried`).
    """

    text: str | None
    agent_transfer: bool | None
    attachments: tuple[Attachment, ...] = ()
    connect: bool = False
    payload: str = ""
    of_client: bool = False
    request_id: str = ""
    retried: bool = False
    request_number: int | None = None


class BotMessage(FromPlatform, frozen=True, kw_only=True):
    """on_bot_message: an utterance of the bot on its way to the user."""

    text: str | None
    agent_transfer: bool | None = None
    request_number: int | None = None


class UserProfile(Record, frozen=True):
    """The platform's facts about the user and the conversation so far; any field may be empty."""

    user_id: str = ""
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    bot_name: str = ""
    channel: str = ""
    language: str = ""
    last_intent: str = ""
    session_id: str = ""
    case_id: str = ""


class MetaInfo(Record, frozen=True):
    """One of the dialog's objects for agent systems in `context.session.BotUserSession`, set by a Script node (6.2)."""

    pre_chat: tuple[tuple[str, str], ...] = ()
    end_word: str | None = None


class Choice(Record, frozen=True):
    """A handler's choice for a hand-off: agent system, attributes, end word. It wins over the dialog's."""

    agent_system: str | None = None
    pre_chat: tuple[tuple[str, str], ...] = ()
    end_word: str | None = None

    def then(self, later: Choice) -> Choice:
        """Both choices combined; the later one wins."""
        return Choice(
            later.agent_system or self.agent_system,
            tuple({**dict(self.pre_chat), **dict(later.pre_chat)}.items()),
            later.end_word or self.end_word,
        )


class AgentTransfer(FromClient, frozen=True, kw_only=True):
    """on_agent_transfer: a dialog reached an Agent Transfer node.

    Args:
        session_id: the id of the new agent session, drawn when the hook was parsed; a lower-case UUID 4.
        agent_system: the agent system the dialog asks for by name.
        meta_infos: the dialog's objects for agent systems, by their names in the payload. The system's
            `capabilities.meta_infos` names those it reads, the strongest first.
        node_name: the name of the Agent Transfer node; a node named like an agent system chooses that system.
    """

    session_id: str
    profile: UserProfile
    agent_system: str | None = None
    meta_infos: tuple[tuple[str, MetaInfo], ...] = ()
    choice: Choice = Choice()
    node_name: str = ""
    request_number: int | None = None

    def chosen(self, choice: Choice) -> AgentTransfer:
        """The same transfer under a handler's choice."""
        return replace(self, choice=self.choice.then(choice))


class PlatformSessionClosed(FromPlatform, frozen=True, kw_only=True):
    """on_event with eventType `sessionClosure`; may repeat, and may come late. `sessions` is the closed one."""


class UserTyping(FromClient, frozen=True, kw_only=True):
    """on_client_event TYPING_STARTED or TYPING_STOPPED."""

    started: bool


class UserCustomEvent(FromClient, frozen=True, kw_only=True):
    """on_client_event with a customEvent, for an agent's console that understands it. `data` is JSON text."""

    name: str
    data: str


class Alert(FromPlatform, frozen=True, kw_only=True):
    """on_alert: an alert task has something for the user."""


class OtherHook(FromPlatform, frozen=True, kw_only=True):
    """A hook that changes nothing in the hand-off (endDialog, a webhook, an unknown name): recorded and acknowledged."""

    name: str


PlatformHookEvent = (
    UserMessage
    | BotMessage
    | AgentTransfer
    | PlatformSessionClosed
    | UserTyping
    | UserCustomEvent
    | Alert
    | OtherHook
)
"""Every event that a hook is parsed to."""
