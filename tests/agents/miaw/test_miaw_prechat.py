"""Attributes of a hand-off beside the deployment's pre-chat form (docs/protocols/salesforce-miaw.md, 1.1 and 2.1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from botkit.agents.miaw.prechat import PrechatForm
from botkit.handoff.reference import reference

SESSION = "6f1c3a52-0d3e-4a55-9a3f-0123456789ab"


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as lines:
        yield lines


def deployment(*fields: dict[str, object]) -> dict[str, object]:
    return {"forms": [{"formType": "PreChat", "formFields": list(fields), "hiddenFormFields": []}]}


def form(*fields: dict[str, object]) -> PrechatForm:
    made = PrechatForm("salesforce")
    made.learn(deployment(*fields))
    return made


EMAIL: dict[str, object] = {"name": "_email", "required": "true", "isHidden": False}
ORDER: dict[str, object] = {"name": "Order_Number", "required": False, "isHidden": True}


def test_attributes_that_the_form_lacks_are_logged_once(logged: list[Any]) -> None:
    known = form(ORDER)
    for _ in range(2):
        known.compare(
            {"_subject": "hi", "Order_Number": "1", "ORDER_NUMBER": "2", "Mood": "good"}, session_id=SESSION
        )
    (line,) = logged
    assert (line["event"], line["names"]) == ("prechat_fields_unknown", "ORDER_NUMBER, Mood")
    assert (line["form_has"], line["system"], line["log_level"]) == ("Order_Number", "salesforce", "warning")
    assert (line["ref"], "letter by letter" in line["fix"]) == (reference(SESSION), True)


def test_a_form_without_hidden_fields_may_not_list_them_at_all(logged: list[Any]) -> None:
    form(EMAIL).compare({"_email": "a@x.io", "Mood": "good"}, session_id=SESSION)
    assert logged == []


def test_required_fields_without_a_value_are_logged(logged: list[Any]) -> None:
    form(EMAIL, ORDER).compare({"_email": "", "Order_Number": "1"}, session_id=SESSION)
    (line,) = logged
    assert (line["event"], line["names"]) == ("prechat_fields_missing", "_email")


@pytest.mark.parametrize(
    "answer", [{}, {"forms": None}, {"forms": ["x", {"formFields": 7}]}, {"forms": [{"formFields": [None]}]}]
)
def test_an_answer_without_a_form_says_nothing(answer: dict[str, object], logged: list[Any]) -> None:
    unknown = PrechatForm("salesforce")
    unknown.learn(answer)
    unknown.compare({"Mood": "good"}, session_id=SESSION)
    assert logged == []


def test_no_value_of_a_user_is_logged(logged: list[Any]) -> None:
    form(EMAIL, ORDER).compare({"Mood": "very secret"}, session_id=SESSION)
    assert "very secret" not in str(logged)


def test_the_newest_form_counts(logged: list[Any]) -> None:
    changing = form(ORDER)
    changing.learn(deployment(ORDER, {"name": "Mood", "required": False, "isHidden": True}))
    changing.compare({"Mood": "good"}, session_id=SESSION)
    assert logged == []
