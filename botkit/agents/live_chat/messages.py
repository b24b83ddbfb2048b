"""Converts the replies of System/Messages to events (docs/protocols/salesforce-live-chat.md, 7).

Reading is a pure function from a position and a reply to events and the next position. If a message has several events, only the
last one moves the position past it. So after a crash between them the message is read again, and the keys prevent duplicates.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from botkit.agents.live_chat.calls import FileRequest
from botkit.agents.live_chat.masking import read_rules
from botkit.agents.live_chat.position import (
    AGENT,
    TRANSFERRED,
    Idle,
    Position,
    Present,
    read_session_data,
    unseen,
)
from botkit.agents.live_chat.reading import Reading
from botkit.agents.live_chat.wording import read_words
from botkit.handoff.conversation import Instant
from botkit.handoff.events import (
    AgentCustomEvent,
    AgentTyping,
    Content,
    FileArrived,
    FileRequested,
    FromAgents,
    Option,
    QueueMoved,
)
from botkit.http.lenient_json import Members, flag, items, members, text, whole
from botkit.observability.events import get_logger

_INTEGER = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_MAX_IDLE_SECONDS = 24 * 3600
"""An idle time of more than a day is not a real rule."""
_MAX_CUSTOM_EVENT = 20_000
_MAX_CUSTOM_EVENT_NAME = 100
_log = get_logger("botkit.agents")


@dataclass(frozen=True, slots=True)
class Reply:
    """One 200 of System/Messages. `sequence` is the number of its last message in the era."""

    era: int
    sequence: int
    offset: int
    messages: tuple[tuple[str, Members], ...] = field(repr=False)

    @property
    def before(self) -> int:
        """The number before the first message, if none between them is missing."""
        return self.sequence - len(self.messages)

    def first(self, kind: str) -> Members | None:
        """The first message of this type."""
        return next((message for name, message in self.messages if name == kind), None)


def read_reply(body: Members, *, era: int, ack: int) -> Reply:
    """Read the body of a 200. Without a sequence, counting continues from `ack`; 0 is a sequence (13.3)."""
    found = tuple(
        (text(item.get("type")), members(item.get("message"))) for item in items(body.get("messages"))
    )
    sequence = body.get("sequence")
    counted = (
        isinstance(sequence, int | str)
        and not isinstance(sequence, bool)
        and _INTEGER.fullmatch(text(sequence)) is not None
    )
    return Reply(era, int(text(sequence)) if counted else ack + len(found), whole(body.get("offset")), found)


def read_events(
    position: Position, reply: Reply, *, session_id: str, at: Instant
) -> tuple[tuple[FromAgents, ...], Position]:
    """The events of a reply, and the position once all of them are stored.

    A message's key is its number in its era: the reply's sequence is the number of its last message (3.2). A reply of an earlier
    era, which arrived while the chat was reconnected, changes the chat's state but not its message numbers.
    """
    current = reply.era == position.era
    # Rules apply from the first event of a reply on: its effects are delivered before the last event is stored.
    # They come with ChatRequestSuccess, or in a message of their own (7).
    for _, message in reply.messages:
        if rules := read_rules(message.get("sensitiveDataRules")):
            position = replace(position, rules=rules)
    events: list[FromAgents] = []
    first = reply.before + 1
    # After a reconnection the two arrive in the wrong order (7, 13.5): with both in one reply, typing has stopped.
    stopped = reply.first("AgentNotTyping") is not None
    for index, (kind, message) in enumerate(reply.messages, start=first):
        if current and index <= position.ack:
            continue  # a message that was not acknowledged in time comes again (3.3)
        reading = Reading(position, session_id, f"{session_id}/{reply.era}/{index}", at)
        reader = _READERS.get("AgentNotTyping" if kind == "AgentTyping" and stopped else kind)
        if reader is not None:
            reader(reading, message)
        else:
            _log.info("unknown_message_type", session=session_id, type=_NOT_A_NAME.sub("?", kind)[:64])
        position = reading.position
        if current:
            # The offset is that of the whole reply: a reconnection repeats nothing before it.
            done = index == reply.sequence and reply.offset > 0
            position = replace(position, ack=index, offset=reply.offset if done else position.offset)
        events.extend(reading.finished(position))
    return tuple(events), position


_NOT_A_NAME = re.compile(r"[^A-Za-z0-9_]")


def _request_success(reading: Reading, message: Members) -> None:
    """The chat is queued, not accepted. The message states how long the session outlives the last poll (3.6)."""
    lives = whole(message.get("connectionTimeout")) / 1_000
    position = replace(reading.position, requested=True)
    reading.position = replace(position, session_seconds=lives) if lives > 0 else position
    place, wait = max(0, whole(message.get("queuePosition"))), _wait(message)
    if place or wait is not None:
        # The position includes the user. 0 means nothing: queues without positions always send it (7).
        reading.add(QueueMoved(**reading.origin(), place=place, wait_seconds=wait))


def _queue_update(reading: Reading, message: Members) -> None:
    """The number of users ahead: 0 for the next one (7)."""
    place = max(0, whole(message.get("position"))) + 1
    reading.add(QueueMoved(**reading.origin(), place=place, wait_seconds=_wait(message)))


def _wait(message: Members) -> int | None:
    seconds = message.get("estimatedWaitTime")
    return whole(seconds) if seconds == 0 or whole(seconds) > 0 else None  # -1: unknown (8)


def _request_fail(reading: Reading, message: Members) -> None:
    """No agent: immediately, after all have declined, or even in the middle of a chat. It always ends the chat."""
    reading.failed(_NOT_A_NAME.sub("", text(message.get("reason")))[:40] or "Unknown")


def _taken_over(reading: Reading, message: Members) -> None:
    """An agent accepted the chat, or took it over from an agent that has left. The user is told about both changes once.

    Idle times belong to the agent. The guide spells the member in two ways.
    """
    times = members(message.get("chasitorIdleTimeout")) or members(message.get("chasitorIdletimeout"))
    enforced = flag(times.get("isEnabled")) is True and 0 < whole(times.get("timeout")) <= _MAX_IDLE_SECONDS
    idle = Idle(whole(times.get("warningTime")), whole(times.get("timeout"))) if enforced else None
    reading.position = replace(reading.position, idle=idle)
    name = text(message.get("name"))
    subject = text(message.get("userId")) or text(message.get("agentId")) or name or "agent"
    _replaced(reading, Present(subject, name))


def _replaced(reading: Reading, agent: Present) -> None:
    host = reading.host
    if host is not None:
        # Some messages have only a name; then the name identifies the agent.
        name_only = host.subject == host.name or agent.subject == agent.name
        if host.subject == agent.subject or (name_only and host.name == agent.name):
            return
        reading.transfer_started()
        reading.left(host)
    reading.position = replace(reading.position, accepted=reading.position.accepted + 1)
    reading.joined(agent)


def _transfer_to_button(reading: Reading, _: Members) -> None:
    """The user waits in a queue again; the old agent has left."""
    reading.transfer_started()
    if reading.host is not None:
        reading.left(reading.host)


def _disconnected(reading: Reading, message: Members) -> None:
    """The agent's connection was lost. The chat continues: this agent may return, or another one takes over."""
    host = reading.host
    if host is None:
        return
    if all(agent.subject == host.subject for agent in reading.position.agents):
        reading.transfer_started()
    reading.left(host)
    reading.position = replace(reading.position, away=host)


