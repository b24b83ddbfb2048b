"""The files: pinned by golden files, known to the public reference of their types, and linked from end to end."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from botkit.agents import DEFAULT_ATTRIBUTES
from botkit.agents.miaw.metadata import names
from botkit.agents.miaw.metadata.channel import OPT_OUT
from botkit.agents.miaw.metadata.names import Setup
from botkit.agents.miaw.metadata.xml import NAMESPACE
from botkit.config.bot_file import OPT_OUT_KEYWORDS
from botkit.handoff.attributes import routing_attributes
from botkit.handoff.events import UserProfile
from tests.agents.miaw.metadata.example import GOLDEN, SETUP, files

TABLE: Mapping[str, Any] = json.loads(Path(__file__).with_name("elements.json").read_text(encoding="utf-8"))
AWKWARD = names.setup(
    "Kore_" * 20 + "Client",
    bot_name='<Bot> & "Co" \x07' + "é" * 200,
    attributes=["_subject", "A & B", "<City>", '"', "recordId", "市"],
    attachments=False,
)
BARE = names.setup("Kore", bot_name="Acme", attributes=[])


def tag(element: ET.Element) -> str:
    return element.tag.removeprefix(f"{{{NAMESPACE}}}")


def text(element: ET.Element, path: str) -> str:
    """The text of the only element at a path."""
    (found,) = texts(element, path)
    return found


def texts(element: ET.Element, path: str) -> list[str]:
    steps = "/".join(f"{{{NAMESPACE}}}{step}" for step in path.split("/"))
    return [found.text or "" for found in element.findall(steps)]


def all_of(element: ET.Element, path: str) -> list[ET.Element]:
    return element.findall("/".join(f"{{{NAMESPACE}}}{step}" for step in path.split("/")))


@cache
def parsed(setup: Setup) -> dict[str, ET.Element]:
    """The components by their path; manifests too."""
    return {path: ET.fromstring(content) for path, content in files(setup).items() if path.endswith(".xml")}


def component(setup: Setup, kind: str) -> ET.Element:
    (found,) = (root for root in parsed(setup).values() if tag(root) == kind)
    return found


# --- golden files ---


def test_the_files_are_those_that_are_pinned() -> None:
    pinned = {
        file.relative_to(GOLDEN).as_posix(): file.read_text(encoding="utf-8")
        for file in GOLDEN.rglob("*")
        if file.is_file()
    }
    assert files() == pinned


def test_the_files_are_the_same_every_time() -> None:
    again = names.setup(
        SETUP.deployment, bot_name=SETUP.bot_name, attributes=[one.attribute for one in SETUP.parameters]
    )
    assert list(files(again).items()) == list(files().items())


# --- the public reference ---


def unknown(element: ET.Element, kind: str, place: str) -> Iterator[str]:
    """What the reference does not say of an element and everything inside."""
    known = TABLE["types"].get(kind)
    if known is None:
        values = TABLE["enumerations"].get(kind)
        if values is not None and element.text not in values:
            yield f"{place}: {element.text} is none of {values}"
        if kind in ("int", "double") and not float(element.text or "x") >= -1:
            yield f"{place}: {element.text} is no number"
        if kind == "boolean" and element.text not in ("true", "false"):
            yield f"{place}: {element.text} is no boolean"
        if len(element):
            yield f"{place}: {kind} has no elements"
        return
    order = [tag(child) for child in element]
    yield from (f"{place}/{name} is unknown" for name in order if name not in known)
    ranks = [list(known).index(name) for name in order if name in known]
    if ranks != sorted(ranks):
        yield f"{place}: another order than the reference's"
    for name, described in known.items():
        if described.rstrip("*").endswith("!") and name not in order:
            yield f"{place}/{name} is required"
        if not described.endswith("*") and order.count(name) > 1:
            yield f"{place}/{name} is there more than once"
    for child in element:
        described = known.get(tag(child), "")
        yield from unknown(child, described.rstrip("!*"), f"{place}/{tag(child)}")


@pytest.mark.parametrize("setup", [SETUP, AWKWARD, BARE], ids=["usual", "awkward", "bare"])
def test_every_element_is_known_to_the_public_reference_of_its_type(setup: Setup) -> None:
    components = {path: root for path, root in parsed(setup).items() if tag(root) != "Package"}
    assert {tag(root) for root in components.values()} <= TABLE["types"].keys()
    assert [problem for path, root in components.items() for problem in unknown(root, tag(root), path)] == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("sessionHandlerFlow>", "sessionFlow>", "sessionFlow is unknown"),
        ("<sessionHandlerType>Flow", "<sessionHandlerType>Bot", "Bot is none of"),
        ("<maxFileSize>5", "<maxFileSize>true", "could not convert"),
        ("<masterLabel>Kore Custom Client Channel</masterLabel>", "", "masterLabel is required"),
    ],
)
def test_the_comparison_with_the_reference_finds_mistakes(old: str, new: str, problem: str) -> None:
    path = f"main/default/messagingChannels/{SETUP.channel}.messagingChannel-meta.xml"
    broken = ET.fromstring(files()[path].replace(old, new))
    try:
        found = list(unknown(broken, "MessagingChannel", ""))
    except ValueError as error:
        found = [str(error)]
    assert any(problem in one for one in found)


# --- the chain from the attribute to the agent ---


def test_every_attribute_that_a_bot_sends_by_default_has_a_parameter() -> None:
    profile = UserProfile(
        **{fact: "x" for fact in set(DEFAULT_ATTRIBUTES.values()) if hasattr(UserProfile(), fact)}
    )
    sent = [name for name, _ in routing_attributes(profile, [("City", "Pune")], DEFAULT_ATTRIBUTES)]
    setup = names.setup("Kore", bot_name="Acme", attributes=[*DEFAULT_ATTRIBUTES, "City"])
    channel = component(setup, "MessagingChannel")
    standard = {
        f"_{kind[0].lower()}{kind[1:]}" for kind in texts(channel, "standardParameters/parameterType")
    }
    assert {*texts(channel, "customParameters/externalParameterName"), *standard} >= set(sent)


@pytest.mark.parametrize("setup", [SETUP, AWKWARD], ids=["usual", "awkward"])
def test_every_attribute_is_linked_from_the_wire_to_the_field_that_agents_read(setup: Setup) -> None:
    channel, flow = component(setup, "MessagingChannel"), component(setup, "Flow")
    form = component(setup, "EmbeddedServiceConfig")
    custom = {
        text(one, "externalParameterName"): (
            text(one, "name"),
            text(one, "actionParameterMappings/actionParameterName"),
        )
        for one in all_of(channel, "customParameters")
    }
    standard = {
        text(one, "parameterType"): text(one, "actionParameterMappings/actionParameterName")
        for one in all_of(channel, "standardParameters")
    }
    shown = {
        text(one, "formField"): (text(one, "messagingChannelParameterType"), text(one, "isHidden"))
        for one in all_of(form, "embeddedServiceForms/embeddedServiceFormFields")
    }
    inputs = {text(one, "name") for one in all_of(flow, "variables") if text(one, "isInput") == "true"}
    written = {
        text(one, "value/elementReference"): text(one, "field")
        for one in all_of(flow, "recordUpdates/inputAssignments")
    }
    fields = {text(root, "fullName") for root in parsed(setup).values() if tag(root) == "CustomField"}
    allowed = [
        {text(one, "field"): text(one, "editable") for one in all_of(root, "fieldPermissions")}
        for root in parsed(setup).values()
        if tag(root) == "PermissionSet"
    ]
    assert len(setup.parameters) == len(fields) == len(shown) == len(written) == len(inputs) - 2
    for one in setup.parameters:
        if one.standard:
            assert standard[one.standard] == one.name
            assert shown[f"_{one.standard}"] == ("Standard", "false")
        else:
            assert custom[one.attribute] == (one.name, one.name)
            assert shown[one.name] == ("Custom", "true")
        assert one.name in inputs
        assert written[one.name] == one.field
        assert one.field in fields
        assert sorted(rights[f"MessagingSession.{one.field}"] for rights in allowed) == ["false", "true"]


def test_every_component_names_others_that_are_there() -> None:
    channel, flow, queue = (component(SETUP, kind) for kind in ("MessagingChannel", "Flow", "Queue"))
    stems = {tag(root): Path(path).name.split(".")[0] for path, root in parsed(SETUP).items()}
    assert stems["EmbeddedServiceConfig"] == "Kore_Custom_Client"
    assert stems["MessagingChannel"] != stems["EmbeddedServiceConfig"]
    form = component(SETUP, "EmbeddedServiceConfig")
    assert text(form, "embeddedServiceMessagingChannel/messagingChannel") == stems["MessagingChannel"]
    assert text(channel, "sessionHandlerFlow") == stems["Flow"]
    assert text(channel, "sessionHandlerQueue") == stems["Queue"]
    assert stems["Queue"] in texts(flow, "recordLookups/filters/value/stringValue")
    assert text(queue, "queueRoutingConfig") == stems["QueueRoutingConfig"]
    assert text(queue, "queueMembers/publicGroups/publicGroup") == stems["Group"]
    elements = [
        *texts(flow, "actionCalls/name"),
        *texts(flow, "recordLookups/name"),
        *texts(flow, "recordUpdates/name"),
    ]
    targets = [one.text for one in flow.iter(f"{{{NAMESPACE}}}targetReference")]
    assert set(targets) == set(elements)


def test_a_session_is_routed_even_if_its_fields_cannot_be_written() -> None:
    flow = component(SETUP, "Flow")
    assert text(flow, "recordUpdates/faultConnector/targetReference") == text(flow, "recordLookups/name")


def test_the_manifests_name_every_component_and_the_first_one_what_the_flow_rests_on() -> None:
    def listed(name: str) -> set[str]:
        return {
            f"{text(kind, 'name')}:{member}"
            for kind in all_of(parsed(SETUP)[name], "types")
            for member in texts(kind, "members")
        }

    def full_name(path: str, root: ET.Element) -> str:
        own = (
            f"MessagingSession.{text(root, 'fullName')}"
            if tag(root) == "CustomField"
            else Path(path).name.split(".")[0]
        )
        return f"{tag(root)}:{own}"

    there = {full_name(path, root) for path, root in parsed(SETUP).items() if tag(root) != "Package"}
    later = {
        f"Flow:{SETUP.flow}",
        f"MessagingChannel:{SETUP.channel}",
        f"EmbeddedServiceConfig:{SETUP.deployment}",
    }
    assert listed("package.xml") == there
    assert listed("package-first.xml") == there - later


def test_awkward_names_come_out_as_they_went_in() -> None:
    channel = component(AWKWARD, "MessagingChannel")
    assert set(texts(channel, "customParameters/externalParameterName")) == {
        "A & B",
        "<City>",
        '"',
        "recordId",
        "市",
    }
    assert '<Bot> & "Co"' in text(channel, "description")
    assert "\x07" not in files(AWKWARD)["README.md"]
    for root in parsed(AWKWARD).values():
        assert all(len(label) <= 40 for kind in ("label", "masterLabel") for label in texts(root, kind))
        assert all(len(words) <= 255 for words in texts(root, "description"))


def test_a_bot_that_sends_no_attributes_gets_a_set_up_without_fields_and_form() -> None:
    assert "CustomField" not in {tag(root) for root in parsed(BARE).values()}
    assert all_of(component(BARE, "EmbeddedServiceConfig"), "embeddedServiceForms") == []
    assert text(component(BARE, "Flow"), "start/connector/targetReference") == names.FIND


def test_the_opt_out_words_are_those_that_nobody_writes_to_an_agent() -> None:
    assert texts(component(SETUP, "MessagingChannel"), "messagingKeywords/keyword") == list(OPT_OUT)
    assert set(OPT_OUT) == OPT_OUT_KEYWORDS - {"stop", "cancel", "end", "quit"}


def test_without_attachments_the_channel_takes_no_files() -> None:
    embedded = all_of(component(AWKWARD, "MessagingChannel"), "embeddedConfig")[0]
    assert text(embedded, "isAttachmentUploadEnabled") == "false"
    assert texts(embedded, "maxFileSize") == []


# --- the README ---


def test_the_readme_has_every_name_and_no_placeholder() -> None:
    readme = files()["README.md"]
    for one in SETUP.parameters:
        assert f"| `{one.attribute}` |" in readme
        assert f"`{one.field}`" in readme
    for name in (
        SETUP.queue,
        SETUP.flow,
        SETUP.channel,
        SETUP.deployment,
        SETUP.group,
        SETUP.reading,
        SETUP.editing,
    ):
        assert f"`{name}`" in readme
    assert "$" not in readme
    assert "botkit doctor --config config/botkit.yaml --bot st-1 --live" in readme
    assert "## What was never tried" in readme
