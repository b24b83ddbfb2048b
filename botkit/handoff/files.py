"""Rules for files a user sends while an agent is there, and for an agent who asks for one."""

from __future__ import annotations

from dataclasses import replace

from botkit.handoff.conversation import AgentSession, Conversation
from botkit.handoff.decision import Decision, keep, limits, message_id, tell
from botkit.handoff.effects import Effect, SendFile
from botkit.handoff.events import Attachment, FileArrived, FileRefused, FileRequested, UserMessage
from botkit.handoff.rules import Rules


def requested(
    rules: Rules, conversation: Conversation, session: AgentSession, event: FileRequested
) -> Decision:
    """The user is asked for the file; taking the request back is silent."""
    session = replace(session, file_request=event.request)
    told = tell(rules, session, "fileRequestedMessage", agent=session.last_agent) if event.request else []
    return keep(conversation, session, *told)


def arrived(rules: Rules, conversation: Conversation, session: AgentSession, event: FileArrived) -> Decision:
    """A file the agents' side did not take is said to the user."""
    told = [] if event.accepted else tell(rules, session, "fileFailedMessage")
    return keep(conversation, session, *told)


def refused(rules: Rules, conversation: Conversation, session: AgentSession, event: FileRefused) -> Decision:
    """The file could not be fetched from the platform or given to the agents' side."""
    return keep(conversation, session, *tell(rules, session, "fileFailedMessage"))


def taken(
    rules: Rules, session: AgentSession, event: UserMessage
) -> tuple[AgentSession, list[Effect], tuple[Attachment, ...]]:
    """Files the agent system takes as files; the rest is for the text, as names and addresses."""
    how = limits(rules, session).files
    if session.access is None or how == "none" or (how == "on_request" and not session.file_request):
        return session, [], event.attachments
    files = event.attachments[:1] if how == "on_request" else event.attachments
    sends: list[Effect] = [
        SendFile(
            session.id,
            session.system,
            session.access,
            message_id(session.id, "file", event.key or event.at, index),
            attachment.name,
            attachment.url,
            session.file_request,
        )
        for index, attachment in enumerate(files)
    ]
    if files:
        session = replace(session, file_request="")
    return session, sends, event.attachments[len(files) :]