def _message(reading: Reading, message: Members) -> None:
    name, subject = text(message.get("name")), text(message.get("agentId"))
    _return(reading, subject=subject, name=name)
    is_guest = any(agent.name == name for agent in reading.position.agents)
    if reading.position.era > 0 and reading.host is None and (subject or name) and not is_guest:
        # The message about their acceptance was lost with a server.
        reading.position = replace(reading.position, accepted=reading.position.accepted + 1)
        reading.joined(Present(subject or name, name))
    # Before an agent has accepted, a message can only be the button's greeting (7).
    reading.message(read_words(text(message.get("text"))), name, automated=not reading.position.agents)


def _return(reading: Reading, *, subject: str, name: str) -> None:
    """An agent whose connection was lost writes again."""
    away = reading.position.away
    if away is not None and reading.host is None and (subject == away.subject or name == away.name):
        reading.joined(away)


def _conference_joined(reading: Reading, message: Members) -> None:
    if name := text(message.get("name")):
        reading.joined(Present(_guest(message), name, guest=True))


def _conference_left(reading: Reading, message: Members) -> None:
    subject = _guest(message)
    for agent in reading.position.agents:
        if agent.guest and subject == agent.subject:
            reading.left(agent)
            return


def _file_transfer(reading: Reading, message: Members) -> None:
    """An agent asks for one file or withdraws the request, or the server reports the outcome of an upload (2.21)."""
    match text(message.get("type")):
        case "Requested":
            url, token = text(message.get("uploadServletUrl")), text(message.get("fileToken"))
            if url and token:
                reading.add(FileRequested(**reading.origin(), request=FileRequest(url, token).written()))
        case "Canceled":
            reading.add(FileRequested(**reading.origin(), request=""))
        case "Success" | "Failure" as outcome:
            reading.add(FileArrived(**reading.origin(), accepted=outcome == "Success"))


