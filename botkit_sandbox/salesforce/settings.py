"""How the emulated Salesforce organisation is set up; every field from `guest_token_minutes` on is a switch.

The protocol document grades what is known of the real service; where it is silent or unsure ([C]), the field here lets a
test try the other possibility. `switches.py` lists them with their evidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from botkit_sandbox.salesforce.identity import Keyset

# The form of 15 characters: clients put what they were given into X-Org-Id, where 18 are refused (protocol section 9.1).
ORGANIZATION_ID = "00DSB0000000001"
DEVELOPER_NAME = "Kore_Custom_Client"
AGENTS = ("Jane Doe", "Omar Haddad", "Mei Tanaka")
FILE_TYPES = ("bmp", "csv", "doc", "docx", "gif", "jpg", "jpeg", "pdf", "png", "tiff", "txt", "xls", "xml")


@dataclass(frozen=True, slots=True, kw_only=True)
class SalesforceSandboxSettings:
    """The organisation, its one deployment of type API, its agents, and how it behaves where behaviour is not settled."""

    organization_id: str = ORGANIZATION_ID
    developer_name: str = DEVELOPER_NAME
    web_developer_name: str = "Kore_Web_Chat"
    """A deployment of type Web: the v2 API refuses it (1.7)."""
    agents: tuple[str, ...] = AGENTS
    keysets: tuple[Keyset, ...] = ()
    """User verification keysets (1.2); without any, no identity token verifies."""

    # tokens (1)
    guest_token_minutes: float = 360
    verified_token_minutes: float = 60
    silent_downgrade: bool = True
    last_event_id_as_number: bool = False
    tokens_per_minute: int | None = None
    # deployment
    published: bool = True
    display_context: Literal["Conversation", "Session"] = "Conversation"
    known_attributes: tuple[str, ...] | None = None
    attribute_max_length: int | None = 255
    string_attributes_only: bool = True
    unknown_properties: Literal["ignore", "refuse"] = "ignore"
    # conversations (2)
    create_reply: Literal["json", "empty"] = "json"
    create_again: Literal[409, 200] = 409
    waiting_status: Literal["INITIAL", "NEEDS_ROUTING"] = "INITIAL"
    closed_readable: bool = False
    conversation_starts_per_30_seconds: int | None = None
    max_open_conversations: int = 11_000
    # entries and list (2.2, 2.4)
    page_over_max: Literal["refuse", "clamp"] = "refuse"
    listed_entry_types: tuple[str, ...] = (
        "Message",
        "ParticipantChanged",
        "RoutingResult",
        "SessionStatusChanged",
    )
    entries_payload: Literal["object", "string"] = "object"
    distinct_timestamps: bool = True
    # sending (3)
    text_max_length: int | None = 10_000
    split_urls: bool = True
    messages_per_minute: int | None = None
    opt_out_words: tuple[str, ...] = ()
    acknowledge_status: Literal[200, 204] = 200
    files_enabled: bool = True
    max_file_mb: float = 5
    file_types: tuple[str, ...] = FILE_TYPES
    attachment_needs_token: bool = False
    transcript_enabled: bool = True
    # event stream (4)
    last_event_id_required: bool = False
    ping_seconds: float = 15
    ping_counts: bool = False
    stream_max_seconds: float | None = None
    expiry_ends_stream: bool = True
    replay_window: int = 5_000
    visibility_strategy: str = ""
    # lifecycle (5)
    auto_assign: bool = True
    auto_accept: bool = False
    agent_capacity: int | None = None
    accept_order: Literal["session-first", "participant-first"] = "session-first"
    end_order: Literal["participant-first", "session-first"] = "participant-first"
    ended_by_role: str = ""
    queue_position: bool = False
    estimated_wait_seconds: int = 60
    delivery_receipts: bool = False
    initial_response: str = ""
    agent_engaged_response: str = ""
    agent_end_response: str = ""
    inactive_response: str = ""
    # errors (6)
    error_key: Literal["errorCode", "code"] = "errorCode"
    event_router_errors: Literal["json", "text"] = "json"
    retry_after_seconds: int | None = None
    cors_origins: tuple[str, ...] = ()
