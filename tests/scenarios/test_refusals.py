"""An organisation refuses the hand-off: the user is told, and the log has the organisation's reason with advice that fits it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from tests.scenarios.conftest import LIVE_CHAT, Stages
from tests.scenarios.stage import Stage

NOT_POSSIBLE = "our agents cannot be reached right now"


@pytest.fixture
def log() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as lines:
        yield lines


@pytest.fixture
def refused(stages: Stages) -> Iterator[Stage]:
    """The usual stage, where errors in the log are expected."""
    stage = stages("stream")
    yield stage
    stage.everybody_leaves()


def _refused(stage: Stage, log: list[Any]) -> str:
    """A user asks for an agent and is told that it failed. Returns the reason in the log."""
    ada = stage.person()
    ada.says("talk to an agent")
    ada.hears(NOT_POSSIBLE)
    ada.talks_to_the_bot_again()
    return next(str(line["detail"]) for line in log if line["event"] == "effect_failed")


def test_an_unpublished_deployment(refused: Stage, log: list[Any]) -> None:
    refused.salesforce_behaves(published=False, unpublished_reply="token-400")
    detail = _refused(refused, log)
    assert "isn't published" in detail
    assert detail.endswith("publish the deployment, and again after every change")


def test_an_unknown_developer_name(refused: Stage, log: list[Any]) -> None:
    refused.salesforce_behaves(developer_name="Another_Deployment")
    detail = _refused(refused, log)
    refused.salesforce_behaves(developer_name="Kore_Custom_Client")
    assert "esDeveloperName is not known" in detail
    assert "API name of the Embedded Service deployment" in detail


def test_a_web_deployment(refused: Stage, log: list[Any]) -> None:
    refused.salesforce_behaves(web_developer_name="Kore_Custom_Client")
    detail = _refused(refused, log)
    refused.salesforce_behaves(web_developer_name="Kore_Web_Chat")
    assert "Custom Client" in detail


def test_an_attribute_that_is_too_long_is_named_and_its_value_is_not_logged(
    refused: Stage, log: list[Any]
) -> None:
    refused.salesforce_behaves(attribute_max_length=5)
    detail = _refused(refused, log)
    assert "is longer than 5 characters" in detail
    assert "maximum length of the channel's parameter" in detail
    assert "Lovelace" not in str(log)


def test_words_that_nobody_knows_are_logged_without_a_guess(refused: Stage, log: list[Any]) -> None:
    refused.salesforce_fails(
        "status", path="access-token", status=400, message="The moon is full", code="MOON_ERROR"
    )
    assert _refused(refused, log) == "MOON_ERROR: The moon is full"


def test_live_chat_that_does_not_know_the_button(stages: Stages, log: list[Any]) -> None:
    unknown = {"systems": {"legacy": {"button_id": "573SB0000009999", "availability_check": False}}}
    stage = stages("unknown button", bot={"agents": {**LIVE_CHAT["agents"], **unknown}})
    stage.live_chat_behaves(wrong_target="refuse")
    assert "check deployment_id and button_id" in _refused(stage, log)
    stage.everybody_leaves()
