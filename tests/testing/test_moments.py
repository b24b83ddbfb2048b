"""Handlers of a hand-off's moments, under the tester."""

from __future__ import annotations

import re
import threading
from datetime import timedelta

import pytest
from flask import Flask, current_app
from structlog.testing import capture_logs

from botkit.errors import CallRefused, InvalidHandlerResult
from botkit.handlers import (
    AgentJoinedContext,
    HandoffContext,
    HandoffEndedContext,
    HandoffStartedContext,
    Sent,
)
from botkit.handoff.reference import reference
from botkit.kit import BotKit
from botkit.testing import KitTester

RECORD = "0MwWX0000004PnM0AU"


def test_a_hand_off_is_told_from_its_start_to_its_end(kit: BotKit, tester: KitTester) -> None:
    told: list[HandoffContext] = []
    kit.on_handoff_started(told.append)
    kit.on_agent_joined(told.append)
    kit.on_handoff_ended(told.append)
    tester.transfers()
    tester.passes(40)
    tester.agent_joins("Jane", messaging_session_id=RECORD)
    tester.passes(60)
    tester.agent_ends()
    started, joined, ended = told
    assert isinstance(started, HandoffStartedContext)
    assert (started.channel, started.language, started.agent_system) == ("rtm", "en", "salesforce")
    assert (started.messaging_session_id, started.at) == ("", started.started_at)
    assert isinstance(joined, AgentJoinedContext)
    assert (joined.agent, joined.agents, joined.waiting) == ("Jane", ("Jane",), timedelta(seconds=40))
    assert isinstance(ended, HandoffEndedContext)
    assert (ended.why, ended.agents, ended.messaging_session_id) == ("agent", ("Jane",), RECORD)
    assert ended.durations.waiting == timedelta(seconds=40)
    assert ended.durations.talking >= timedelta(seconds=60)
    assert ended.durations.total == ended.durations.waiting + ended.durations.talking
    assert {one.conversation_id for one in told} == {started.conversation_id}
    assert {one.reference for one in told} == {reference(started.conversation_id)}
    assert {(one.bot_id, one.user_id) for one in told} == {(started.bot_id, started.user_id)}


def test_what_it_says_to_the_user_comes_after_the_built_in_words(kit: BotKit, tester: KitTester) -> None:
    @kit.on_handoff_ended
    async def ask(ctx: HandoffEndedContext) -> Sent:
        return ctx.send_user_message("How was it?")

    tester.transfers()
    tester.agent_joins()
    went = tester.agent_ends()
    assert went.to_user[-1] == "How was it?"
    assert went.names[-2:] == ["clear_agent_session", "send_user_message"]


def test_every_handler_of_a_moment_is_called(kit: BotKit, tester: KitTester) -> None:
    called: list[str] = []

    @kit.on_handoff_started
    def one(ctx: HandoffStartedContext) -> Sent:
        called.append("one")
        return ctx.send_user_message("one")

    @kit.on_handoff_started(seconds=2)
    def two(ctx: HandoffStartedContext) -> None:
        called.append("two")

    assert tester.transfers().to_user[-1] == "one"
    assert called == ["one", "two"]


def test_a_handler_can_give_the_user_back(kit: BotKit, tester: KitTester) -> None:
    @kit.on_agent_joined
    def no(ctx: AgentJoinedContext) -> Sent:
        return ctx.clear_agent_session()

    tester.transfers()
    assert tester.agent_joins().names[-1] == "clear_agent_session"
    assert tester.user_says("hi", agent_transfer=False).to_bot == ["hi"]


def test_a_handler_that_fails_changes_nothing(kit: BotKit, tester: KitTester) -> None:
    @kit.on_handoff_started
    def fails(ctx: HandoffStartedContext) -> None:
        ctx.send_user_message("half done")
        raise KeyError

    tester.strict = False
    went = tester.transfers()
    assert "half done" not in went.to_user
    assert tester.agent_joins().to_user == ["Jane has joined the conversation."]


def test_a_handler_that_hangs_is_given_up(kit: BotKit, tester: KitTester) -> None:
    hang = threading.Event()

    @kit.on_handoff_started(seconds=0.05)
    def hangs(ctx: HandoffStartedContext) -> None:
        hang.wait(20)

    tester.strict = False
    try:
        tester.transfers()
        assert tester.agent_joins().to_user == ["Jane has joined the conversation."]
    finally:
        hang.set()


def test_a_failure_is_raised_in_the_test(kit: BotKit, tester: KitTester) -> None:
    kit.on_handoff_started(lambda ctx: {"not": "a verdict"})  # type: ignore[type-var]
    with pytest.raises(InvalidHandlerResult):
        tester.transfers()


def test_a_call_that_cannot_be_made_is_refused_at_once(kit: BotKit, tester: KitTester) -> None:
    refused: list[CallRefused] = []

    @kit.on_handoff_started
    def events(ctx: HandoffStartedContext) -> None:
        try:
            ctx.send_alert_message("hello")
        except CallRefused as error:
            refused.append(error)

    tester.transfers()
    assert len(refused) == 1


def test_it_runs_in_the_applications_context() -> None:
    app = Flask("shop", root_path="/")
    app.config["SHOP"] = "Acme"
    kit, called = BotKit(), []

    @kit.on_handoff_started
    def named(ctx: HandoffStartedContext) -> None:
        called.append(current_app.config["SHOP"])

    with KitTester(kit, app=app) as tester:
        tester.transfers()
    assert called == ["Acme"]


def test_a_failure_is_logged_with_the_reference(kit: BotKit, tester: KitTester) -> None:
    told: list[HandoffContext] = []

    @kit.on_handoff_started
    def fails(ctx: HandoffStartedContext) -> None:
        told.append(ctx)
        raise KeyError

    tester.strict = False
    with capture_logs() as lines:
        tester.transfers()
    (line,) = [line for line in lines if line["event"] == "handler_failed"]
    assert (line["hook"], line["outcome"]) == ("on_handoff_started", "raised")
    (started,) = told
    assert (line["ref"], line["bot"]) == (started.reference, started.bot_id)
    assert re.fullmatch("[0-9a-f]{10}", line["user"])
