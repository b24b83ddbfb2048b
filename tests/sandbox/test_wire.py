"""The wire: which parts of an exchange are stored."""

from __future__ import annotations

import json
from contextlib import suppress

from botkit_sandbox.bus import Bus
from botkit_sandbox.wire import BODY_LIMIT, MAX_KEPT, Wire, WireEntry, answering


def record(wire: Wire, **values: object) -> WireEntry:
    return wire.record(**{"source": "kore", "target": "botkit", "label": "on_user_message", **values})  # type: ignore[arg-type]


def test_tokens_in_headers_are_shortened_for_any_case_of_the_name() -> None:
    kept = record(
        Wire(Bus()),
        request_headers={"Authorization": "Bearer " + "s" * 50, "TOKEN": "t" * 50, "X-Org-Id": "00D" * 5},
    )
    assert kept.request_headers == {
        "Authorization": "Bearer sssss…",
        "TOKEN": "t" * 12 + "…",
        "X-Org-Id": "00D" * 5,
    }


def test_tokens_in_bodies_are_cut_short() -> None:
    kept = record(
        Wire(Bus()),
        request_body='{"customerIdentityToken": "eyJhbGciOiJSUzI1NiJ9.secret"}',
        response_body=json.dumps({"accessToken": "eyJhbGciOiJIUzI1NiJ9.secret", "lastEventId": "1"}),
    )
    assert "secret" not in kept.request_body + kept.response_body
    assert json.loads(kept.response_body) == {"accessToken": "eyJhbGciOiJI…", "lastEventId": "1"}


def test_bodies_are_kept_up_to_a_limit() -> None:
    assert len(record(Wire(Bus()), request_body="x" * (BODY_LIMIT + 1)).request_body) == BODY_LIMIT


def test_only_the_newest_exchanges_are_kept() -> None:
    wire = Wire(Bus())
    for _ in range(MAX_KEPT + 3):
        record(wire)
    assert [wire.entries[0].id, wire.entries[-1].id, len(wire.entries)] == [4, MAX_KEPT + 3, MAX_KEPT]
    assert wire.find(3) is None
    assert wire.find(4) is wire.entries[0]


def test_a_request_counts_as_unanswered_while_it_is_answered_even_if_that_fails() -> None:
    wire = Wire(Bus())
    with suppress(ValueError), answering(wire, "sendMessage"):
        assert wire.unanswered["sendMessage"] == 1
        raise ValueError
    assert wire.unanswered["sendMessage"] == 0
    with answering(None, "sendMessage"):
        pass


async def test_the_bus_hears_of_an_exchange_without_its_bodies() -> None:
    bus = Bus()
    with bus.subscribe() as news:
        record(Wire(bus), request_body="the text of a message", status=200)
        item = await anext(news)
    assert item.topic == "wire"
    assert item.data["label"] == "on_user_message"
    assert "the text" not in json.dumps(dict(item.data))
