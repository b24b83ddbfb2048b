"""What identifies a conversation: the bot, the user, the channel and the platform's session, read from a payload.

The platform keeps a session and an agent mode per bot, user and channel (docs/protocols/kore-xo-botkit.md, 2.8). So these three
make a `ConversationId`. One user may be on two channels at once, and one session may span two channels. So the session is no
part of the id: it only tells the hooks of an older session from those of the current one (`AgentSession.platform_session_id`),
and finds the conversation of a hook that names no channel.

- **Bot**: that of the path. A linked bot (`bot.linked`) counts as the bot that links it (`botkit/hooks/parser.py`).
- **User**: payloads name the user in several places, and the two channel shapes do not always agree (2.4, 2.5). So all names
  are kept, the most reliable first.
- **Channel**: its type, in lower case. Should the hooks of one conversation spell it in two ways, the platform's agent mode
  shows that they belong together. A hook that names no channel belongs to the user's conversation of the same session, or
  to the user's only one; the ledger finds it (`Staged.resolve` in `botkit/ledger/memory.py`).
- **Session**: `conversationSessionId`, and the siblings that channels and events have.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from botkit.handoff.record import Record
from botkit.hooks.payload import BotUserSession, Channel, Payload, PlatformEvent, UserContext

MAX_NAME: Final = 256
MAX_CHANNEL: Final = 64

_USER, _CHANNEL, _BOT_SESSION = UserContext(), Channel(), BotUserSession()


class Identity(Record, frozen=True):
    """The user, the channel and the session of a payload.

    Attributes:
        users: every name of the user, canonical first; empty if the payload names none.
        channel: the type of the channel in lower case; empty if the payload names none.
        sessions: every id of the platform's session, the most reliable first; empty if the payload names none. An event that
            names its session is about that one, even if the context names another by now.
    """

    users: tuple[str, ...]
    channel: str
    sessions: tuple[str, ...]


def identity(payload: Payload) -> Identity:
    """The identity of a payload."""
    channel = payload.channel or _CHANNEL
    infos, session = channel.infos, payload.session
    bot_session = session.bot_user_session or _BOT_SESSION
    users = _distinct(
        (session.user_context or _USER).id,
        session.opts.user_id if session.opts is not None else None,
        infos.from_,
        channel.from_,
        infos.user_id,
        channel.user_id,
        infos.handle.user_id if infos.handle is not None else None,
        channel.handle.user_id if channel.handle is not None else None,
    )
    name = infos.type or channel.type
    return Identity(
        users,
        canonical_channel(name) if name else _channel_of_session(bot_session),
        (payload.event is not None and _event_session_ids(payload.platform_event))
        or _distinct(bot_session.conversation_session_id, infos.session_id, channel.session_id),
    )


def channel_name(payload: Payload) -> str:
    """The type of the channel: that of the hook, else that of the session's channel, else that of the user's last message."""
    return identity(payload).channel


@lru_cache(maxsize=256)
def canonical_channel(name: str) -> str:
    """A channel's name as conversations have it."""
    return name.strip().lower()[:MAX_CHANNEL]


def _channel_of_session(session: BotUserSession) -> str:
    name = (session.channels[0].type or "") if session.channels else ""
    if not name and session.last_message is not None:
        name = session.last_message.channel or ""
    return canonical_channel(name)


def _event_session_ids(event: PlatformEvent) -> tuple[str, ...]:
    return _distinct(event.conversation_session_id, event.session_id)


def _distinct(*values: str | int | None) -> tuple[str, ...]:
    found: list[str] = []
    for value in dict.fromkeys(values):  # In most payloads they are all the same.
        if value is None or value == "":
            continue
        name = value if isinstance(value, str) else str(value)
        if name not in found and len(name) <= MAX_NAME:
            found.append(name)
    return tuple(found)
