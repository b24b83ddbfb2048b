"""Rules for files a user sends while an agent is there, and for an agent who asks for one.

Where files are taken on request, one request is good for one file (protocols/salesforce-live-chat.md, 2.21). It stays open until
a file has arrived, or the agents' side has refused one: a file that got lost on the way does not use it up.
"""

from __future__ import annotations

from msgspec.structs import replace

from botkit.handoff.conversation import AgentSession, Conversation, HeldMessage
from botkit.handoff.decision import Decision, keep, message_id, tell
from botkit.handoff.effects import Effect, SendFile
from botkit.handoff.events import Attachment, FileArrived, FileRefused, FileRequested, UserMessage
from botkit.handoff.rules import Rules


def requested(
    rules: Rules, conversation: Conversation, session: AgentSession, event: FileRequested
) -> Decision:
    """The user is asked for the file; taking the request back is silent."""
    session = replace(session, file_request=event.request, file_upload="")
    return keep(conversation, session, *(_asked(rules, session) if event.request else ()))


def arrived(rules: Rules, conversation: Conversation, session: AgentSession, event: FileArrived) -> Decision:
    """A file the agents' side did not take is said to the user. One that it has counts as delivered, whatever we heard."""
    if not event.accepted:
        return keep(conversation, session, *tell(rules, session, "fileFailedMessage"))
    rest = tuple(held for held in session.in_flight if held.message_id != session.file_upload)
    return keep(conversation, replace(delivered(session, session.file_upload), in_flight=rest))


def refused(rules: Rules, conversation: Conversation, session: AgentSession, event: FileRefused) -> Decision:
    """The file did not get through. The user is told, and asked again where the agent still waits for one."""
    rest = tuple(held for held in session.in_flight if held.message_id != event.message_id)
    if len(rest) == len(session.in_flight):
        return Decision(conversation)  # The agents' side has said that it arrived after all.
    told = tell(rules, session, "fileFailedMessage")
    if event.message_id == session.file_upload:
        session = replace(session, file_upload="", file_request="" if event.spent else session.file_request)
        told += _asked(rules, session) if session.file_request else []
    return keep(conversation, replace(session, in_flight=rest), *told)


def delivered(session: AgentSession, message_id: str) -> AgentSession:
    """The agents' side has what was sent; if that was the file an agent had asked for, the request is done with."""
    if message_id and message_id == session.file_upload:
        return replace(session, file_request="", file_upload="")
    return session


def as_files(rules: Rules, session: AgentSession, event: UserMessage) -> tuple[Attachment, ...]:
    """Those the agent system takes as files now; the rest is for the text, as names and addresses."""
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
    """Send them on their way, after what the user wrote with them."""
    if session.access is None or not files:
        return session, []
    ids = [message_id(session.id, "file", event.key or event.at, index) for index in range(len(files))]
    under_way = tuple(HeldMessage(one, named(file)) for one, file in zip(ids, files, strict=True))
    sends: list[Effect] = [
        SendFile(session.id, session.system, session.access, one, file.name, file.url, session.file_request)
        for one, file in zip(ids, files, strict=True)
    ]
    upload = ids[0] if rules.capabilities(session.system).files == "on_request" else ""
    return replace(session, file_upload=upload, in_flight=(*session.in_flight, *under_way)), sends


def named(file: Attachment) -> str:
    """A file in words: all there is of it where only text is taken."""
    return f"{file.name}: {file.url}"


def _asked(rules: Rules, session: AgentSession) -> list[Effect]:
    return tell(rules, session, "fileRequestedMessage", agent=session.last_agent)
