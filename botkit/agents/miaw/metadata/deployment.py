"""The Embedded Service deployment of the type API: what `developer_name` of a bot's file names."""

from __future__ import annotations

from botkit.agents.miaw.metadata.names import Parameter, Setup
from botkit.agents.miaw.metadata.xml import Element, document, flag

_OF_WEB_PAGES = (
    "isChatInvitationCustomizable",
    "isEnabled",
    "isInvitationEnabled",
    "isSendInvtAllowedAfterAccept",
    "isSendInvtAllowedAfterReject",
    "messagingChannel",
    "shouldShowAgentforceTagline",
    "shouldShowDeliveryReceipts",
    "shouldShowEmojiSelection",
    "shouldShowReadReceipts",
    "shouldShowTypingIndicators",
    "shouldStartNewLineOnEnter",
)
"""The elements of the channel in the deployment. All have to be there; those about a web page's widget have to be false."""


def deployment(setup: Setup) -> str:
    """EmbeddedServiceConfig. It works only once it is published, and again after every change."""
    values = {"isEnabled": flag(True), "messagingChannel": setup.channel}
    channel: list[Element] = [(name, values.get(name, flag(False))) for name in _OF_WEB_PAGES]
    return document(
        "EmbeddedServiceConfig",
        [
            ("areGuestUsersAllowed", flag(False)),
            ("deploymentFeature", "EmbeddedMessaging"),
            ("deploymentType", "API"),
            *([("embeddedServiceForms", _form(setup))] if setup.parameters else []),
            ("embeddedServiceMessagingChannel", channel),
            ("isEnabled", flag(True)),
            ("isTermsAndConditionsEnabled", flag(False)),
            ("isTermsAndConditionsRequired", flag(False)),
            ("masterLabel", setup.label),
            ("shouldHideAuthDialog", flag(False)),
        ],
    )


def _form(setup: Setup) -> list[Element]:
    """The pre-chat form, once per conversation: with one per session, a message after a session's end is refused (417)."""
    standard = [one for one in setup.parameters if one.standard]
    custom = sorted((one for one in setup.parameters if not one.standard), key=lambda one: one.name)
    return [
        ("displayContext", "Conversation"),
        *(("embeddedServiceFormFields", _field(one, order)) for order, one in enumerate(standard)),
        *(("embeddedServiceFormFields", _field(one, -1)) for one in custom),
        ("isActive", flag(True)),
    ]


def _field(parameter: Parameter, order: int) -> list[Element]:
    """A field of the form. Only custom ones can be hidden, and a hidden one has the order -1."""
    return [
        ("displayOrder", str(order)),
        ("formField", parameter.form_field),
        ("formFieldType", "Email" if parameter.standard == "Email" else "Text"),
        ("isHidden", flag(not parameter.standard)),
        ("isRequired", flag(False)),
        ("messagingChannelParameterType", "Standard" if parameter.standard else "Custom"),
    ]
