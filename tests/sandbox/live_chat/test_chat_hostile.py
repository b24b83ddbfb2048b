"""Hostile and erroneous requests do not break the service or exhaust its memory."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botkit.testing.waiting import async_until
from botkit_sandbox.live_chat.bodies import ChasitorInit, ChatMessage, MultiNoun, parse
from botkit_sandbox.live_chat.log import MAX_KEPT, MessageLog
from botkit_sandbox.salesforce.refusal import Refusal
from tests.sandbox.live_chat.conftest import Service

JANE = "Jane Doe"
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def understood_or_refused(body: bytes, shape: type[Any]) -> bool:
    try:
        return isinstance(parse(body, shape), shape)
    except Refusal as refusal:
        return refusal.status == 400


@given(st.binary(max_size=60) | VALUES.map(lambda value: json.dumps(value).encode()))
@pytest.mark.parametrize("shape", [ChasitorInit, ChatMessage, MultiNoun])
def test_any_body_is_understood_or_refused(shape: type[Any], body: bytes) -> None:
    assert understood_or_refused(body, shape)


@given(
    st.fixed_dictionaries(
        {"organizationId": st.just("00D"), "deploymentId": st.just("572")},
        optional=dict.fromkeys(
            ("agentId", "buttonOverrides", "prechatDetails", "prechatEntities", "doFallback"), VALUES
        ),
    )
)
def test_any_request_is_understood_or_refused(body: dict[str, Any]) -> None:
    assert understood_or_refused(json.dumps(body).encode(), ChasitorInit)


async def test_messages_that_nobody_fetches_are_not_kept_for_ever(service: Service) -> None:
    visitor = await service.chatting()
    for number in range(MAX_KEPT + 50):
        service.cloud.send(service.cloud.chat(visitor.id), "CustomEvent", {"type": "n", "data": str(number)})
    answer = await visitor.poll()
    assert len(answer.types) == MAX_KEPT
    assert answer.json["messages"][-1]["message"]["data"] == str(MAX_KEPT + 49)


async def test_a_body_of_megabytes_is_a_413(service: Service) -> None:
    visitor = await service.chatting()
    assert (await visitor.say("x" * 1_100_000)).status == 413


async def test_a_batch_has_a_limit(service: Service) -> None:
    visitor = await service.chatting()
    noun = {"prefix": "Chasitor", "noun": "ChatMessage", "object": {"text": "x"}}
    assert (await visitor.post("MultiNoun", {"nouns": [noun] * 51})).status == 400


async def test_old_affinities_are_not_kept_for_ever(service: Service) -> None:
    visitor = await service.chatting()
    for _ in range(40):
        service.inject("pod-restart")
        await visitor.reconnect()
    assert len(service.cloud.sessions[visitor.id].old_affinities) <= 16


async def test_sessions_that_asked_for_nothing_are_forgotten(service: Service) -> None:
    for _ in range(5):
        await service.visitor().begin()
    service.clock.pass_seconds(61)
    await async_until(lambda: not service.cloud.sessions)


@pytest.mark.parametrize("path", ["/System/SessionId/%00", "/System/SessionId/%zz", "/..%2f", "/%E2%98%83/x"])
async def test_strange_paths_are_refused(service: Service, path: str) -> None:
    assert (await service.visitor().call("DELETE", path)).status in (400, 403, 404, 405)


class Client:
    """A model of a client of the log: the messages it has, and its counters."""

    def __init__(self, *, keeps_ack: bool) -> None:
        self.keeps_ack = keeps_ack
        self.ack, self.offset = -1, 0
        self.seen: list[int] = []

    def poll(self, log: MessageLog, *, lost: bool) -> None:
        items = log.after(log.acknowledge(self.ack))
        if not items:
            return
        log.hand_out(items)
        if not lost:
            self.seen += [item.message["n"] for item in items]
            self.ack, self.offset = items[-1].index, items[-1].offset


@given(
    st.booleans(),
    st.lists(st.sampled_from(["add", "add", "poll", "lost poll", "restart"]), max_size=40),
)
def test_every_message_arrives_once_and_in_order_whatever_gets_lost(
    keeps_ack: bool, steps: list[str]
) -> None:
    log, client, number = MessageLog(1000), Client(keeps_ack=keeps_ack), 0
    for step in [*steps, "poll", "poll"]:
        if step == "add":
            log.add("X", {"n": number})
            number += 1
        elif step == "restart":
            unseen = log.start_over(seen_offset=client.offset, continued=False)
            for item in unseen:
                log.add(item.type, item.message)
            if not client.keeps_ack:
                client.ack = -1
        else:
            client.poll(log, lost=step == "lost poll")
    if client.keeps_ack:
        # A kept ack can equal the end of a lost first reply. The two cases cannot be distinguished.
        assert client.seen == sorted(set(client.seen))
    else:
        assert client.seen == list(range(number))
