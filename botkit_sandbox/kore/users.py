"""Users of the bot: identity, chat, and session.

Numbers in parentheses are sections of docs/protocols/kore-xo-botkit.md.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from botkit_sandbox.kore.bot import Dialog, Node
from botkit_sandbox.kore.node_options import Tag

TAGS_AT_MOST = 50
Speaker = Literal["user", "bot", "botkit", "agent", "system"]

# The form of `from` on channels that do not use the platform's user id.
_ADDRESS_FORMS = {
    "whatsapp": "1555{digits:07d}",
    "sms": "+1555{digits:07d}",
    "ivr": "+1555{digits:07d}",
    "ivrVoice": "+1555{digits:07d}",
    "facebook": "61550{digits:011d}",
    "msteams": "29:1{digits:010d}",
    "slack": "U0{digits:08d}",
    "email": "guest{digits}@example.com",
    "twiliovoice": "+1555{digits:07d}",
    "audiocodes": "+1555{digits:07d}",
}


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that a user sent, as the web client announces it (4.4)."""

    id: str
    name: str
    kind: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One bubble of a user's chat."""

    id: str
    at_ms: int
    speaker: Speaker
    text: str
    name: str | None = None
    template: Mapping[str, Any] | None = None
    attachments: tuple[Attachment, ...] = ()
    payload: str = ""
    """Of a clicked choice, whose label is `text`: what the client sends instead of the label."""
    client_id: int | None = None
    """`clientMessageId` of the web client; a retry repeats it (2.3)."""

    @property
    def sent(self) -> str:
        """What the client sends as the message."""
        return self.payload or self.text

    def as_json(self) -> dict[str, Any]:
        """As the control API shows it."""
        return {
            "id": self.id,
            "at_ms": self.at_ms,
            "from": self.speaker,
            "name": self.name,
            "text": self.text,
            "template": self.template,
            "attachments": [{"id": a.id, "name": a.name, "type": a.kind} for a in self.attachments],
        }


@dataclass(slots=True)
class Session:
    """A conversation session of the platform. Closing or silence ends it, with its variables."""

    id: str
    opened_ms: int
    variables: dict[str, Any] = field(default_factory=dict)
    closed: bool = False
    welcomed: bool = False
    tones: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Run:
    """A dialog in progress at one of its nodes.

    Attributes:
        tries: how often the user's answer to this node had no value.
        answered: the nodes whose value the user gave; a dialog that comes back to one asks again.
        caller: the dialog that called this one and goes on after it.
        context: the context of a dialog that waits for the end of one that it called.
    """

    dialog: Dialog
    node_id: str
    tries: int = 0
    answered: set[str] = field(default_factory=set)
    caller: Run | None = None
    context: dict[str, Any] = field(default_factory=dict)

    @property
    def node(self) -> Node:
        return self.dialog.nodes[self.node_id]


@dataclass(slots=True)
class User:
    """One user on one channel. A user who is on several channels at once has one of these for each, with the same `id`.

    `key` names this one in the control API: the user's id for the first channel.
    """

    id: str
    address: str
    name: str
    email: str
    language: str
    channel: str
    session: Session
    messages: deque[ChatMessage]
    history: deque[dict[str, Any]]
    last_activity_ms: int
    agent_mode: bool = False
    agent_typing: bool = False
    stalled: bool = False
    returning: bool = False
    run: Run | None = None
    resets: int = 0
    context: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, list[Any]] = field(default_factory=dict)
    message_tones: list[dict[str, Any]] = field(default_factory=list)
    key: str = ""
    linked_bot: str = ""
    """The linked bot that speaks with the user at present; empty for the bot itself."""

    def __post_init__(self) -> None:
        self.key = self.key or self.id

    def add_tags(self, tags: Iterable[Tag]) -> None:
        """Add custom meta tags; a name that is tagged again gets the new value."""
        for tag in tags:
            kind = f"{tag.level}MetaTags"
            others = [one for one in self.tags.get(kind, []) if one.get("name") != tag.name]
            self.tags[kind] = [*others, {"name": tag.name, "value": tag.value}][-TAGS_AT_MOST:]

    @property
    def first_name(self) -> str:
        return self.name.partition(" ")[0]

    @property
    def last_name(self) -> str:
        return self.name.partition(" ")[2]

    def summary(self) -> dict[str, Any]:
        """As the control API shows it, without the messages."""
        return {
            "id": self.key,
            "userId": self.id,
            "name": self.name,
            "email": self.email,
            "language": self.language,
            "channel": self.channel,
            "agentMode": self.agent_mode,
            "agentTyping": self.agent_typing,
            "conversationSessionId": self.session.id,
            "linkedBot": self.linked_bot,
        }


def address_on(channel: str, user_id: str, number: int) -> str:
    """`channel.from` of a user: the platform's user id on the web, an id of the channel elsewhere."""
    form = _ADDRESS_FORMS.get(channel)
    return form.format(digits=number) if form else user_id
