"""Failures as facts: hashes of users, and what to change for each cause."""

from __future__ import annotations

import pytest
import structlog

from botkit.errors import (
    AccessExpired,
    BadReply,
    CallError,
    CallRefused,
    ConversationClosed,
    ServerTrouble,
    Unreachable,
)
from botkit.observability.endings import advice_about
from botkit.observability.events import get_logger
from botkit.observability.failures import failure_of, fix_of
from botkit.observability.user_hashes import UserHashes


def test_a_hash_tells_users_apart_and_needs_the_secret() -> None:
    hashes = UserHashes({"st-1": "secret", "st-2": "another"})
    ada = hashes.of("st-1", "u-ada")
    assert len(ada) == 10
    assert ada == UserHashes({"st-1": "secret"}).of("st-1", "u-ada")
    assert len({ada, hashes.of("st-1", "u-bob"), hashes.of("st-2", "u-ada")}) == 3
    assert hashes.of("st-3", "u-ada") == ""


@pytest.mark.parametrize(
    ("cause", "fix"),
    [
        ("dns", "agents.systems.salesforce, and this machine's DNS"),
        ("refused", "nothing accepts connections at acme.test"),
        ("timeout", "the firewall between this machine and acme.test"),
        ("tls", "the certificate of acme.test"),
        ("waiting", ""),
        ("proxy", "network.proxy"),
    ],
)
def test_every_cause_has_a_fix_of_its_own(cause: str, fix: str) -> None:
    error = Unreachable("get a guest token", cause=cause)  # type: ignore[arg-type]
    error.host = "acme.test"
    assert fix in fix_of(failure_of(error), system="salesforce")


def test_the_answers_own_advice_wins_and_the_error_index_is_the_last_resort() -> None:
    refused = CallRefused("create", status=400)
    refused.fix = "publish the deployment"
    assert fix_of(failure_of(refused), system="salesforce") == "publish the deployment"
    assert "raise its lifetime" in fix_of(failure_of(AccessExpired("send", status=401)), system="salesforce")


@pytest.mark.parametrize(
    ("error", "fix"),
    [
        (
            BadReply("get a guest token", status=200),
            "check that acme.test in agents.systems.salesforce is the right host",
        ),
        (CallRefused("send", status=400), "set-up with agents.systems.salesforce; `botkit doctor`"),
        (ServerTrouble("send", status=500), "what stands before acme.test"),
        (ConversationClosed("send", status=404), ""),
    ],
)
def test_an_answer_that_nobody_knows_still_says_what_to_check(error: CallError, fix: str) -> None:
    error.host = "acme.test"
    found = fix_of(failure_of(error), system="salesforce")
    assert fix in found
    assert bool(found) == bool(fix)


@pytest.mark.parametrize(
    ("what", "why", "level", "fix"),
    [
        ("routing_failed", "RoutingError", "warning", "is the flow active"),
        ("routing_failed", "Unavailable", "info", "agents are online"),
        ("handoff_ended", "nobody_accepted", "info", "online in Omni-Channel"),
        ("handoff_ended", "expired", "warning", "anonymousUserJwtExpirationTime"),
        ("handoff_ended", "agent", "info", ""),
        ("handoff_ended", "routing_failed", "info", ""),
        ("handoff_opened", "salesforce", "info", ""),
    ],
)
def test_an_event_of_a_hand_off_that_points_to_the_set_up_is_a_warning(
    what: str, why: str, level: str, fix: str
) -> None:
    found_level, found = advice_about(what, why)
    assert (found_level, bool(found)) == (level, bool(fix))
    assert fix in found


def test_words_of_the_other_side_are_cut_and_cleaned() -> None:
    said = "bad\x1b[31m token eyJhbGciOiJIUzI1NiJ9.e30 of ada@example.org\n" + "x " * 400
    words = failure_of(CallRefused("create", status=400, detail=said)).words
    assert words.startswith("bad [31m token … of … x x")
    assert len(words) == 200


def test_a_line_about_a_session_has_the_reference_of_its_hand_off() -> None:
    with structlog.testing.capture_logs() as log:
        get_logger("botkit.agents").info("chat_reconnected", session="3d07a9b7-6f5f-4b51-9d8e-000000000001")
    assert log[0]["ref"] == "7M3T-KDVF"
