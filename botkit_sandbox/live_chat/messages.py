"""The messages of System/Messages: the payload of each type, as captures of the real service show it.

See docs/protocols/salesforce-live-chat.md, 7.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from typing import Any

from botkit_sandbox.live_chat.settings import (
    SINCE_IDLE_TIMEOUTS,
    SINCE_WAITS,
    Button,
    LiveChatSandboxSettings,
    SensitiveDataRule,
    offers,
)
from botkit_sandbox.live_chat.state import Chat, FileRequest
from botkit_sandbox.salesforce.state import Agent

Message = dict[str, Any]

# An invented location, in the shape of the real data.
_GEO_LOCATION = {
    "organization": "Sandbox Networks",
    "countryName": "Utopia",
    "countryCode": "XU",
    "latitude": 0.0,
    "longitude": 0.0,
}


def request_success(
    chat: Chat, settings: LiveChatSandboxSettings, *, position: int, wait_seconds: int
) -> Message:
    """ChatRequestSuccess: the chat is requested, but no agent has accepted yet."""
    said: Message = {
        "connectionTimeout": int(settings.connection_timeout_seconds * 1000),
        "sensitiveDataRules": [],
        "transcriptSaveEnabled": settings.transcript_save_enabled,
        "url": "",
        "oref": "",
        "customDetails": [],
        "visitorId": chat.id,
    }
    if settings.rules_sent_in == "ChatRequestSuccess":
        said["sensitiveDataRules"] = rules(settings.sensitive_data_rules)
    if chat.queue_updates:
        said |= {"queuePosition": position} | _wait(chat, settings, wait_seconds)
    return said | place(settings)


def place(settings: LiveChatSandboxSettings) -> Message:
    """The part of ChatRequestSuccess and ChasitorSessionData about the page and the visitor's network."""
    said: Message = {}
    if settings.geo_location:
        said["geoLocation"] = dict(_GEO_LOCATION)
    if settings.post_chat_url:
        said["postChatUrl"] = settings.post_chat_url
    return said


def rules(of: Iterable[SensitiveDataRule]) -> list[Message]:
    """Sensitive-data rules, which the client has to apply."""
    return [
        {
            "id": rule.id,
            "name": rule.name,
            "pattern": rule.pattern,
            "replacement": rule.replacement,
            "actionType": rule.action,
        }
        for rule in of
    ]


def request_fail(reason: str, settings: LiveChatSandboxSettings) -> Message:
    """ChatRequestFail."""
    said: Message = {"reason": reason}
    if settings.payload_fields == "captured":
        said["attachedRecords"] = []
    return said | ({"postChatUrl": settings.post_chat_url} if settings.post_chat_url else {})


def queue_update(
    chat: Chat, settings: LiveChatSandboxSettings, *, position: int, wait_seconds: int
) -> Message:
    """QueueUpdate; position 0 is the next visitor to be served."""
    return {"position": position} | _wait(chat, settings, wait_seconds)


def has_agent(chat: Chat, agent: Agent, settings: LiveChatSandboxSettings, *, established: bool) -> Message:
    """ChatEstablished, or ChatTransferred, which has no `items`."""
    said: Message = {"name": agent.name, "userId": agent.id, "sneakPeekEnabled": settings.sneak_peek}
    if offers(settings, chat.api_version, since=SINCE_IDLE_TIMEOUTS):
        idle: Message = {"isEnabled": settings.idle_timeout_seconds is not None}
        if settings.idle_timeout_seconds is not None:
            idle |= {"warningTime": settings.idle_warning_seconds, "timeout": settings.idle_timeout_seconds}
        said[settings.idle_key] = idle
    return said | ({"items": []} if established else {})


def agent_text(text: str, settings: LiveChatSandboxSettings) -> str:
    """An agent's text as the visitor receives it."""
    if settings.agent_text == "plain":
        return text
    escaped = html.escape(text)
    if settings.agent_text == "entities":
        return escaped
    return "<p>" + escaped.replace("\n", "<br>") + "</p>"


def chat_message(agent: Agent, text: str, settings: LiveChatSandboxSettings) -> Message:
    """ChatMessage of an agent."""
    said: Message = {"text": text, "name": agent.name}
    if settings.payload_fields == "captured":
        said |= {"schedule": {"responseDelayMilliseconds": 0.0}, "agentId": agent.id}
    return said


def typing(agent: Agent, settings: LiveChatSandboxSettings) -> Message:
    """AgentTyping and AgentNotTyping; the agent's id is a UUID here, as captured."""
    return {} if settings.typing_payload == "empty" else {"name": agent.name, "agentId": agent.client_id}


def button_transfer(button: Button, settings: LiveChatSandboxSettings) -> Message:
    """TransferToButtonInitiated, whose payload is not documented or captured."""
    return {} if settings.transfer_payload == "empty" else {"buttonId": button.id, "name": button.name}


def conference(agent: Agent, settings: LiveChatSandboxSettings) -> Message:
    """AgentJoinedConference and AgentLeftConference."""
    if settings.conference_payload == "empty":
        return {}
    return {"name": agent.name} | ({"agentId": agent.id} if settings.conference_payload == "agent" else {})


def ended(chat: Chat, reason: str, settings: LiveChatSandboxSettings) -> Message:
    """ChatEnded."""
    records: list[Any] = []
    if settings.attached_records == "fields":
        records = [
            {"fieldName": record["savedTo"] or record["entityName"], "fieldValue": record["id"]}
            for record in chat.records
        ]
    elif settings.attached_records == "ids":
        records = [record["id"] for record in chat.records]
    return {"attachedRecords": records, "reason": reason}


def file_transfer(kind: str, request: FileRequest | None = None, *, servlet: str = "") -> Message:
    """FileTransfer: Requested, Canceled, Success or Failure."""
    if request is None:
        return {"type": kind}
    return {
        "type": kind,
        "uploadServletUrl": f"{servlet}/upload",
        "cdmServletUrl": f"{servlet}/cdm",
        "fileToken": request.token,
    }


def session_data(chat: Chat | None, settings: LiveChatSandboxSettings, *, position: int) -> Message:
    """ChasitorSessionData: the chat so far, after a reconnect."""
    history: list[Mapping[str, Any]] = list(chat.history) if chat is not None else []
    said: Message = {"queuePosition": position, "url": "", "oref": "", "postChatUrl": settings.post_chat_url}
    said |= place(settings)
    return said | {"sneakPeekEnabled": settings.sneak_peek, "chatMessages": history}


def _wait(chat: Chat, settings: LiveChatSandboxSettings, seconds: int) -> Message:
    waits = offers(settings, chat.api_version, since=SINCE_WAITS)
    return {"estimatedWaitTime": seconds} if waits else {}
