"""A user on two channels at once, closures in every form, linked bots: the control API, and the hooks that BotKit gets."""

from __future__ import annotations

from typing import Any

import pytest

from botkit.testing.waiting import async_until
from tests.sandbox.kore.test_kore_channels import Stage, stage

__all__ = ["stage"]

LINKED = "st-22222222-2222-5222-8222-222222222222"


async def ask(stage: Stage, method: str, path: str, **body: Any) -> tuple[int, Any]:
    async with stage.http.request(method, f"/sandbox/kore/users/{path}", json=body) as answer:
        return answer.status, await answer.json()


async def closure(stage: Stage, user_id: str, **body: Any) -> dict[str, Any]:
    before = len(stage.hooks)
    assert await ask(stage, "POST", f"{user_id}/close", **body) == (202, {"ok": True})
    await async_until(lambda: len(stage.hooks) > before)
    return stage.hooks[before]


async def test_a_second_channel_has_its_own_address_session_and_agent_mode(stage: Stage) -> None:
    ada = stage.cloud.add_user(name="Ada Lovelace")
    status, there = await ask(stage, "POST", f"{ada.id}/channels", channel="whatsapp")
    phone = stage.cloud.user(there["id"])
    assert (status, there["userId"], there["channel"]) == (201, ada.id, "whatsapp")
    web_hook, phone_hook = await stage.hook_of(ada, "one"), await stage.hook_of(phone, "two")
    assert [hook["context"]["session"]["UserContext"]["_id"] for hook in (web_hook, phone_hook)] == [
        ada.id,
        ada.id,
    ]
    assert web_hook["channel"]["sessionId"] != phone_hook["channel"]["sessionId"]
    assert (web_hook["channel"]["type"], phone_hook["channel"]["type"]) == ("rtm", "whatsapp")
    stage.cloud.core.set_agent_mode(phone, True)
    assert (ada.agent_mode, phone.agent_mode) == (False, True)
    assert [record["chnl"] for record in ada.history] == ["rtm", "whatsapp"]


async def test_two_channels_may_share_a_session(stage: Stage) -> None:
    ada = stage.cloud.add_user()
    _, there = await ask(stage, "POST", f"{ada.id}/channels", channel="twiliovoice", sameSession=True)
    assert there["conversationSessionId"] == ada.session.id


async def test_a_channel_is_joined_once(stage: Stage) -> None:
    ada = stage.cloud.add_user()
    assert (await ask(stage, "POST", f"{ada.id}/channels", channel="rtm"))[0] == 409
    assert (await ask(stage, "POST", f"{ada.id}/channels"))[0] == 400


async def test_nobody_goes_on_on_a_channel_where_they_are_already(stage: Stage) -> None:
    ada = stage.cloud.add_user()
    await ask(stage, "POST", f"{ada.id}/channels", channel="whatsapp")
    status, refused = await ask(stage, "PUT", f"{ada.id}/channel", channel="whatsapp")
    assert (status, ada.channel) == (409, "rtm"), refused
    assert (await ask(stage, "PUT", f"{ada.id}/channel", channel="rtm"))[0] == 202


async def test_the_closing_words_come_after_what_happened_on_the_same_channel(stage: Stage) -> None:
    ada = stage.cloud.add_user()
    _, there = await ask(stage, "POST", f"{ada.id}/channels", channel="whatsapp")
    phone = stage.cloud.user(there["id"])
    stage.cloud.time_out(phone, "Your session has ended.")
    assert (stage.cloud.lanes.busy(ada.key), stage.cloud.lanes.busy(phone.key)) == (False, True)


async def test_a_closure_names_the_channel_and_the_session(stage: Stage) -> None:
    ada = stage.cloud.add_user()
    session = ada.session.id
    hook = await closure(stage, ada.id)
    assert hook["event"] == {"eventType": "sessionClosure"}
    assert hook["channel"]["sessionId"] == session
    await async_until(lambda: ada.session.closed)


async def test_a_closure_in_another_form(stage: Stage) -> None:
    ada = stage.cloud.add_user()
    hook = await closure(stage, ada.id, event="sessionClosed", session="", channel=False, onlyEvent=True)
    session = hook["context"]["session"]["BotUserSession"]
    assert hook["event"] == "sessionClosed"
    assert "type" not in hook["channel"]
    assert "sessionId" not in hook["channel"]
    assert "conversationSessionId" not in session
    assert not ada.session.closed
    hook = await closure(stage, ada.id, session="former", onlyEvent=True)
    assert hook["channel"]["sessionId"] == "former"


async def test_a_renewed_session_keeps_the_agent(stage: Stage) -> None:
    ada = stage.cloud.add_user()
    stage.cloud.core.set_agent_mode(ada, True)
    former = ada.session.id
    await ask(stage, "POST", f"{ada.id}/renew")
    await async_until(lambda: ada.session.id != former)
    assert ada.agent_mode


@pytest.mark.parametrize(
    ("place", "form", "base", "bot_id"),
    [
        ("both", "text", LINKED, LINKED),
        ("path", "text", LINKED, "own"),
        ("body", "text", "own", LINKED),
        ("both", "list", LINKED, ["own", LINKED]),
        ("path", "list", LINKED, ["own"]),
    ],
)
async def test_a_linked_bot_stands_in_path_and_body(
    stage: Stage, place: str, form: str, base: str, bot_id: Any
) -> None:
    own = stage.cloud.bot_id
    stage.cloud.configure({"linked_bot_in": place, "bot_id": form})
    ada = stage.cloud.add_user()
    await ask(stage, "PUT", f"{ada.id}/bot", botId=LINKED)
    hook = await stage.hook_of(ada, "one")
    expected = [own if one == "own" else one for one in bot_id] if isinstance(bot_id, list) else bot_id
    assert hook["botId"] == (own if expected == "own" else expected)
    assert hook["baseUrl"].endswith(own if base == "own" else base)
    await ask(stage, "PUT", f"{ada.id}/bot", botId="")
    assert (await stage.hook_of(ada, "two"))["baseUrl"].endswith(own)
    assert (await ask(stage, "PUT", f"{ada.id}/bot", botId="acme"))[0] == 400
