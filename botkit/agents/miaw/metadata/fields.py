"""The fields of MessagingSession that keep the attributes, and who may read and change them."""

from __future__ import annotations

from botkit.agents.miaw.metadata.names import VALUE_LIMIT, Parameter, Setup
from botkit.agents.miaw.metadata.xml import document, flag

OBJECT = "MessagingSession"


def custom_field(setup: Setup, parameter: Parameter) -> str:
    """CustomField: a text, as every routing attribute is one."""
    return document(
        "CustomField",
        [
            ("fullName", parameter.field),
            ("description", f"Routing attribute {parameter.attribute} of {setup.bot_name}."),
            ("externalId", flag(False)),
            ("label", parameter.label),
            ("length", str(VALUE_LIMIT)),
            ("required", flag(False)),
            ("type", "Text"),
            ("unique", flag(False)),
        ],
    )


def permission_set(setup: Setup, *, editable: bool) -> str:
    """PermissionSet: to read the fields, for agents; or to change them too, for administrators and the flow's user.

    A field that nobody has a permission for is invisible everywhere, in the flow builder too, as if it did not exist.
    """
    who = "change" if editable else "read"
    return document(
        "PermissionSet",
        [
            ("description", f"May {who} what {setup.bot_name} tells agents about a conversation."),
            *(
                (
                    "fieldPermissions",
                    [
                        ("editable", flag(editable)),
                        ("field", f"{OBJECT}.{parameter.field}"),
                        ("readable", flag(True)),
                    ],
                )
                for parameter in sorted(setup.parameters, key=lambda one: one.field)
            ),
            ("hasActivationRequired", flag(False)),
            ("label", f"{setup.label} {'Edit' if editable else 'Read'}"),
        ],
    )
