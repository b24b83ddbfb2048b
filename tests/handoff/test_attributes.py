"""Routing attributes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import fields

from botkit.agents import DEFAULT_ATTRIBUTES
from botkit.handoff.attributes import FACTS, as_text, routing_attributes
from botkit.handoff.events import UserProfile
from botkit.handoff.text import length

ADA = UserProfile(
    user_id="u-1",
    first_name="Ada",
    last_name="Lovelace",
    email="ada@example.org",
    bot_name="Acme Assistant",
    channel="rtm",
    language="en",
    last_intent="Talk to an agent",
    session_id="s-9",
    case_id="500-7",
)


def test_the_facts_are_the_fields_of_the_profile_and_the_full_name() -> None:
    assert sorted(FACTS) == sorted([*(field.name for field in fields(UserProfile)), "name", "reference"])


def test_every_default_attribute_has_a_fact() -> None:
    assert set(DEFAULT_ATTRIBUTES.values()) <= set(FACTS)


def test_what_the_platform_knows_goes_along_by_default() -> None:
    assert dict(routing_attributes(ADA, (), DEFAULT_ATTRIBUTES, reference="7K3M-9Q2X")) == {
        "_firstName": "Ada",
        "_lastName": "Lovelace",
        "_email": "ada@example.org",
        "_subject": "Talk to an agent",
        "Kore_User_Id": "u-1",
        "Kore_Bot_Name": "Acme Assistant",
        "Kore_Channel": "rtm",
        "Kore_Language": "en",
        "Kore_Session_Id": "s-9",
        "Kore_Last_Intent": "Talk to an agent",
        "Case_Id": "500-7",
        "Handoff_Reference": "7K3M-9Q2X",
    }


def test_empty_and_blank_facts_are_left_out() -> None:
    assert routing_attributes(UserProfile(first_name=" "), (), DEFAULT_ATTRIBUTES) == ()


def test_a_mapping_of_the_bot_decides_the_names() -> None:
    assert routing_attributes(ADA, (), {"Customer": "name", "Mail": "email"}) == (
        ("Customer", "Ada Lovelace"),
        ("Mail", "ada@example.org"),
    )


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        (UserProfile(first_name="Ada"), "Ada"),
        (UserProfile(last_name=" Lovelace "), "Lovelace"),
        (ADA, "Ada Lovelace"),
    ],
)
def test_the_full_name_is_made_of_what_there_is(profile: UserProfile, expected: str) -> None:
    assert routing_attributes(profile, (), {"Name": "name"}) == (("Name", expected),)


def test_what_the_dialog_set_wins_over_a_fact() -> None:
    assert routing_attributes(ADA, (("_email", "other@example.org"),), {"_email": "email"}) == (
        ("_email", "other@example.org"),
    )


def test_what_the_dialog_set_wins_also_when_it_is_empty() -> None:
    assert routing_attributes(ADA, (("_email", ""),), {"_email": "email"}) == (("_email", ""),)


def test_names_are_kept_letter_by_letter() -> None:
    pre_chat = (("Pincode", "500081"), ("pincode", "1"), (" City ", "Hyderabad"), ("Straße 1", "x"))
    assert routing_attributes(UserProfile(), pre_chat, DEFAULT_ATTRIBUTES) == pre_chat


def test_a_name_that_differs_in_case_is_another_name() -> None:
    assert routing_attributes(ADA, (("_firstname", "A"),), {"_firstName": "first_name"}) == (
        ("_firstName", "Ada"),
        ("_firstname", "A"),
    )


def test_facts_and_pre_chat_values_are_cut_at_the_limit() -> None:
    profile = UserProfile(last_intent="i" * 300)
    cut = dict(routing_attributes(profile, (("Note", "n" * 300),), {"_subject": "last_intent"}))
    assert cut == {"_subject": "i" * 255, "Note": "n" * 255}


def test_a_value_is_not_cut_through_an_emoji() -> None:
    assert routing_attributes(UserProfile(), (("Note", "n" * 254 + "😀"),), {}) == (("Note", "n" * 254),)


@given(st.dictionaries(st.text(), st.text()), st.integers(min_value=1, max_value=50))
def test_every_name_arrives_and_every_value_fits(pre_chat: dict[str, str], limit: int) -> None:
    attributes = routing_attributes(
        ADA, tuple(pre_chat.items()), DEFAULT_ATTRIBUTES, reference="7K3M-9Q2X", max_value=limit
    )
    assert {*pre_chat, *DEFAULT_ATTRIBUTES} == {name for name, _ in attributes}
    assert all(length(value) <= limit for _, value in attributes)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is ", "as it is "),
        ("", ""),
        (None, ""),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-7, "-7"),
        (500081, "500081"),
        (12345678901234567890123, "12345678901234567890123"),
        (12.0, "12"),
        (-0.0, "0"),
        (12.5, "12.5"),
        (0.1, "0.1"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (0.00001, "0.00001"),
        (1e-7, "1e-7"),
        (float("nan"), ""),
        (float("inf"), ""),
        ([], "[]"),
        ({}, "{}"),
        ({"a": [1, None, True], "b": "ä"}, '{"a":[1,null,true],"b":"ä"}'),
    ],
)
def test_a_json_value_is_printed_as_javascript_would(value: object, text: str) -> None:
    assert as_text(value) == text


@given(st.integers())
def test_an_integer_of_any_size_is_exact(value: int) -> None:
    assert int(as_text(value)) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_printed_without_loss(value: float) -> None:
    assert float(as_text(value)) == value
    assert not as_text(value).endswith(".0")


@given(
    st.recursive(st.one_of(st.none(), st.booleans(), st.integers(), st.text()), st.lists, max_leaves=10).map(
        lambda x: [x]
    )
)
def test_an_array_can_be_read_back(value: list[object]) -> None:
    assert json.loads(as_text(value)) == value
