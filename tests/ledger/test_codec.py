from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import Any, Literal, NewType, get_args, get_origin

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from botkit.errors import LedgerError
from botkit.handoff.conversation import Conversation, ConversationId, Instant
from botkit.handoff.effects import OutboundEffect, SkipUserMessage
from botkit.handoff.events import SubmittedEvent, TimerFired
from botkit.ledger import codec


def _values(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of a type that a row can store."""
    if hint is str:
        # JSON has no lone surrogates; the hook parser replaces them (hooks/payload.py).
        return st.text(st.characters(categories=None, exclude_categories=["Cs"]), max_size=20)
    if hint is int:
        return st.integers(min_value=-(2**63), max_value=2**64 - 1)
    if hint is bool or hint is type(None) or (isinstance(hint, type) and issubclass(hint, Enum)):
        return st.from_type(hint)
    if hint is float or isinstance(hint, NewType):
        return st.floats(allow_nan=False, allow_infinity=False)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return st.builds(hint, **{field.name: _values(field.type) for field in msgspec.structs.fields(hint)})
    arguments = get_args(hint)
    if get_origin(hint) is Literal:
        return st.sampled_from(arguments)
    if get_origin(hint) is tuple:
        if arguments[-1] is ...:
            return st.lists(_values(arguments[0]), max_size=3).map(tuple)
        return st.tuples(*map(_values, arguments))
    return st.one_of(*map(_values, arguments))


@settings(deadline=None)
@given(_values(Conversation))
def test_a_conversation_survives_its_row(conversation: Conversation) -> None:
    assert codec.conversation_from_json(codec.conversation_to_json(conversation)) == conversation


@pytest.mark.parametrize("kind", get_args(OutboundEffect), ids=lambda kind: kind.__name__)
def test_every_effect_survives_its_row(kind: Any) -> None:
    @settings(deadline=None)
    @given(_values(kind))
    def survives(effect: OutboundEffect) -> None:
        assert codec.effect_from_json(*codec.effect_to_json(effect)) == effect

    survives()


def test_every_outbound_effect_has_a_kind() -> None:
    assert set(codec.KINDS.values()) == set(get_args(OutboundEffect))


def test_rows_of_the_former_version_are_read() -> None:
    rows = json.loads(Path(__file__).with_name("stored_rows.json").read_text())
    conversation = codec.conversation_from_json(json.dumps(rows["conversation"]).encode())
    assert _former(conversation, rows["conversation"]) == rows["conversation"]
    for row in rows["effects"]:
        effect = codec.effect_from_json(row["kind"], json.dumps(row["effect"]).encode())
        assert _former(effect, row["effect"]) == row["effect"]


def _former(value: Any, row: Any) -> Any:
    """The value in JSON's types, without the members that the former version did not have."""
    if isinstance(value, msgspec.Struct):
        return {
            name: _former(getattr(value, name), row[name]) for name in value.__struct_fields__ if name in row
        }
    if isinstance(value, dict):
        return {name: _former(one, row[name]) for name, one in value.items() if name in row}
    if isinstance(value, tuple):
        return [_former(one, row[place]) for place, one in enumerate(value)]
    return value


def test_rows_leave_defaults_out() -> None:
    assert codec.conversation_to_json(Conversation(ConversationId("st-1", "u-1"))) == (
        b'{"id":{"bot_id":"st-1","user_id":"u-1"}}'
    )


def test_an_effect_stored_under_its_former_kind_is_read() -> None:
    assert codec.effect_from_json("SkipBotMessage", b"{}") == SkipUserMessage()


@pytest.mark.parametrize("kind", get_args(SubmittedEvent), ids=lambda kind: kind.__name__)
def test_every_event_that_a_follower_may_submit_survives_the_socket(kind: Any) -> None:
    @settings(deadline=None)
    @given(_values(kind))
    def survives(event: SubmittedEvent) -> None:
        assert codec.event_from_bytes(codec.encode_event(event)) == event

    survives()


def test_an_event_that_only_the_relay_reports_is_not_accepted_from_a_follower() -> None:
    fired = TimerFired(key="", at=Instant(1.0), session_id="s", name="accept", due=Instant(1.0))
    with pytest.raises(LedgerError, match="another version"):
        codec.event_from_bytes(codec.encode_event(fired))


@pytest.mark.parametrize(
    ("kind", "data"), [("Unheard", b"{}"), ("SendToUser", b"{}"), ("PassToBot", b"nonsense")]
)
def test_an_effect_of_another_version_is_an_error_of_the_ledger(kind: str, data: bytes) -> None:
    with pytest.raises(LedgerError, match="another version"):
        codec.effect_from_json(kind, data)


def test_names_survive_their_row() -> None:
    names = frozenset({"u-1", "ünï", ""})
    assert codec.names_from_json(codec.names_to_json(names)) == names


def test_a_row_of_an_older_version_gets_the_defaults() -> None:
    old = b'{"id":{"bot_id":"st-1","user_id":"u-1"}}'
    assert codec.conversation_from_json(old).session is None
