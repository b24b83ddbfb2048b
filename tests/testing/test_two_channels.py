"""`KitTester` with a user on two channels, and jobs that choose one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from botkit.errors import UserNotReachable
from botkit.kit import BotKit
from botkit.testing import KitTester, made_up_settings


def test_a_user_is_with_an_agent_on_one_channel_only(tester: KitTester) -> None:
    tester.transfers()
    tester.agent_joins("Jane")
    assert tester.user_says("hi", channel="whatsapp").to_bot == ["hi"]
    assert tester.user_says("my parcel is late").to_agent == ["my parcel is late"]


def test_each_channel_has_its_own_agent_and_its_own_end(tester: KitTester) -> None:
    tester.transfers()
    tester.agent_joins("Jane")
    tester.transfers(channel="whatsapp")
    tester.agent_joins("Omar", channel="whatsapp")
    assert tester.agent_says("to the web", channel="rtm").to_user == ["to the web"]
    assert tester.user_says("from the phone", channel="whatsapp").to_agent == ["from the phone"]
    assert tester.agent_ends(channel="whatsapp").names[-1] == "clear_agent_session"
    assert tester.user_says("hi", channel="whatsapp").to_bot == ["hi"]
    assert tester.user_says("still there?").to_agent == ["still there?"]


@pytest.fixture
def kept(kit: BotKit) -> Iterator[KitTester]:
    with KitTester(kit, settings=made_up_settings(keep_payloads=True)) as tester:
        tester.user_says("from the web", request_id=100)
        tester.passes(1)
        tester.user_says("from the phone", channel="whatsapp", request_id=200)
        yield tester


def _channels(tester: KitTester, kit: BotKit, *, channel: str = "", key: str = "") -> list[str]:
    bot_id, user_id = next(iter(tester.settings.bots)), "u-11111111-2222-5333-8444-555555555555"
    conversation = kit.conversation(bot_id, user_id, channel=channel)
    went = tester.runs((conversation.once(key) if key else conversation).send, "It has arrived.")
    return [call.url.rpartition("/")[2] for call in went.calls]


def test_a_job_writes_where_the_user_wrote_last(kit: BotKit, kept: KitTester) -> None:
    assert _channels(kept, kit) == ["200"]


def test_a_job_may_name_the_channel(kit: BotKit, kept: KitTester) -> None:
    assert _channels(kept, kit, channel="rtm") == ["100"]
    assert _channels(kept, kit, channel="WhatsApp") == ["200"]
    with pytest.raises(UserNotReachable, match="on the channel sms"):
        _channels(kept, kit, channel="sms")


def test_a_job_writes_where_the_agent_is(kit: BotKit, kept: KitTester) -> None:
    kept.transfers(request_id=300)
    kept.passes(1)
    kept.user_says("meanwhile on the phone", channel="whatsapp", request_id=400)
    assert _channels(kept, kit) == ["300"]


def test_once_counts_for_each_named_channel_apart(kit: BotKit, kept: KitTester) -> None:
    assert _channels(kept, kit, channel="rtm", key="order-17") == ["100"]
    assert _channels(kept, kit, channel="whatsapp", key="order-17") == ["200"]
    assert _channels(kept, kit, channel="rtm", key="order-17") == []
