"""The decoded `entryPayload` of every event, without the `entryType` and `id` all of them have.

See docs/protocols/salesforce-miaw.md, 4.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from botkit_sandbox.salesforce.state import Agent, Conversation, OwnerType, Sender, Session

Payload = dict[str, Any]
RoutingType = Literal["Initial", "Transfer", "Conference"]
WorkType = Literal["Assigned", "Accepted", "Cancelled", "Closed", "Declined", "TransferError", "Transferred"]


def message(abstract_message: Payload, *, reason: str | None = None) -> Payload:
    """`reason` is None, ``AutomatedResponse`` or ``Consent``."""
    return {"abstractMessage": abstract_message, "messageReason": reason}


def routing_result(
    session: Session,
    *,
    routing_type: RoutingType,
    queue_id: str,
    agent: Agent | None = None,
    failure_type: str = "None",
    failure_reason: str | None = None,
    wait_seconds: int = -1,
) -> Payload:
    """The target of routing (a queue or one agent), or the reason of its failure."""
    to = (
        {"routingConfigurationType": "AgentRoutingType", "agentId": agent.id}
        if agent
        else {"routingConfigurationType": "QueueRoutingType", "queueId": queue_id}
    )
    return {
        "routingType": routing_type,
        "failureType": failure_type,
        "failureReason": failure_reason,
        "errorMessages": [failure_reason] if failure_reason else [],
        "recordId": session.id,
        "pendingServiceRoutingId": session.pending_routing_id,
        "estimatedWaitTime": {
            "estimatedWaitTimeInSeconds": wait_seconds,
            "isEWTRequested": wait_seconds >= 0,
        },
        "routingConfigurationDetails": to,
        "isExternallyRouted": False,
        "cancelReason": None,
        "initiator": None,
        "workOwnerId": None,
        "skipRouterCPRemovalIfNoRoutingFailures": False,
    }


def work_result(
    conversation: Conversation, *, work_type: WorkType, work_id: str, queue_id: str, agent: Agent
) -> Payload:
    """The state of a work item that was pushed to an agent."""
    return {
        "conversationId": conversation.id,
        "workId": work_id,
        "workTargetId": conversation.session.id,
        "workType": work_type,
        "routingType": "Transfer" if conversation.transferring else "Initial",
        "queueId": queue_id,
        "agentSessionId": agent.id,
        "agentGroupIds": [],
        "botId": None,
        "errorMessages": [],
    }


def session_owner(session: Session, *, previous: OwnerType, owner: OwnerType, owner_id: str) -> Payload:
    """The messaging session has another owner: a queue, an agent or a chatbot."""
    return {
        "sessionId": session.id,
        "sessionStatus": session.status,
        "prevOwnerType": previous,
        "newOwnerType": owner,
        "newOwnerId": owner_id,
    }


def participant(operation: Literal["add", "remove"], who: Sender, name: str) -> Payload:
    """A participant joined or left."""
    return {
        "entries": [
            {"operation": operation, "menuMetadata": None, "displayName": name, "participant": who.as_json()}
        ]
    }


def session_status(
    conversation: Conversation, session: Session, *, channel: str, previous: str, ended_by: str | None
) -> Payload:
    """The messaging session changed its status."""
    return {
        "conversationIdentifier": conversation.id,
        "channelAddressIdentifier": channel,
        "sessionId": session.id,
        "sessionStatus": session.status,
        "sessionStatusPrev": previous,
        "sessionStartTime": session.started_ms,
        "sessionEndTime": session.ended_ms,
        "sessionEndedByRole": ended_by,
    }


def queue_position(session: Session, *, position: int, work_id: str) -> Payload:
    """The user's position in the queue; 1 is the next to be served."""
    return {
        "position": position,
        "workItemId": work_id,
        "pendingServiceRoutingId": session.pending_routing_id,
    }


def receipt(entry_id: str, *, at_ms: int, recipient: Sender) -> Payload:
    """An agent's client received or showed the user's message."""
    return {
        "acknowledgedConversationEntryIdentifier": entry_id,
        "acknowledgementTimestamp": at_ms,
        "recipient": recipient.as_json(),
    }


def opted_out(subject: str) -> Payload:
    """The user sent an opt-out keyword."""
    return {"consentStatus": "OptOut", "endUserSubject": subject, "isEndUserInitiated": True}


def progress(text: str, *, at_ms: int) -> Payload:
    """A progress message of an AI agent."""
    return {
        "progressIndicator": {
            "indicatorType": "ProgressUpdateIndicator",
            "timestamp": at_ms,
            "progressMessage": {"formatType": "Text", "text": text},
        }
    }


def streaming_tokens(texts: Sequence[str], *, target_message_id: str, at_ms: int) -> list[Payload]:
    """The parts of an AI agent's streamed answer, one payload each, and the verdict that the whole of it is valid."""

    def token(number: int, kind: str, **more: Payload) -> Payload:
        return {
            "streamingToken": {
                "tokenType": kind,
                "sequenceNumber": number,
                "timestamp": at_ms,
                "targetMessageIdentifier": target_message_id,
                "batchNumber": 0,
                "turnId": target_message_id,
                **more,
            }
        }

    parts = [
        token(number, "MessageStreamingToken", token={"formatType": "Text", "text": text})
        for number, text in enumerate(texts, start=1)
    ]
    return [*parts, token(len(parts) + 1, "StreamingTokenValidation", result={"valid": True})]
