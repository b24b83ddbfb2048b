"""How the emulated Salesforce organisation is set up; every field from `guest_token_minutes` on is a switch.

docs/protocols/salesforce-miaw.md grades the evidence for each behaviour: A is documented or seen by several clients, B
was seen by one implementer, C is a guess. Where the evidence is weak, a switch lets a test try the other behaviour. `SWITCHES`
lists them; the table in docs/sandbox-salesforce.md is made from it.

Numbers in parentheses are sections of docs/protocols/salesforce-miaw.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from botkit_sandbox.salesforce.prechat import PrechatField
from botkit_sandbox.salesforce.tokens import Keyset

# The form of 15 characters: clients copy the id into X-Org-Id, where 18 characters are refused (9.1).
ORGANIZATION_ID = "00DSB0000000001"
DEVELOPER_NAME = "Kore_Custom_Client"
AGENTS = ("Jane Doe", "Omar Haddad", "Mei Tanaka")
FILE_TYPES = ("bmp", "csv", "doc", "docx", "gif", "jpg", "jpeg", "pdf", "png", "tiff", "txt", "xls", "xml")


@dataclass(frozen=True, slots=True, kw_only=True)
class SalesforceSandboxSettings:
    """The organisation, its one deployment of type API, its agents, and its switches."""

    organization_id: str = ORGANIZATION_ID
    developer_name: str = DEVELOPER_NAME
    web_developer_name: str = "Kore_Web_Chat"
    """A deployment of type Web, which the v2 API refuses (1.7)."""
    channel_name: str = "Kore_Messaging_Channel"
    """The API name of the messaging channel, which is no deployment: as a developer name it is refused (1.1)."""
    agents: tuple[str, ...] = AGENTS
    keysets: tuple[Keyset, ...] = ()
    """User verification keysets (1.2). Without any, no identity token verifies."""

    # tokens (1)
    guest_token_minutes: float = 360
    verified_token_minutes: float = 60
    silent_downgrade: bool = True
    last_event_id_as_number: bool = False
    context_required: bool = False
    tokens_per_minute: int | None = None
    refusal_reasons: Literal["stated", "none"] = "stated"
    # deployment
    published: bool = True
    unpublished_reply: Literal["token-400", "create-403"] = "token-400"
    business_hours: Literal["none", "open", "closed"] = "none"
    public_configuration: bool = True
    organization_shown: bool = True
    auth_mode: Literal["UnAuth", "Auth"] = "UnAuth"
    deployment_type: str = "api"
    display_context: Literal["Conversation", "Session"] = "Conversation"
    prechat_fields: tuple[PrechatField, ...] = ()
    prechat_check: Literal["none", "strict"] = "none"
    fallback_message: str = ""
    known_attributes: tuple[str, ...] | None = None
    attribute_max_length: int | None = 255
    string_attributes_only: bool = True
    unknown_properties: Literal["ignore", "refuse"] = "ignore"
    # conversations (2)
    create_reply: Literal["empty", "json"] = "empty"
    create_again: Literal[409, 200] = 409
    waiting_status: Literal["INITIAL", "NEEDS_ROUTING"] = "INITIAL"
    closed_readable: bool = False
    related_records: Literal["messages", "none"] = "messages"
    conversation_updates: bool = True
    owner_changes: bool = True
    work_results: tuple[str, ...] = ("Assigned", "Accepted", "Declined", "Transferred", "Closed", "Cancelled")
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
    entries_key: Literal["conversationEntries", "entries", "list"] = "conversationEntries"
    entry_spelling: Literal["documented", "loose"] = "documented"
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
    file_types_stated: bool = False
    attachment_url: Literal["absolute", "relative", "named"] = "absolute"
    attachment_needs_token: bool = False
    transcript_enabled: bool = True
    # event stream (4)
    event_ids: Literal["own", "shared"] = "own"
    last_event_id_required: bool = False
    ping_seconds: float = 15
    ping_counts: bool = False
    stream_max_seconds: float | None = None
    expiry_ends_stream: bool = True
    replay_window: int = 5_000
    visibility_strategy: str = ""
    # lifecycle (5)
    routing_start: Literal["queue", "no-queue", "nothing"] = "queue"
    chatbot: str = ""
    chatbot_leaves: Literal["before-agent", "after-agent"] = "before-agent"
    transfer_shown_by: Literal["routing-result", "work-result"] = "routing-result"
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
    closed_response: str = ""
    inactive_removes_agent: Literal["no", "before", "after"] = "no"
    supervisor_end_is_final: bool = False
    # errors (6)
    error_key: Literal["errorCode", "code"] = "errorCode"
    event_router_errors: Literal["json", "text"] = "json"
    retry_after_seconds: int | None = None
    date_offset_seconds: int = 0
    cors_origins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Switch:
    """One field of `SalesforceSandboxSettings`, with the evidence and the section of docs/protocols/salesforce-miaw.md."""

    name: str
    what: str
    evidence: str
    section: str


SWITCHES = (
    Switch("guest_token_minutes", "Life of a guest's access token", "A, defaults conflict", "1.6"),
    Switch("verified_token_minutes", "Life of a verified user's access token", "A, defaults conflict", "1.6"),
    Switch(
        "silent_downgrade",
        "A bad identity token still gets 200, with a guest's subject; off: 401",
        "B",
        "1.2",
    ),
    Switch("last_event_id_as_number", "`lastEventId` of token answers is a number, as in v1", "B", "1.1"),
    Switch("context_required", "A token request without `context` is a 400", "B", "1.1"),
    Switch(
        "tokens_per_minute", "Token requests, and renewals, a minute; real: 200; none: no limit", "A", "6"
    ),
    Switch(
        "refusal_reasons",
        "Refused token requests say why; `none`: a bare 400, for a wrong organisation and a wrong name alike",
        "B",
        "1.1",
    ),
    Switch("published", "The deployment is published; off: see `unpublished_reply`", "B", "6"),
    Switch(
        "unpublished_reply",
        "An unpublished deployment: the token call answers 400 with the code SETUP_ERROR, or create answers 403",
        "B",
        "6",
    ),
    Switch("business_hours", "Business hours of the deployment; `none` has any: 204", "A", "2.7"),
    Switch(
        "public_configuration",
        "The configuration and the business hours are shown without a token; off: 404, as may be for type API",
        "C",
        "2.7",
    ),
    Switch(
        "organization_shown",
        "`/.well-known/auth-configuration` names the organisation, on Salesforce's own port here; off: 404",
        "A",
        "2.7",
    ),
    Switch(
        "auth_mode",
        "`Auth`: the channel takes verified users only, and guests get a 400, “Set the auth mode to false”",
        "C",
        "1.1",
    ),
    Switch("deployment_type", "The type of the deployment in token answers; empty: not stated", "B", "1.1"),
    Switch("display_context", "`Session`: 417 for a message after an ended session", "A", "3.1"),
    Switch(
        "prechat_fields",
        "Pre-chat form: a list of `{name, type, required, hidden, max_length, choices}`; none given: the four standard fields",
        "A",
        "1.1",
    ),
    Switch(
        "prechat_check",
        "`strict`: a new session without a required field, or with a value that does not fit its field, is a 400",
        "C",
        "2.1",
    ),
    Switch(
        "fallback_message",
        "The organisation's words for when nobody is available, in token answers; empty: not enabled",
        "A",
        "1.1",
    ),
    Switch(
        "known_attributes",
        "Custom routing attributes beside `prechat_fields`; others are silently ignored; neither given: all are kept",
        "B",
        "2.1",
    ),
    Switch("attribute_max_length", "Longer routing attribute values are a 400", "C", "2.1"),
    Switch("string_attributes_only", "Routing attribute values that are not strings are a 400", "C", "2.1"),
    Switch(
        "unknown_properties",
        "Properties nobody documented: `ignore` them, or `refuse` with 400 as v1 does",
        "C",
        "6",
    ),
    Switch("create_reply", "Body of create's 201: `empty` or `json`", "B", "2.1"),
    Switch("create_again", "Status of a repeated create by the same subject", "C", "2.1"),
    Switch("waiting_status", "Routing status while the first agent is awaited", "C", "5"),
    Switch(
        "closed_readable", "Entries, status and transcript of a closed conversation; off: 403", "C", "11.1"
    ),
    Switch(
        "related_records",
        "`relatedRecords` of `messages` (on the stream and in the list) is the MessagingSession's id (0Mw…), or `none` has any",
        "B",
        "4.3",
    ),
    Switch(
        "conversation_updates", "A new session comes with a ConversationUpdated event", "B, when: C", "4.4"
    ),
    Switch("owner_changes", "SessionOwnerChanged events", "B", "4.4"),
    Switch("work_results", "Types of RoutingWorkResult that occur", "A, which: C", "4.4"),
    Switch(
        "conversation_starts_per_30_seconds",
        "Conversations a subject may start in 30 s; real: 3 per page or app",
        "A, scope unclear",
        "6",
    ),
    Switch("max_open_conversations", "Conversations kept; then 429", "A, answer unseen", "6"),
    Switch("page_over_max", "A `limit` over 50: `refuse` with 400, or `clamp`", "C", "2.4"),
    Switch("listed_entry_types", "Entry types that `entries` knows", "C", "2.4"),
    Switch(
        "entries_payload", "`entryPayload` in `entries`: `object` or `string`", "A, types disagree", "2.4"
    ),
    Switch(
        "entries_key",
        "Where `entries` has its list: under this name, or the answer is the `list` itself",
        "C",
        "2.4",
    ),
    Switch(
        "entry_spelling",
        "Entries as documented; `loose`: enumerations in upper case, numbers as text",
        "C",
        "2.4",
    ),
    Switch(
        "distinct_timestamps",
        "Server times of a conversation never repeat, so that they order its entries",
        "C",
        "4.5",
    ),
    Switch("text_max_length", "Longer texts are a 400", "C", "6"),
    Switch("split_urls", "A web address at the start or end of a text makes two messages", "A", "3.1"),
    Switch("messages_per_minute", "End user's messages a minute; real: 22; none: no limit", "A", "6"),
    Switch(
        "opt_out_words",
        "Words that opt the user out and end the session; real: stop, end, quit, cancel",
        "A",
        "9.16",
    ),
    Switch("acknowledge_status", "Status of acknowledge-entries", "C", "3.5"),
    Switch("files_enabled", "Attachments are enabled on the channel; off: 400", "A, status C", "3.3"),
    Switch("max_file_mb", "Larger files are a 413", "A", "6"),
    Switch("file_types", "File name extensions; others are a 415", "A", "6"),
    Switch(
        "file_types_stated", "Token answers list the allowed types of files (`allowedFileTypes`)", "C", "1.1"
    ),
    Switch(
        "attachment_url",
        "Addresses of attachments: `absolute`, `relative` (without the host), or `named` (the file's name in it, unencoded)",
        "C",
        "3.6",
    ),
    Switch("attachment_needs_token", "Fetching an attachment needs the owner's token", "C", "3.6"),
    Switch("transcript_enabled", "Transcript download; off: 403", "A, status C", "2.6"),
    Switch(
        "event_ids",
        "Ids of events count those of the subject alone, without a gap (`own`), or those of the whole organisation (`shared`)",
        "C",
        "4.2",
    ),
    Switch("last_event_id_required", "A stream without Last-Event-Id is a 400", "C", "4.1"),
    Switch("ping_seconds", "Time between pings of a stream; 0: none", "C", "4.2"),
    Switch("ping_counts", "Pings count up instead of saying 0", "C", "4.2"),
    Switch("stream_max_seconds", "Longest life of a stream; none: no end", "C", "4.5"),
    Switch(
        "expiry_ends_stream",
        "A stream ends when its token has expired, at the latest with the next ping",
        "C",
        "1.6",
    ),
    Switch("replay_window", "Events of a subject kept for replay", "C", "4.5"),
    Switch("visibility_strategy", "Value of `visibilityStrategy`", "C", "4.3"),
    Switch(
        "routing_start",
        "A new session goes to the queue; `no-queue`: a RoutingError without a queue, as of a broken flow; `nothing`: no result",
        "B",
        "5",
    ),
    Switch("chatbot", "Name of a chatbot that answers first and hands over later; empty: none", "A", "5"),
    Switch("chatbot_leaves", "When a chatbot leaves that hands over to agents", "C", "5"),
    Switch(
        "transfer_shown_by",
        "What tells of a transfer: a RoutingResult and the routing status, or work results and the new owner only",
        "C",
        "5",
    ),
    Switch("auto_assign", "Work is pushed to the least busy agent; off: it lies in the queue", "A", "5"),
    Switch("auto_accept", "Agents accept at once, for load tests", "sandbox only", "5"),
    Switch("agent_capacity", "Conversations an agent holds at once; none: no limit", "sandbox only", "5"),
    Switch("accept_order", "What is said first when an agent accepts", "C", "5"),
    Switch("end_order", "What is said first when an agent ends", "C", "5"),
    Switch(
        "ended_by_role", "Says this role instead of the true one, which is unreliable in reality", "B", "5"
    ),
    Switch("queue_position", "Queue position events", "A", "4.4"),
    Switch(
        "estimated_wait_seconds", "Estimated wait of routing results; negative: not requested", "A", "4.4"
    ),
    Switch("delivery_receipts", "The agent's console acknowledges delivery by itself", "A", "5"),
    Switch("initial_response", "Automated response to a new session; empty: none", "A", "5"),
    Switch("agent_engaged_response", "Automated response when an agent joined; empty: none", "A", "5"),
    Switch("agent_end_response", "Automated response when an agent ended; empty: none", "A", "5"),
    Switch("inactive_response", "Automated response when the session became inactive; empty: none", "A", "5"),
    Switch(
        "closed_response",
        "The routing flow finds nobody: it says this and ends the session; empty: it routes",
        "B",
        "5",
    ),
    Switch(
        "inactive_removes_agent",
        "An inactive session loses its agent `before` or `after` its status is reported; `no`: the agent stays",
        "C",
        "5",
    ),
    Switch(
        "supervisor_end_is_final",
        "A supervisor's end is one; off: the status says Ended, and the agents go on",
        "C",
        "5",
    ),
    Switch("error_key", "Name of the error code in bodies: `errorCode` or `code`", "C", "6"),
    Switch("event_router_errors", "Errors of the event router: Spring's `json`, or plain `text`", "B", "6"),
    Switch("retry_after_seconds", "Retry-After of rate limits' 429; none: no header", "C", "6"),
    Switch(
        "date_offset_seconds",
        "Salesforce's clock in the header `Date`, compared with this machine's; negative: behind",
        "sandbox only",
        "6",
    ),
    Switch("cors_origins", "Origins let in; none given: any", "A", "4.1"),
)
