"""The routing flow: it copies the parameters into the session's fields, finds the queue, and routes the session to it.

The queue is looked up by its name: an id belongs to one organisation, and elsewhere a flow with it deploys and never routes
(docs/protocols/salesforce-miaw.md, 7.4). If the fields cannot be written, the session is routed all the same.
"""

from __future__ import annotations

from botkit.agents.miaw.metadata.fields import OBJECT
from botkit.agents.miaw.metadata.names import (
    API_VERSION,
    FIND,
    RECORD,
    RECORD_ID,
    ROUTE,
    UPDATE,
    Parameter,
    Setup,
)
from botkit.agents.miaw.metadata.xml import Element, document, flag

SERVICE_CHANNEL = "sfdc_livemessage"
"""Salesforce's own service channel "Messaging". An organisation has one for MessagingSession, and cannot have a second."""


def flow(setup: Setup) -> str:
    """Flow of the process type RoutingFlow. It has no `runInMode`: Salesforce refuses one for this type."""
    return document(
        "Flow",
        [
            ("actionCalls", _route()),
            ("apiVersion", API_VERSION),
            ("areMetricsLoggedToDataCloud", flag(False)),
            (
                "description",
                f"Routes conversations of {setup.bot_name} to agents, with what the bot knows of the user.",
            ),
            ("environments", "Default"),
            ("interviewLabel", f"{setup.label} Flow {{!$Flow.CurrentDateTime}}"),
            ("label", f"{setup.label} Flow"),
            _canvas("BuilderType", "LightningFlowBuilder"),
            _canvas("CanvasMode", "AUTO_LAYOUT_CANVAS"),
            _canvas("OriginBuilderType", "LightningFlowBuilder"),
            ("processType", "RoutingFlow"),
            ("recordLookups", _find(setup)),
            *([("recordUpdates", _update(setup))] if setup.parameters else []),
            ("start", [*_place(), _connector(UPDATE if setup.parameters else FIND)]),
            ("status", "Active"),
            *(("variables", variable) for variable in _variables(setup)),
        ],
    )


def _update(setup: Setup) -> list[Element]:
    return [
        ("name", UPDATE),
        ("label", "Copy attributes"),
        *_place(),
        _connector(FIND),
        ("faultConnector", [("isGoTo", flag(True)), ("targetReference", FIND)]),
        ("filterLogic", "and"),
        ("filters", [("field", "Id"), ("operator", "EqualTo"), _reference(RECORD_ID)]),
        *(_assignment(parameter) for parameter in sorted(setup.parameters, key=lambda one: one.field)),
        ("object", OBJECT),
    ]


def _assignment(parameter: Parameter) -> Element:
    return ("inputAssignments", [("field", parameter.field), _reference(parameter.name)])


def _find(setup: Setup) -> list[Element]:
    return [
        ("name", FIND),
        ("label", "Find queue"),
        *_place(),
        ("assignNullValuesIfNoRecordsFound", flag(False)),
        _connector(ROUTE),
        ("filterLogic", "and"),
        ("filters", [("field", "Type"), ("operator", "EqualTo"), _text("Queue")]),
        ("filters", [("field", "DeveloperName"), ("operator", "EqualTo"), _text(setup.queue)]),
        ("getFirstRecordOnly", flag(True)),
        ("object", "Group"),
        ("storeOutputAutomatically", flag(True)),
    ]


def _route() -> list[Element]:
    inputs: list[tuple[str, Element]] = [
        ("recordId", _reference(RECORD_ID)),
        ("serviceChannelLabel", _text("Messaging")),
        ("serviceChannelDevName", _text(SERVICE_CHANNEL)),
        (
            "serviceChannelId",
            (
                "value",
                [("setupReference", SERVICE_CHANNEL), ("setupReferenceType", "ServiceChannel")],
            ),
        ),
        ("routingType", _text("QueueBased")),
        ("isQueueVariable", ("value", [("booleanValue", flag(True))])),
        ("queueId", _reference(f"{FIND}.Id")),
    ]
    return [
        ("name", ROUTE),
        ("label", "Route to queue"),
        *_place(),
        ("actionName", "routeWork"),
        ("actionType", "routeWork"),
        ("flowTransactionModel", "CurrentTransaction"),
        *(("inputParameters", [("name", name), value]) for name, value in inputs),
        ("nameSegment", "routeWork"),
        ("versionString", "2.0.0"),
    ]


def _variables(setup: Setup) -> list[list[Element]]:
    """The session's id and record, which Salesforce sets, and one variable per parameter; sorted, as Salesforce's tools do."""
    described = {
        RECORD_ID: "The id of the messaging session. Salesforce sets it.",
        RECORD: "The messaging session. Salesforce sets it.",
        **{one.name: f"The routing attribute {one.attribute}." for one in setup.parameters},
    }
    return [
        [
            ("description", text),
            ("name", name),
            ("dataType", "SObject" if name == RECORD else "String"),
            ("isCollection", flag(False)),
            ("isInput", flag(True)),
            ("isOutput", flag(False)),
            *([("objectType", OBJECT)] if name == RECORD else []),
        ]
        for name, text in sorted(described.items())
    ]


def _place() -> list[Element]:
    return [("locationX", "0"), ("locationY", "0")]


def _connector(target: str) -> Element:
    return ("connector", [("targetReference", target)])


def _reference(name: str) -> Element:
    return ("value", [("elementReference", name)])


def _text(value: str) -> Element:
    return ("value", [("stringValue", value)])


def _canvas(name: str, value: str) -> Element:
    return ("processMetadataValues", [("name", name), _text(value)])
