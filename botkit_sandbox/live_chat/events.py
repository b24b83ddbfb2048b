"""What the organisation records about a chat: the types of LiveChatTranscriptEvent (protocol section 9)."""

from __future__ import annotations

from typing import Literal

TranscriptEvent = Literal[
    "ChatRequest",
    "Enqueue",
    "PushAssignment",
    "ChoiceRoute",
    "Accept",
    "DeclineManual",
    "DeclineTimeout",
    "CancelNoAgent",
    "CancelNoQueue",
    "CancelVisitor",
    "CancelBlocked",
    "AgentBlocked",
    "TransferRequest",
    "Transfer",
    "TransferCancelled",
    "ChatResumedAfterTransfer",
    "LeaveAgent",
    "LeaveVisitor",
    "EndAgent",
    "EndVisitor",
    "ChasitorIdleTimeout",
    "ChasitorIdleTimeoutWarningTriggered",
    "ChasitorIdleTimeoutWarningCleared",
    "AlertCriticalWaitChat",
    "Other",
]


def failed(reason: str, *, with_agent: bool, queue_full: bool) -> TranscriptEvent:
    """What a ChatRequestFail is recorded as."""
    if reason == "Blocked":
        return "AgentBlocked" if with_agent else "CancelBlocked"
    if reason != "Unavailable":
        return "Other"
    return "CancelNoQueue" if queue_full else "CancelNoAgent"


def ended_by_visitor(reason: str | None, *, waiting: bool) -> TranscriptEvent:
    """What a visitor's ChatEnd is recorded as; the front end of the vendor says `clientIdleTimeout` (2.9)."""
    if reason == "clientIdleTimeout":
        return "ChasitorIdleTimeout"
    return "CancelVisitor" if waiting else "EndVisitor"
