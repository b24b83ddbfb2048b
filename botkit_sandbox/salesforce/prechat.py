"""The pre-chat form of the deployment: what token answers say of it, and what is checked of a client's values.

See docs/protocols/salesforce-miaw.md, 1.1 and 2.1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from botkit_sandbox.salesforce.refusal import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class PrechatField:
    """A field of the form. `choices` are the values of a ChoiceList, the first one being its default."""

    name: str
    type: Literal["Text", "Email", "Number", "Phone", "Checkbox", "ChoiceList"] = "Text"
    required: bool = False
    hidden: bool = False
    max_length: int = 255
    choices: tuple[str, ...] = ()


STANDARD_FIELDS = (
    PrechatField(name="_firstName", max_length=40),
    PrechatField(name="_lastName", max_length=80),
    PrechatField(name="_email", type="Email", max_length=80),
    PrechatField(name="_subject"),
)


def form(fields: Sequence[PrechatField], *, display_context: str) -> dict[str, Any]:
    """An element of `forms`. Hidden fields stand among the fields, where Salesforce's sample reads them, and apart as well."""
    shown = [field for field in fields if not field.hidden]
    hidden = [_described(field, order=-1) for field in fields if field.hidden]
    return {
        "formType": "PreChat",
        "displayContext": display_context,
        "formFields": [*(_described(field, order=order) for order, field in enumerate(shown)), *hidden],
        "hiddenFormFields": hidden,
    }


def choice_lists(fields: Sequence[PrechatField]) -> dict[str, Any]:
    """`choiceListConfig`: the values of every ChoiceList field."""
    return {
        "choiceList": [
            {
                "choiceListId": _list_id(field),
                "choiceListValues": [
                    {
                        "order": order,
                        "choiceListValueName": value,
                        "choiceListValueId": f"{_list_id(field)}-{order}",
                        "isDefaultValue": order == 0,
                        "label": value,
                    }
                    for order, value in enumerate(field.choices)
                ],
            }
            for field in fields
            if field.type == "ChoiceList"
        ],
        "choiceListValueDependencies": [],
    }


def check_values(fields: Sequence[PrechatField], values: Mapping[str, str]) -> None:
    """Raises: Refusal 400 for a required field without a value, or a value that does not fit its field."""
    for field in fields:
        value = values.get(field.name, "")
        if not value:
            if field.required:
                raise Refusal(400, f"routingAttributes.{field.name} is required")
        elif len(value) > field.max_length:
            raise Refusal(400, f"routingAttributes.{field.name} is longer than {field.max_length} characters")
        elif not _fits(field, value):
            raise Refusal(400, f"routingAttributes.{field.name} is not a valid {field.type}")


def _fits(field: PrechatField, value: str) -> bool:
    match field.type:
        case "Email":
            name, _, host = value.partition("@")
            return bool(name and host)
        case "Number":
            try:
                return math.isfinite(float(value))
            except ValueError:
                return False
        case "Phone":
            return any(map(str.isdigit, value)) and not any(map(str.isalpha, value))
        case "Checkbox":
            return value.lower() in ("true", "false", "on")
        case "ChoiceList":
            return value in field.choices
        case "Text":
            return True


def _described(field: PrechatField, *, order: int) -> dict[str, Any]:
    return {
        "name": field.name,
        "type": field.type,
        "order": order,
        "required": field.required,
        "maxLength": field.max_length,
        "isHidden": field.hidden,
        "choiceListId": _list_id(field) if field.type == "ChoiceList" else None,
    }


def _list_id(field: PrechatField) -> str:
    return f"choices-{field.name}"
