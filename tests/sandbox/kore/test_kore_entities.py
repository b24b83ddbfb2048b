"""The values that entities take from answers, as the platform documents their forms."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from botkit_sandbox.kore.entities import entity_value

TODAY = date(2026, 11, 29)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("number", "it is 48214, I think", 48214),
        ("number", "1,250.5 please", 1250.5),
        ("number", "none", None),
        ("percentage", "60 percent", 0.6),
        ("email", "write to asha.rao@example.com, please", "asha.rao@example.com"),
        ("email", "no", None),
        ("phone_number", "(407)-407-4077", "4074074077"),
        ("phone_number", "call +1 555 010 2030", "+15550102030"),
        ("phone_number", "no", None),
        ("zipcode", "I live at 32746", "32746"),
        ("url", "see www.example.com/a", "www.example.com/a"),
        ("date", "2026-12-24", "2026-12-24"),
        ("date", "12-24-2026", "2026-12-24"),
        ("date", "on 12/24/2026", "2026-12-24"),
        ("date", "24th December 2026", "2026-12-24"),
        ("date", "December 24, 2026", "2026-12-24"),
        ("date", "Tomorrow", "2026-11-30"),
        ("date", "some day", None),
        ("time", "6 am", "T06:00:00+00:00"),
        ("time", "at 18:45", "T18:45:00+00:00"),
        ("time", "12 pm", "T12:00:00+00:00"),
        ("time", "25:99", None),
        ("datetime", "2026-12-24 10:30", "2026-12-24T10:30:00+00:00"),
        ("currency", "500 EUR", {"code": "EUR", "amount": 500}),
        ("currency", "$12.50", {"code": "USD", "amount": 12.5}),
        ("location", "Las Vegas, NV, USA", {"formatted_address": "Las Vegas, NV, USA", "lat": 0.0, "lng": 0.0}),
        ("quantity", "500 ml", {"unit": "ml", "amount": 500, "type": "", "source": "500 ml"}),
        ("person_name", " Asha Rao ", "Asha Rao"),
        ("description", "  ", None),
        ("a type of the future", "anything", "anything"),
    ],
)  # fmt: skip
def test_an_answer_has_the_value_of_its_type(kind: str, text: str, value: Any) -> None:
    assert entity_value(kind, text, today=TODAY) == value


def test_a_regular_expression_takes_the_part_that_matches() -> None:
    assert entity_value("regex", "my code is 123", today=TODAY, pattern=r"\b\d{3}\b") == "123"
    assert entity_value("regex", "1234", today=TODAY, pattern=r"\b\d{3}\b") is None


def test_a_regular_expression_that_python_does_not_know_takes_the_text() -> None:
    assert entity_value("regex", "abc", today=TODAY, pattern=r"(?<x") == "abc"


def test_an_entity_of_many_items_holds_a_list() -> None:
    assert entity_value("number", "3", today=TODAY, many=True) == [3]
