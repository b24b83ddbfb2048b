"""How the emulated Live Chat deployment is set up; every field from `client_poll_timeout` on is a switch.

docs/protocols/salesforce-live-chat.md grades the evidence for each behaviour. Where it is weak ([C]), a switch lets a test try
the other behaviour. docs/sandbox-live-chat.md lists the switches with their evidence.

Numbers in parentheses are sections of docs/protocols/salesforce-live-chat.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from botkit_sandbox.live_chat.faults import FailReason
from botkit_sandbox.salesforce.settings import AGENTS, ORGANIZATION_ID
from botkit_sandbox.switches import check

Seconds = Annotated[float, Meta(ge=0, le=86_400)]
WholeSeconds = Annotated[int, Meta(ge=0, le=86_400)]
Count = Annotated[int, Meta(ge=0)]
AtLeastOne = Annotated[int, Meta(ge=1)]

DEPLOYMENT_ID = "572SB0000000001"
BUTTON_ID = "573SB0000000001"
SECOND_BUTTON_ID = "573SB0000000002"


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """A chat button, which stands for a queue of agents. `agents` are names; empty: all agents."""

    id: str
    name: str
    agents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SensitiveDataRule:
    """A rule that the client has to apply to the texts of its user (7, ChatRequestSuccess)."""

    id: str
    name: str
    pattern: str
    replacement: str = ""
    action: Literal["Replace", "Remove"] = "Replace"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveChatSandboxSettings:
    """The deployment, its buttons and agents, and its switches."""

    organization_id: str = ORGANIZATION_ID
    deployment_id: str = DEPLOYMENT_ID
    buttons: tuple[Button, ...] = (
        Button(id=BUTTON_ID, name="Support"),
        Button(id=SECOND_BUTTON_ID, name="Billing"),
    )
    agents: tuple[str, ...] = AGENTS
    """Used only without an organisation."""
    sensitive_data_rules: tuple[SensitiveDataRule, ...] = ()

    # sessions (1, 2.1 to 2.3)
    client_poll_timeout: AtLeastOne = 40
    poll_timeout_as_text: bool = False
    init_timeout_seconds: Seconds = 60
    connection_timeout_seconds: Seconds = 150
    poll_pause_seconds: Seconds | None = None
    posts_keep_alive: bool = False
    wrong_affinity: Literal[403, 503] = 403
    check_session_id: bool = True
    wrong_target: Literal["fail", "refuse"] = "fail"
    wrong_target_reason: FailReason = "NoPost"
    init_again: Literal[409, 200] = 409
    max_sessions: AtLeastOne = 11_000
    version_gates: bool = True
    # answers (2, 5)
    post_status: Literal[200, 202] = 200
    post_body: Literal["OK", "empty"] = "OK"
    end_reply: Literal["OK", "records"] = "OK"
    delete_status: Literal[200, 202, 204] = 200
    error_body: Literal["text", "json"] = "text"
    unreadable_number: Literal[400, 500] = 400
    # polling and sequence numbers (3)
    poll_hold_seconds: Seconds = 29
    duplicate_poll: Literal["refuse", "end"] = "refuse"
    replay: Literal["unacknowledged", "everything", "nothing"] = "unacknowledged"
    without_ack: Literal["all", "none", "refuse"] = "all"
    ack_ahead: Literal["clamp", "refuse"] = "clamp"
    check_sequence: bool = True
    sequence_required: bool = False
    sequence_slack: Count = 1
    same_sequence: Literal["duplicate", "refuse"] = "duplicate"
    poll_after_client_end: Literal["deliver", "hang"] = "deliver"
    # recovery (2.11 to 2.13, 3.9)
    reconnect_without_503: Literal[405, 403, 200] = 405
    reconnect_by_post: bool = True
    reset_sequence_said: bool = True
    token_beside_message: bool = False
    reconnect_sequence: Literal["fresh", "continue"] = "fresh"
    carry_pending: bool = True
    carry_chat_messages: bool = False
    resync_required: bool = False
    # what visitors send (2.5 to 2.14, 4)
    strict_before_established: bool = False
    strict_prechat: bool = False
    end_needs_reason: bool = True
    text_max_length: AtLeastOne | None = None
    # what visitors receive (7)
    queue_positions: bool = True
    sneak_peek: bool = False
    idle_timeout_seconds: WholeSeconds | None = None
    idle_warning_seconds: WholeSeconds = 30
    idle_key: Literal["chasitorIdleTimeout", "chasitorIdletimeout"] = "chasitorIdleTimeout"
    agent_text: Literal["plain", "entities", "markup"] = "plain"
    payload_fields: Literal["captured", "guide"] = "captured"
    typing_payload: Literal["named", "empty"] = "named"
    transfer_payload: Literal["empty", "button"] = "empty"
    conference_payload: Literal["name", "agent", "empty"] = "name"
    rules_sent_in: Literal["ChatRequestSuccess", "SensitiveDataRules"] = "ChatRequestSuccess"
    attached_records: Literal["none", "fields", "ids"] = "none"
    geo_location: bool = True
    post_chat_url: str = ""
    transcript_save_enabled: bool = False
    auto_greeting: str = ""
    # routing (2.3, 8, 9)
    unavailable_reply: Literal["fail", "success-then-fail"] = "fail"
    queue_limit: Count | None = None
    takeover_message: Literal["ChatTransferred", "ChatEstablished"] = "ChatTransferred"
    transfer_failure: Literal["returns", "ends"] = "returns"
    auto_assign: bool = True
    push_timeout_seconds: Seconds | None = None
    critical_wait_seconds: Seconds | None = None
    auto_accept: bool = False
    auto_reply: str = ""
    agent_capacity: Count | None = None
    # visitors without a session (2.15 to 2.17)
    visitor_wrong_ids: Literal["unavailable", "refuse"] = "unavailable"
    availability_ids: Literal["as-asked", "short"] = "as-asked"
    visitor_wrapping: Literal["messages", "bare"] = "messages"
    ping_rate_key: Literal["pingRate", "pingrate"] = "pingRate"
    # files (2.21) and browsers
    max_file_mb: Annotated[float, Meta(gt=0, le=1024)] = 25
    cors_origins: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises: ValueError: a switch has a value that it cannot have."""
        check(self)


FIRST_VERSION = 29
SINCE_IDLE_TIMEOUTS = 35
SINCE_RECONNECT = 37
SINCE_WAITS = 47


def offers(settings: LiveChatSandboxSettings, version: int, *, since: int) -> bool:
    """Whether a client of API version `version` gets a feature of version `since`."""
    return version >= since or not settings.version_gates
