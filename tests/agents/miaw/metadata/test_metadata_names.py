"""What an attribute is called in Salesforce."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botkit.agents.miaw.metadata.names import (
    ATTRIBUTE_LIMIT,
    NAME_LIMIT,
    RESERVED,
    doubts,
    problem_of,
    setup,
)
from botkit.errors import UnusableValue

API_NAME = re.compile(r"[A-Za-z](?:_?[A-Za-z0-9])*")
"""Salesforce's rule: letters, digits and single underscores, a letter first, no underscore last."""


def named(*attributes: str) -> list[str]:
    return [one.name for one in setup("Client", bot_name="Acme", attributes=attributes).parameters]


@pytest.mark.parametrize(
    ("attribute", "name"),
    [
        ("City", "City"),
        ("Order_Number", "Order_Number"),
        ("order no.", "order_no"),
        ("LoggedIn_Email__c", "LoggedIn_Email_c"),
        ("_tier", "tier"),
        ("2nd line", "A_2nd_line"),
        ("Straße Nº", "Strasse_No"),
        ("Größe", "Grosse"),
        ("x" * 60, "x" * 40),
        ("x" * 39 + "_yy", "x" * 39),
        ("recordId", "recordId_2"),
        ("Find_queue", "Find_queue_2"),
        ("firstname", "firstname_2"),
    ],
)
def test_an_attribute_gets_the_api_name_that_is_closest_to_it(attribute: str, name: str) -> None:
    assert named(attribute) == [name]


def test_a_name_without_any_ascii_letter_is_the_same_every_time() -> None:
    assert named("市") == named("市") != named("町")
    assert named("市")[0].startswith("Attribute_")


def test_the_standard_attributes_are_salesforces_own_parameters() -> None:
    made = setup(
        "Client", bot_name="Acme", attributes=["_firstName", "_lastName", "_email", "_subject", "_FirstName"]
    )
    assert [(one.standard, one.field, one.form_field) for one in made.parameters] == [
        ("FirstName", "FirstName__c", "_FirstName"),
        ("LastName", "LastName__c", "_LastName"),
        ("Email", "Email__c", "_Email"),
        ("Subject", "Subject__c", "_Subject"),
        ("", "FirstName_2__c", "FirstName_2"),
    ]


def test_attributes_that_salesforce_would_confuse_are_numbered_and_the_key_on_the_wire_stays() -> None:
    made = setup("Client", bot_name="Acme", attributes=["City", "CITY", "city", "City", "x" * 41, "x" * 42])
    assert [(one.attribute, one.name) for one in made.parameters] == [
        ("City", "City"),
        ("CITY", "CITY_2"),
        ("city", "city_3"),
        ("x" * 41, "x" * 40),
        ("x" * 42, "x" * 38 + "_2"),
    ]
    assert doubts(made.parameters) == [
        "'CITY' is called CITY_2 in Salesforce, like 'City'",
        "'city' is called city_3 in Salesforce, like 'City'",
        f"'{'x' * 42}' is called {'x' * 38}_2 in Salesforce, like '{'x' * 41}'",
    ]


def test_an_attribute_that_is_no_api_name_is_doubted() -> None:
    made = setup("Client", bot_name="Acme", attributes=["City", "_email", "order no.", "recordId", "a-b"])
    first, second = doubts(made.parameters)
    assert first.startswith("no API names: 'order no.', 'a-b'; Salesforce may refuse")
    assert second == "'recordId' is called recordId_2 in Salesforce, as the name is taken"


@pytest.mark.parametrize("attribute", ["", "  ", "a\nb", "a\x00", "x" * (ATTRIBUTE_LIMIT + 1), "\u202eabc"])
def test_an_attribute_that_no_parameter_can_have_is_refused(attribute: str) -> None:
    assert problem_of(attribute)
    with pytest.raises(UnusableValue, match="the attribute"):
        named(attribute)


@given(st.lists(st.text(max_size=60)))
def test_every_name_keeps_salesforces_rules_and_is_unique(attributes: list[str]) -> None:
    usable = [attribute for attribute in attributes if not problem_of(attribute)]
    made = setup("Client", bot_name="Acme", attributes=usable).parameters
    assert [one.attribute for one in made] == list(dict.fromkeys(usable))
    assert all(API_NAME.fullmatch(one.name) and len(one.name) <= NAME_LIMIT for one in made)
    assert all(0 < len(one.label) <= NAME_LIMIT for one in made)
    folded = {one.name.casefold() for one in made}
    assert len(folded) == len(made)
    assert not folded & {name.casefold() for name in RESERVED}


@given(st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,119}", fullmatch=True))
def test_every_component_has_a_name_of_its_own_within_the_limits(developer_name: str) -> None:
    made = setup(developer_name, bot_name="Acme", attributes=[])
    components = [
        made.routing_config,
        made.group,
        made.queue,
        made.flow,
        made.channel,
        made.reading,
        made.editing,
    ]
    assert all(API_NAME.fullmatch(name) and len(name) <= NAME_LIMIT for name in components)
    assert len({name.casefold() for name in (*components, developer_name)}) == len(components) + 1


def test_long_deployment_names_that_begin_alike_have_different_components() -> None:
    one, other = (setup("Kore_" * 8 + end, bot_name="Acme", attributes=[]) for end in ("Web", "App"))
    assert one.queue != other.queue
