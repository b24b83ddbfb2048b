"""Rules for files: those a user sends to an agent, and those an agent asks for.

Where a system takes files on request, one request is good for one file (docs/protocols/salesforce-live-chat.md, 2.21). It stays
open until a file arrived or was refused; a file lost on the way does not use it up.
"""

from __future__ import annotations

import json

from msgspec.structs import replace

from botkit.handoff.conversation import AgentSession, Conversation, HeldMessage
from botkit.handoff.decision import Decision, message_id, tell, with_session, without
from botkit.handoff.effects import CallWithHook, Effect, SendFile
from botkit.handoff.events import Attachment, FileArrived, FileRefused, FileRequested, UserMessage
from botkit.handoff.rules import Rules


def requested(
    rules: Rules, conversation: Conversation, session: AgentSession, event: FileRequested
) -> Decision:
    """Ask the user for the file. A withdrawn request is silent."""
    session = replace(session, file_request=event.request, file_upload="")
    return with_session(conversation, session, *(_ask(rules, session) if event.request else ()))


def arrived(rules: Rules, conversation: Conversation, session: AgentSession, event: FileArrived) -> Decision:
    """Tell the user of a file that was not accepted. An accepted one counts as delivered, even if its reply was lost."""
    if not event.accepted:
        return with_session(conversation, session, *tell(rules, session, "fileFailedMessage"))
    rest = without(session.in_flight, session.file_upload)
    return with_session(conversation, replace(delivered(session, session.file_upload), in_flight=rest))


def refused(rules: Rules, conversation: Conversation, session: AgentSession, event: FileRefused) -> Decision:
    """Tell the user that the file was not delivered, and ask again if the agent still waits for one."""
    rest = without(session.in_flight, event.message_id)
    if len(rest) == len(session.in_flight):
        return Decision(conversation)  # The agents' side has reported its arrival.
    told = tell(rules, session, "fileFailedMessage")
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
    """The attachments to send as files; the others go into the text, as names and addresses."""
    if session.access is None:
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
    """Send the files, after the text that came with them."""
    if session.access is None or not files:
        return session, []
    ids = [message_id(session.id, "file", event.key or event.at, index) for index in range(len(files))]
    in_flight = tuple(HeldMessage(one, named(file)) for one, file in zip(ids, files, strict=True))
    sends: list[Effect] = [
        SendFile(session.id, session.system, session.access, one, file.name, file.url, session.file_request)
        for one, file in zip(ids, files, strict=True)
    ]
    upload = ids[0] if rules.capabilities(session.system).files == "on_request" else ""
    return replace(session, file_upload=upload, in_flight=(*session.in_flight, *in_flight)), sends


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


def _ask(rules: Rules, session: AgentSession) -> list[Effect]:
    return tell(rules, session, "fileRequestedMessage", agent=session.last_agent)
