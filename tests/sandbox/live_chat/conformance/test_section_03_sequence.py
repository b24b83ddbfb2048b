"""Section 3.8: numbers of POSTs, and what a 409 tells."""

from __future__ import annotations

import aiohttp
import pytest

from tests.sandbox.live_chat.conformance.conftest import MakeService, Service


async def test_contiguous_numbers_from_1_on_are_taken(service: Service) -> None:
    """3.8, and 1: ChasitorInit is 1; seq == last + 1 is processed."""
    visitor = await service.visitor().begin()
    assert (await visitor.post("ChasitorInit", visitor.request_body(), sequence=1)).status == 200
    for number in (2, 3, 4):
        assert (await visitor.post("ChatMessage", {"text": str(number)}, sequence=number)).status == 200
    assert await service.read(visitor) == ["2", "3", "4"]


async def test_the_last_number_again_is_answered_with_ok_and_not_delivered_again(service: Service) -> None:
    """3.8: seq == last is a duplicate."""
    visitor = await service.requested()
    for _ in range(2):
        answer = await visitor.post("ChatMessage", {"text": "once"}, sequence=2)
        assert (answer.status, answer.text) == (200, "OK")
    assert await service.read(visitor) == ["once"]


async def test_a_repeated_request_for_the_chat_is_answered_with_ok(service: Service) -> None:
    """3.8: the same for ChasitorInit."""
    visitor = await service.requested()
    assert (await visitor.post("ChasitorInit", visitor.request_body(), sequence=1)).status == 200
    assert len(await service.conversations()) == 1


async def test_an_answer_that_was_lost_is_repaired_by_the_same_number(service: Service) -> None:
    """3.8: reuse the number for a retry of the same request."""
    visitor = await service.requested()
    await service.inject("drop-response", operation="ChatMessage", times=1)
    with pytest.raises(aiohttp.ClientError):
        await visitor.say("once")
    assert (await visitor.say("once")).status == 200
    assert await service.read(visitor) == ["once"]


@pytest.mark.parametrize("number", [1, 5, 498, -1, 0])
async def test_any_other_number_is_a_409_that_echoes_it_and_names_the_last_one_taken(
    service: Service, number: int
) -> None:
    """3.8: Expected is what the client sent, Actual the last number accepted (13.6)."""
    visitor = await service.requested()
    await visitor.say("hello")
    answer = await visitor.post("ChatMessage", {"text": "gap"}, sequence=number)
    assert (answer.status, answer.text) == (409, f"Out of sync Ack. Expected {number}. Actual 2")
    assert await service.read(visitor) == ["hello"]


async def test_after_a_409_the_actual_number_plus_one_is_taken(service: Service) -> None:
    """3.8: IBM retries with Actual + 1."""
    visitor = await service.requested()
    answer = await visitor.post("ChatMessage", {"text": "x"}, sequence=7)
    actual = int(answer.text.rpartition(" ")[2])
    assert (await visitor.post("ChatMessage", {"text": "x"}, sequence=actual + 1)).status == 200


async def test_a_refused_request_does_not_use_up_its_number(service: Service) -> None:
    """3.8: Actual is the last number accepted."""
    visitor = await service.requested()
    assert (await visitor.post("ChatMessage", {"wrong": "field"}, sequence=2)).status == 400
    assert (await visitor.post("ChatMessage", {"text": "right"}, sequence=2)).status == 200
    assert await service.read(visitor) == ["right"]


async def test_the_same_number_can_be_refused(make_service: MakeService) -> None:
    """3.8 [C]: that it is a duplicate is inferred from the stated purpose."""
    service = await make_service(same_sequence="refuse")
    visitor = await service.requested()
    assert (await visitor.post("ChatMessage", {"text": "x"}, sequence=1)).status == 409


async def test_numbers_can_be_left_unchecked(make_service: MakeService) -> None:
    """3.8: absent or not, two clients never cared."""
    service = await make_service(check_sequence=False)
    visitor = await service.requested()
    for number in (99, 3):
        assert (await visitor.post("ChatMessage", {"text": str(number)}, sequence=number)).status == 200
    assert await service.read(visitor) == ["99", "3"]


async def test_a_repair_that_comes_one_too_high_works(service: Service) -> None:
    """3.8: as the code of IBM's client counts on after a 409."""
    visitor = await service.requested()
    assert (await visitor.post("ChatMessage", {"text": "x"}, sequence=4)).status == 409
    assert (await visitor.post("ChatMessage", {"text": "x"}, sequence=3)).status == 200


async def test_numbers_can_be_required_to_be_contiguous(make_service: MakeService) -> None:
    """3.8: add one for each new request."""
    visitor = await (await make_service(sequence_slack=0)).requested()
    assert (await visitor.post("ChatMessage", {"text": "x"}, sequence=3)).status == 409
    assert (await visitor.post("ChatMessage", {"text": "x"}, sequence=2)).status == 200