def _custom_event(reading: Reading, message: Members) -> None:
    """Both members are texts; the second holds structures as JSON (2.8)."""
    kind, data = text(message.get("type")), text(message.get("data"))
    if kind and len(data) <= _MAX_CUSTOM_EVENT:
        name = kind[:_MAX_CUSTOM_EVENT_NAME]
        reading.add(AgentCustomEvent(**reading.origin(), name=name, data=data))


def _rich(reading: Reading, message: Members) -> None:
    """A bot's menu or buttons. They are undocumented, but shown if they arrive (7)."""
    titles = tuple(Option(title) for item in items(message.get("items")) if (title := text(item.get("text"))))
    if titles or text(message.get("text")):
        reading.message(Content(text(message.get("text")), titles), text(message.get("name")), automated=True)


def _session_data(reading: Reading, message: Members) -> None:
    """The first message after a reconnection: the only source of the messages in between."""
    lines = read_session_data(message)
    position = reading.position
    transfers = [line.number for line in lines if line.kind == TRANSFERRED]
    known = transfers[: max(0, position.accepted - 1)]
    for line in unseen(lines, read=position.digests, count=position.messages_read):
        reading.begin_part(f"s{line.number}")
        if line.kind == TRANSFERRED and line.name:
            if line.number not in known:
                _replaced(reading, Present(line.name, line.name))
        elif line.kind == AGENT and line.text:
            _return(reading, subject="", name=line.name)
            if reading.host is None and line.name:
                # The message about their acceptance was lost with the old server.
                reading.joined(Present(line.name, line.name))
            reading.message(read_words(line.text), line.name)
    if reading.host is not None:
        accepted = max(reading.position.accepted, 1 + len(transfers))
        reading.position = replace(reading.position, accepted=accepted)


def _guest(message: Members) -> str:
    return f"conference:{text(message.get('userId')) or text(message.get('agentId')) or text(message.get('name'))}"


_READERS: Mapping[str, Callable[[Reading, Members], None]] = {
    "ChatRequestSuccess": _request_success,
    "ChatRequestFail": _request_fail,
    "QueueUpdate": _queue_update,
    "ChatEstablished": _taken_over,
    "ChatMessage": _message,
    "AgentTyping": lambda reading, _: reading.add(AgentTyping(**reading.origin(), started=True)),
    "AgentNotTyping": lambda reading, _: reading.add(AgentTyping(**reading.origin(), started=False)),
    "ChatTransferred": _taken_over,
    "TransferToButtonInitiated": _transfer_to_button,
    "AgentDisconnect": _disconnected,
    "AgentJoinedConference": _conference_joined,
    "AgentLeftConference": _conference_left,
    "ChatEnded": lambda reading, _: reading.ended(),
    "CustomEvent": _custom_event,
    "NewVisitorBreadcrumb": lambda _, __: None,  # only the position changes
    "FileTransfer": _file_transfer,
    "ChasitorSessionData": _session_data,
    "SensitiveDataRules": lambda _, __: None,  # only the position changes
    "RichMessage": _rich,
    "SwitchServer": lambda _, __: None,  # only the position changes
}
