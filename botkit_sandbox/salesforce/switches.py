"""The switches, with what is known of the real service behind each: the table that docs/sandbox-salesforce.md shows.

Evidence is graded as in the protocol notes: A is documented or seen by several clients, B by one implementer, C is a guess.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Switch:
    """One field of `SalesforceSandboxSettings`. `section` is that of the protocol notes."""

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
    Switch(
        "tokens_per_minute", "Token requests, and renewals, a minute; real: 200; none: no limit", "A", "6"
    ),
    Switch("published", "The deployment is published; off: create answers 403", "C", "2.1"),
    Switch("display_context", "`Session`: 417 for a message after an ended session", "A", "3.1"),
    Switch(
        "known_attributes",
        "Custom routing attributes on the deployment; others are silently ignored; none given: all are kept",
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
    Switch("create_reply", "Body of create's 201: `json` or `empty`", "C", "2.1"),
    Switch("create_again", "Status of a repeated create by the same subject", "C", "2.1"),
    Switch("waiting_status", "Routing status while the first agent is awaited", "C", "5"),
    Switch(
        "closed_readable", "Entries, status and transcript of a closed conversation; off: 403", "C", "11.1"
    ),
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
    Switch("attachment_needs_token", "Fetching an attachment needs the owner's token", "C", "3.6"),
    Switch("transcript_enabled", "Transcript download; off: 403", "A, status C", "2.6"),
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
    Switch("error_key", "Name of the error code in bodies: `errorCode` or `code`", "C", "6"),
    Switch("event_router_errors", "Errors of the event router: Spring's `json`, or plain `text`", "B", "6"),
    Switch("retry_after_seconds", "Retry-After of rate limits' 429; none: no header", "C", "6"),
    Switch("cors_origins", "Origins let in; none given: any", "A", "4.1"),
)
