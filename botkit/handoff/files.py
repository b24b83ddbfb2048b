"""Rules for files: those a user sends to an agent, and those an agent asks for.

Where a system takes files on request, one request is good for one file (docs/protocols/salesforce-live-chat.md, 2.21). It stays
open until a file arrived or was refused; a file lost on the way does not use it up.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from msgspec.structs import replace

from botkit.handoff.conversation import AgentSession, Conversation, FileLimits, HeldMessage
from botkit.handoff.decision import Decision, message_id, say, tell, with_session, without
from botkit.handoff.effects import CallWithHook, Effect, SendFile
from botkit.handoff.events import Attachment, FileArrived, FileRefused, FileRequested, UserMessage
from botkit.handoff.rules import Rules
from botkit.handoff.text import cut
from botkit.handoff.translations.file_reasons import NO_FILES, TOO_LARGE, TRANSFER, TYPE

_MAX_NAMES = 500
_SAME_TYPE = {"jpeg": "jpg", "tif": "tiff", "htm": "html"}
"""Extensions of one type. A channel lists one of them, and may mean both."""


def requested(
    rules: Rules, conversation: Conversation, session: AgentSession, event: FileRequested
) -> Decision:
    """Ask the user for the file. A withdrawn request is silent."""
    session = replace(session, file_request=event.request, file_upload="")
    return with_session(conversation, session, *(_ask(rules, session) if event.request else ()))


def arrived(rules: Rules, conversation: Conversation, session: AgentSession, event: FileArrived) -> Decision:
    """Tell the user of a file that was not accepted. An accepted one counts as delivered, even if its reply was lost."""
    if not event.accepted:
        sent = [held for held in session.in_flight if held.message_id == session.file_upload]
        told = not_delivered(rules, session, [name_of(held) for held in sent], TRANSFER)
        return with_session(conversation, session, *(told or tell(rules, session, "fileFailedMessage")))
    rest = without(session.in_flight, session.file_upload)
    return with_session(conversation, replace(delivered(session, session.file_upload), in_flight=rest))


def refused(rules: Rules, conversation: Conversation, session: AgentSession, event: FileRefused) -> Decision:
    """Tell the user that the file was not delivered, and ask again if the agent still waits for one."""
    rest = without(session.in_flight, event.message_id)
    if len(rest) == len(session.in_flight):
        return Decision(conversation)  # The agents' side has reported its arrival.
    names = [name_of(held) for held in session.in_flight if held.message_id == event.message_id]
    told = not_delivered(rules, session, names, event.reason)
    if event.message_id == session.file_upload:
        session = replace(session, file_upload="", file_request="" if event.spent else session.file_request)
        told += _ask(rules, session) if session.file_request else []
    return with_session(conversation, replace(session, in_flight=rest), *told)


def delivered(session: AgentSession, message_id: str) -> AgentSession:
    """The agents' side has this message. If it was the requested file, the request is done."""
    if message_id and message_id == session.file_upload:
        return replace(session, file_request="", file_upload="")
    return session


def as_files(rules: Rules, session: AgentSession, event: UserMessage) -> tuple[Attachment, ...]:
    """The attachments to send as files; the others go into the text, by name (`for_agent`)."""
    if session.access is None or not _limits(session).allowed:
        return ()
    match rules.capabilities(session.system).files:
        case "always":
            return event.attachments
        case "on_request" if session.file_request and not session.file_upload:
            return event.attachments[:1]
        case _:
            return ()


def send(
    rules: Rules, session: AgentSession, event: UserMessage, files: tuple[Attachment, ...]
) -> tuple[AgentSession, list[Effect]]:
    """Send the files, after the text that came with them. First the user is told which of them the agents' side will not take."""
    if session.access is None or not files:
        return session, []
    refusals = [_refusal(rules, session, file) for file in files]
    told: list[Effect] = []
    for reason in (TOO_LARGE, TYPE):
        names = [file.name for file, refusal in zip(files, refusals, strict=True) if refusal == reason]
        told += not_delivered(rules, session, names, reason)
    good = [
        (message_id(session.id, "file", event.key or event.at, index), file)
        for index, file in enumerate(files)
        if not refusals[index]
    ]
    in_flight = tuple(HeldMessage(one, named(file)) for one, file in good)
    request, stated = session.file_request, _limits(session).max_bytes
    sends: list[Effect] = [
        SendFile(session.id, session.system, session.access, one, file.name, file.url, request, stated)
        for one, file in good
    ]
    upload = good[0][0] if good and rules.capabilities(session.system).files == "on_request" else ""
    session = replace(session, file_upload=upload, in_flight=(*session.in_flight, *in_flight))
    return session, [*told, *sends]


