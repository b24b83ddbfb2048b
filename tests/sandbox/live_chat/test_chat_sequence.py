"""Sequence numbers of POSTs (protocol section 3.8)."""

from __future__ import annotations

import aiohttp
import pytest


def said(service, visitor) -> list[str]:
    return [line["text"] for line in service.view(visitor)["transcript"] if line["role"] == "EndUser"]


async def test_contiguous_numbers_from_1_on_are_taken(service):
    visitor = await service.visitor().begin()
    assert (await visitor.post("ChasitorInit", visitor.request_body(), sequence=1)).status == 200
    for number in (2, 3, 4):
        assert (await visitor.post("ChatMessage", {"text": str(number)}, sequence=number)).status == 200
    assert said(service, visitor) == ["2", "3", "4"]


async def test_the_same_number_again_is_answered_and_not_delivered_again(service):
    visitor = await service.requested()
    for _ in range(2):
        answer = await visitor.post("ChatMessage", {"text": "once"}, sequence=2)
        assert (answer.status, answer.text) == (200, "OK")
    assert said(service, visitor) == ["once"]


async def test_a_repeated_request_for_the_chat_with_its_number_is_answered_with_ok(service):
    visitor = await service.requested()
    assert (await visitor.post("ChasitorInit", visitor.request_body(), sequence=1)).status == 200
    assert len(service.cloud.state()["conversations"]) == 1


@pytest.mark.parametrize("number", [1, 4, 498, -1])
async def test_any_other_number_is_a_409_that_names_the_last_one_taken(service, number):
    visitor = await service.requested()
    await visitor.say("hello")
    answer = await visitor.post("ChatMessage", {"text": "gap"}, sequence=number)
    assert (answer.status, answer.text) == (409, f"Out of sync Ack. Expected {number}. Actual 2")
    assert said(service, visitor) == ["hello"]


async def test_after_a_409_the_actual_number_plus_one_is_taken(service):
    visitor = await service.requested()
    assert (await visitor.post("ChatMessage", {"text": "x"}, sequence=7)).status == 409
    assert (await visitor.post("ChatMessage", {"text": "x"}, sequence=2)).status == 200


async def test_without_numbers_everything_is_taken(service):
    visitor = await service.visitor().begin()
    await visitor.post("ChasitorInit", visitor.request_body(), sequence=None)
    for _ in range(3):
        assert (await visitor.post("ChatMessage", {"text": "same"}, sequence=None)).status == 200
    assert said(service, visitor) == ["same"] * 3


async def test_a_number_on_the_first_request_alone_is_enough(service):
    visitor = await service.requested()
    assert (await visitor.post("ChatMessage", {"text": "hi"}, sequence=None)).status == 200


async def test_a_refused_request_does_not_use_up_its_number(service):
    visitor = await service.requested()
    assert (await visitor.post("ChatMessage", {"wrong": "field"}, sequence=2)).status == 400
    assert (await visitor.post("ChatMessage", {"text": "right"}, sequence=2)).status == 200
    assert said(service, visitor) == ["right"]


async def test_the_answer_that_was_lost_is_repaired_by_the_same_number(service):
    visitor = await service.requested()
    service.inject("drop-response", operation="ChatMessage", times=1)
    with pytest.raises(aiohttp.ClientError):
        await visitor.say("once")
    assert (await visitor.say("once")).status == 200
    assert said(service, visitor) == ["once"]


async def test_a_number_that_is_none_is_a_400(service):
    visitor = await service.requested()
    assert (await visitor.post("ChatMessage", {"text": "x"}, sequence="two")).status == 400


async def test_the_same_number_can_be_refused(make_service):
    service = await make_service(same_sequence="refuse")
    visitor = await service.requested()
    assert (await visitor.post("ChatMessage", {"text": "x"}, sequence=1)).status == 409


async def test_numbers_can_be_left_unchecked(make_service):
    service = await make_service(check_sequence=False)
    visitor = await service.requested()
    assert (await visitor.post("ChatMessage", {"text": "x"}, sequence=99)).status == 200


async def test_a_repair_that_comes_one_too_high_works_with_slack(make_service):
    service = await make_service(sequence_slack=1)
    visitor = await service.requested()
    assert (await visitor.post("ChatMessage", {"text": "x"}, sequence=4)).status == 409
    assert (await visitor.post("ChatMessage", {"text": "x"}, sequence=3)).status == 200


async def test_a_batch_of_nouns_has_one_number(service):
    visitor = await service.requested()
    nouns = [
        {"prefix": "Chasitor", "noun": "ChatMessage", "object": {"text": "one"}},
        {"prefix": "Chasitor", "noun": "ChatMessage", "data": '{"text": "two"}'},
        {"prefix": "Chasitor", "noun": "ChatEnd", "object": {"reason": "client"}},
    ]
    answer = await visitor.post("MultiNoun", {"nouns": nouns}, sequence=2)
    assert (answer.status, answer.text) == (200, "OK")
    assert said(service, visitor) == ["one", "two"]
    assert (await visitor.poll()).types[-1] == "ChatEnded"


@pytest.mark.parametrize(
    "noun",
    [
        {"prefix": "Chasitor", "noun": "Dance", "object": {}},
        {"prefix": "System", "noun": "SessionId", "object": {}},
        {"prefix": "Chasitor", "noun": "ChatMessage", "object": {}},
        {"prefix": "Chasitor", "noun": "ChatMessage", "data": "not json"},
    ],
    ids=str,
)
async def test_of_a_batch_with_a_wrong_noun_nothing_is_done(service, noun):
    visitor = await service.requested()
    good = {"prefix": "Chasitor", "noun": "ChatMessage", "object": {"text": "one"}}
    assert (await visitor.post("MultiNoun", {"nouns": [good, noun]})).status == 400
    assert said(service, visitor) == []


async def test_what_follows_the_end_in_a_batch_is_refused(service):
    visitor = await service.requested()
    nouns = [
        {"prefix": "Chasitor", "noun": "ChatEnd", "object": {"reason": "client"}},
        {"prefix": "Chasitor", "noun": "ChatMessage", "object": {"text": "late"}},
    ]
    assert (await visitor.post("MultiNoun", {"nouns": nouns})).status == 403
    assert said(service, visitor) == []
