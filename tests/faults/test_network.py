"""The network between BotKit and Salesforce: resets, single bytes, truncated answers, half-open connections."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from botkit.agents.miaw import system
from botkit.testing.waiting import until
from tests.faults.proxy import Proxy, running_proxy
from tests.faults.services import InProcess
from tests.faults.stage import Stage

Kit = Callable[..., InProcess]
BOTH = pytest.mark.parametrize("receive", ["stream", "poll"])


@pytest.fixture
def proxy(stage: Stage) -> Iterator[Proxy]:
    with running_proxy(stage.clouds.sandbox.addresses()["salesforce_url"]) as proxy:
        yield proxy


@BOTH
def test_resets_in_the_middle_lose_and_repeat_nothing(
    stage: Stage, kit: Kit, proxy: Proxy, receive: str
) -> None:
    kit(receive=receive, salesforce_url=proxy.url)
    talk = stage.new_user()
    talk.talks()
    for number in range(5):
        talk.types(f"typed {number}")
        talk.agent_says(f"said {number}")
        until(lambda: proxy.reset_peer() > 0, "until a connection that stands again is reset")
    talk.both_sides_have_everything()


def test_events_that_arrive_byte_by_byte_are_put_together(stage: Stage, kit: Kit, proxy: Proxy) -> None:
    kit(salesforce_url=proxy.url)
    talk = stage.new_user()
    talk.talks()
    proxy.slice_bytes = 1
    for text in ("plain", "zwölf Boxkämpfer 🥊", "two\nlines", 'a "quoted" \\ word'):
        talk.agent_says(text)
        talk.types(text)
    talk.both_sides_have_everything()


@pytest.mark.parametrize("size", [1, 20, 200])
def test_an_answer_that_is_cut_off_is_asked_for_again_and_nothing_is_said_twice(
    stage: Stage, kit: Kit, proxy: Proxy, size: int
) -> None:
    kit(salesforce_url=proxy.url)
    talk = stage.new_user()
    talk.talks()
    proxy.limit_data = (b"/message HTTP", size)
    talk.types("only once")
    talk.types("and in order")
    talk.both_sides_have_everything()
    assert len(stage.requests("sendMessage")) > 3, "the transcript, two messages, and one of them again"


def test_connections_that_are_only_half_there_are_noticed_and_replaced(
    stage: Stage, kit: Kit, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "SILENCE_SECONDS", 0.4)
    stage.salesforce_behaves(ping_seconds=0.1)
    kit(salesforce_url=proxy.url)
    talk = stage.new_user()
    talk.talks()
    until(lambda: proxy.timeout() > 0, "until a connection that stands is half open")
    talk.agent_says("into nothing")
    talk.types("out of nothing")
    talk.both_sides_have_everything()


def test_a_network_that_resets_every_new_connection_is_an_outage_like_any_other(
    stage: Stage, kit: Kit, proxy: Proxy
) -> None:
    kit(salesforce_url=proxy.url)
    talk = stage.new_user()
    talk.talks()
    proxy.down = True
    proxy.reset_peer()
    talk.types("typed into it")
    talk.agent_says("said into it")
    proxy.down = False
    talk.both_sides_have_everything()