def not_delivered(rules: Rules, session: AgentSession, names: Sequence[str], reason: str) -> list[Effect]:
    """Tell the user which files did not reach the agents, and why."""
    return say_not_delivered(rules, session.language, names, reason, _limit(rules, session))


def say_not_delivered(
    rules: Rules, language: str, names: Sequence[str], reason: str, max_bytes: int = 0
) -> list[Effect]:
    """As `not_delivered`, in this language. A bot's own `fileFailedMessage`, which names no file, wins over the built-in text."""
    if not names:
        return []
    responses = rules.responses
    new = responses.is_own("fileNotDeliveredMessage", language)
    key = (
        "fileNotDeliveredMessage"
        if new or not responses.is_own("fileFailedMessage", language)
        else "fileFailedMessage"
    )
    why = responses.file_reason(reason, language, megabytes=max_bytes / 1024 / 1024)
    return say(responses.text(key, language, file=cut(", ".join(names), _MAX_NAMES), reason=why))


def _refusal(rules: Rules, session: AgentSession, file: Attachment) -> str:
    """Why the agents' side will refuse this file; empty if it may take it. What it does not state is left to its answer."""
    if file.size > _limit(rules, session):
        return TOO_LARGE
    types = {_SAME_TYPE.get(one, one) for one in _limits(session).types}
    extension = file.name.rpartition(".")[2].casefold() if "." in file.name else ""
    return TYPE if types and _SAME_TYPE.get(extension, extension) not in types else ""


def _limits(session: AgentSession) -> FileLimits:
    return session.file_limits or FileLimits()


def _limit(rules: Rules, session: AgentSession) -> int:
    most = rules.capabilities(session.system).max_file_bytes
    stated = _limits(session).max_bytes
    return min(most, stated) if stated else most


def name_of(held: HeldMessage) -> str:
    """The name in `named`; an address has no blanks."""
    return held.text.rpartition(": ")[0]


def to_bot(rules: Rules, event: UserMessage) -> tuple[Effect, ...]:
    """Files alone as words for the bot, if that is configured: an empty message stalls dialogs. Empty otherwise."""
    if rules.file_message is None or event.text is not None or not event.attachments:
        return ()
    words = "\n".join(
        rules.file_message.replace("{url}", file.url).replace("{name}", file.name)
        for file in event.attachments
    )
    return (CallWithHook("send_bot_message", json.dumps({"message": words})),)


def named(file: Attachment) -> str:
    """A file as text, for systems that take only text."""
    return f"{file.name}: {file.url}"


def for_agent(rules: Rules, file: Attachment) -> str:
    """A file as text for an agent: without an address that would answer 401."""
    return f"[{file.name}]" if rules.needs_login(file.url) else named(file)


def say_closed(rules: Rules, session: AgentSession, files: Sequence[Attachment]) -> list[Effect]:
    """Tell the user which of the files that go as text an agent cannot open."""
    closed = [file.name for file in files if rules.needs_login(file.url)]
    return not_delivered(rules, session, closed, NO_FILES)


def without_address(rules: Rules, held: HeldMessage) -> tuple[HeldMessage, str]:
    """A message for another agent system: a file that agents cannot open becomes its name, which is returned too."""
    name, _, url = held.text.rpartition(": ")
    if not name or "\n" in name or not rules.needs_login(url):
        return held, ""
    return replace(held, text=f"[{name}]"), name


def _ask(rules: Rules, session: AgentSession) -> list[Effect]:
    return tell(rules, session, "fileRequestedMessage", agent=session.last_agent)
