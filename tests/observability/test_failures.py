"""Failures as facts: hashes of users, and what to change for each cause."""

from __future__ import annotations

import pytest
import structlog

from botkit.errors import AccessExpired, CallRefused, Unreachable
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


def test_words_of_the_other_side_are_cut_and_cleaned() -> None:
    said = "bad\x1b[31m token eyJhbGciOiJIUzI1NiJ9.e30 of ada@example.org\n" + "x " * 400
    words = failure_of(CallRefused("create", status=400, detail=said)).words
    assert words.startswith("bad [31m token … of … x x")
    assert len(words) == 200


def test_a_line_about_a_session_has_the_reference_of_its_hand_off() -> None:
    with structlog.testing.capture_logs() as log:
        get_logger("botkit.agents").info("chat_reconnected", session="3d07a9b7-6f5f-4b51-9d8e-000000000001")
    assert log[0]["ref"] == "7M3T-KDVF"
