"""The bodies of the REST calls that clients make, validated once.

See docs/protocols/salesforce-miaw.md, 1 to 3.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar

import msgspec

from botkit_sandbox.salesforce.refusal import Refusal

T = TypeVar("T", bound=msgspec.Struct)


class TokenRequest(msgspec.Struct, frozen=True, rename="camel"):
    """Body of both token calls (1.1, 1.2); the last two fields belong to the authenticated call."""

    org_id: str
    es_developer_name: str
    capabilities_version: str
    platform: Literal["Web", "Mobile"]
    context: dict[str, Any] | None = None
    device_id: str | None = None
    authorization_type: str | None = None
    customer_identity_token: str | None = None


class NewConversation(msgspec.Struct, frozen=True, rename="camel"):
    """POST /conversation (2.1)."""

    conversation_id: str
    es_developer_name: str
    routing_attributes: dict[str, Any] | None = None
    language: str | None = None


class OutgoingMessage(msgspec.Struct, frozen=True, rename="camel"):
    """The end user's message (3.1, 3.2). Which content belongs to which type is checked in `content_of`."""

    id: str
    message_type: str
    static_content: dict[str, Any] | None = None
    choices_response: dict[str, Any] | None = None
    form_response: dict[str, Any] | None = None
    in_reply_to_message_id: str | None = None


class SendMessage(msgspec.Struct, frozen=True, rename="camel"):
    """POST /conversation/{id}/message."""

    message: OutgoingMessage
    es_developer_name: str
    is_new_messaging_session: bool | None = None
    routing_attributes: dict[str, Any] | None = None
    language: str | None = None


class FileMessage(msgspec.Struct, frozen=True, rename="camel"):
    """The message of a file upload (3.3)."""

    id: str
    file_id: str
    text: str | None = None
    in_reply_to_message_id: str | None = None


class SendFile(msgspec.Struct, frozen=True, rename="camel"):
    """The `messageEntry` part of POST /conversation/{id}/file."""

    message: FileMessage
    es_developer_name: str
    is_new_messaging_session: bool | None = None
    routing_attributes: dict[str, Any] | None = None
    language: str | None = None


class TypingEntry(msgspec.Struct, frozen=True, rename="camel"):
    """POST /conversation/{id}/entry (3.4)."""

    entry_type: Literal["TypingStartedIndicator", "TypingStoppedIndicator"]
    id: str


class Acknowledgement(msgspec.Struct, frozen=True, rename="camel"):
    """One receipt (3.5). Both spellings that clients use are accepted."""

    id: str
    entry_type: Literal["Delivery", "Read", "DeliveryAcknowledgement", "ReadAcknowledgement"]
    conversation_entry_id: str


class Acknowledgements(msgspec.Struct, frozen=True, rename="camel"):
    """POST /conversation/{id}/acknowledge-entries."""

    acks: list[Acknowledgement]


def parse(body: bytes, shape: type[T], *, unknown_properties: Literal["ignore", "refuse"]) -> T:
    """The body as `shape`.

    Raises:
        Refusal: 400, naming the field that is missing or wrong.
    """
    try:
        parsed = msgspec.json.decode(body, type=shape)
        if unknown_properties == "refuse":
            _refuse_unknown(msgspec.json.decode(body), shape, "$")
    except (msgspec.DecodeError, RecursionError) as error:
        raise Refusal(400, f"Request body is not valid: {error}") from error
    return parsed


def content_of(message: OutgoingMessage) -> dict[str, Any]:
    """The message as `abstractMessage` carries it, without its id.

    Raises:
        Refusal: 400 for a type or format an end user may not send (IS error 10062), or content that does not fit.
    """
    kind = message.message_type
    if kind == "StaticContentMessage":
        return {"staticContent": _static(message.static_content)}
    if kind == "ChoicesResponseMessage":
        return {
            "choicesResponse": _answer(
                message.choices_response, "choicesResponse", "Selections", "selectedOptions"
            )
        }
    if kind == "FormResponseMessage":
        return {"formResponse": _answer(message.form_response, "formResponse", "Inputs", "inputValues")}
    raise Refusal(400, f"messageType {kind!r} is not allowed from an end user")


def _static(content: dict[str, Any] | None) -> dict[str, Any]:
    if content is None:
        raise Refusal(400, "message.staticContent is required for a StaticContentMessage")
    if content.get("formatType") != "Text":
        raise Refusal(400, "message.staticContent.formatType must be Text")
    words = content.get("text")
    if not isinstance(words, str) or not words:
        raise Refusal(400, "message.staticContent.text must be a text that is not empty")
    return content


def _answer(answer: dict[str, Any] | None, name: str, format_type: str, values: str) -> dict[str, Any]:
    if answer is None:
        raise Refusal(400, f"message.{name} is required for this messageType")
    if answer.get("formatType") != format_type:
        raise Refusal(400, f"message.{name}.formatType must be {format_type}")
    given = answer.get(values)
    if not isinstance(given, list) or not given or not all(isinstance(value, dict) for value in given):
        raise Refusal(400, f"message.{name}.{values} must be a list of objects that is not empty")
    return answer


def _refuse_unknown(raw: Any, shape: type[msgspec.Struct], path: str) -> None:
    fields = {field.encode_name: field.type for field in msgspec.structs.fields(shape)}
    for name, value in raw.items():
        if name not in fields:
            raise Refusal(400, f"Unrecognized field {path}.{name}")
        inner = fields[name]
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            _refuse_unknown(value, inner, f"{path}.{name}")
        elif inner == list[Acknowledgement]:
            for number, item in enumerate(value):
                _refuse_unknown(item, Acknowledgement, f"{path}.{name}[{number}]")
