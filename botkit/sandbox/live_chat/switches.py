"""The switches, with what is known of the real service behind each: the table that docs/sandbox-live-chat.md shows.

Evidence is graded as in the protocol notes: A is documented by the vendor, B was seen against the real service, C is a guess.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Switch:
    """One field of `LiveChatSandboxSettings`. `section` is that of the protocol notes."""

    name: str
    what: str
    evidence: str
    section: str


SWITCHES = (
    Switch("client_poll_timeout", "Seconds after which a client gives an unanswered poll up", "B", "2.1"),
    Switch(
        "poll_timeout_as_text",
        "`clientPollTimeout` is a text, as in the guide's sample",
        "A and B disagree",
        "1",
    ),
    Switch(
        "init_timeout_seconds",
        "A session without a request for a chat expires after this time",
        "B, time C",
        "2.1",
    ),
    Switch(
        "connection_timeout_seconds",
        "A session that nobody polls ends after this time; said as `connectionTimeout`",
        "A",
        "3.6",
    ),
    Switch("posts_keep_alive", "POSTs count as polls for that timeout", "C", "3.6"),
    Switch("wrong_affinity", "Status for an affinity token the session never had", "B, status C", "3.10"),
    Switch(
        "check_session_id", "A `sessionId` that is not the key's is a 400; off: it is ignored", "C", "2.3"
    ),
    Switch(
        "wrong_target",
        "Unknown organisation, deployment or button: `fail` with NoPost, or `refuse` with 400",
        "B, 400 is C",
        "7",
    ),
    Switch(
        "init_again", "Status of a second ChasitorInit without a number, or with the next one", "C", "2.3"
    ),
    Switch("post_status", "Status of a POST that was taken", "A lists both, B is 200", "5"),
    Switch("max_sessions", "Sessions kept; then 503", "sandbox only", "5"),
    Switch(
        "poll_hold_seconds",
        "How long an empty poll waits before its 204; just less than 30, where a public client gives up",
        "B",
        "3.5",
    ),
    Switch(
        "duplicate_poll",
        "A second poll: `refuse` it with 409, or `end` the chat too",
        "A and B disagree",
        "3.7",
    ),
    Switch(
        "ack_ahead",
        "An ack nobody was given: `clamp` it to the newest message, or `refuse` with 409",
        "C",
        "3.8",
    ),
    Switch("check_sequence", "Numbers of POSTs have to be contiguous; off: any number is taken", "B", "3.8"),
    Switch(
        "sequence_slack",
        "Numbers that may be skipped; with 1, a public client's repair of a 409 works, which comes one too high",
        "C",
        "3.8",
    ),
    Switch(
        "same_sequence",
        "The last number again: answer it as a `duplicate` without doing it, or `refuse` with 409",
        "C",
        "3.8",
    ),
    Switch(
        "poll_after_client_end",
        "A poll that waits when the visitor ends: `deliver` ChatEnded, or let it `hang`",
        "A and B disagree",
        "3.12",
    ),
    Switch("reconnect_without_503", "Status of ReconnectSession without a 503 before", "B", "2.11"),
    Switch(
        "reset_sequence_said",
        "ReconnectSession says `resetSequence`; off: it is missing, as in the guide's sample",
        "A",
        "2.11",
    ),
    Switch(
        "token_beside_message",
        "ReconnectSession says `affinityToken` beside `message` too, where a public client looks for it",
        "C",
        "2.11",
    ),
    Switch(
        "reconnect_sequence",
        "`sequence` after a reconnection: a `fresh` start at 0, or it is `continue`d",
        "C",
        "3.9",
    ),
    Switch(
        "carry_pending",
        "What the client has not seen comes after ChasitorSessionData; off: it is lost",
        "C",
        "3.9",
    ),
    Switch(
        "resync_required", "POSTs between ReconnectSession and ChasitorResyncState are a 503", "C", "2.13"
    ),
    Switch(
        "strict_before_established",
        "What is written before an agent accepted is a 500; off: it waits for the agent",
        "A and B disagree",
        "5",
    ),
    Switch("end_needs_reason", "A ChatEnd without a reason is a 400", "A", "2.9"),
    Switch("text_max_length", "Longer texts are a 400; none: no limit", "C", "9"),
    Switch(
        "queue_positions",
        "The queue knows places; off: always 0 and no QueueUpdate, as with Omni-Channel queues",
        "B",
        "7",
    ),
    Switch("sneak_peek", "Agents may see what the visitor is writing", "A", "2.7"),
    Switch("idle_timeout_seconds", "The button's customer time-out; none: off", "A", "9"),
    Switch("idle_warning_seconds", "When the client warns of it", "A", "9"),
    Switch("idle_key", "Spelling of the idle settings", "A and B disagree", "7"),
    Switch(
        "typing_payload",
        "Payload of AgentTyping, AgentNotTyping and AgentDisconnect: `named` or `empty`",
        "A and B disagree",
        "7",
    ),
    Switch("rules_sent_in", "The message that brings sensitive data rules", "A and B disagree", "7"),
    Switch(
        "attached_records", "`attachedRecords` of ChatEnded: `none`, `fields` or `ids`", "A, shape C", "7"
    ),
    Switch("geo_location", "Where the visitor is", "B", "7"),
    Switch("post_chat_url", "The page after the chat; empty: none", "A", "7"),
    Switch("transcript_save_enabled", "`transcriptSaveEnabled`", "B", "7"),
    Switch("auto_greeting", "The button's automated greeting; empty: none", "B", "7"),
    Switch(
        "unavailable_reply",
        "Nobody is there: `fail` at once, or `success-then-fail`",
        "B saw both",
        "7",
    ),
    Switch("queue_limit", "Chats that may wait for a button; none: no limit", "A", "8"),
    Switch("takeover_message", "Told when an agent takes over from the queue", "C", "7"),
    Switch(
        "transfer_failure",
        "Nobody at the button takes a transfer: it `returns` to the agent, or `ends` with ChatRequestFail",
        "C",
        "7",
    ),
    Switch("auto_assign", "Work is pushed to the least busy agent; off: it lies in the queue", "A", "9"),
    Switch("auto_accept", "Agents accept at once, for load tests", "sandbox only", "14"),
    Switch(
        "auto_reply",
        "The agent answers everything with this, `{text}` being what was said; empty: off",
        "sandbox only",
        "14",
    ),
    Switch("agent_capacity", "Chats an agent holds at once; none: no limit", "sandbox only", "8"),
    Switch("availability_ids", "Ids in Availability: `as-asked`, or the `short` form", "C", "2.15"),
    Switch(
        "visitor_wrapping",
        "Settings and VisitorId: wrapped as `messages`, or `bare` as the guide prints them",
        "C",
        "2.16",
    ),
    Switch("max_file_mb", "Larger files are a 413", "C", "2.21"),
    Switch("cors_origins", "Origins let in; none given: any", "C", "14"),
)
