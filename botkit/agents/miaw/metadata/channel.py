"""The messaging channel: its parameters, the flow that routes its sessions, and the words that opt a user out."""

from __future__ import annotations

from botkit.agents.miaw.metadata.names import VALUE_LIMIT, Parameter, Setup
from botkit.agents.miaw.metadata.xml import Element, document, flag

OPT_OUT = ("stopall", "unsubscribe")
"""Fewer opt-out words than Salesforce's default, which has "stop", "end", "quit" and "cancel" too: a user who writes one of those
to an agent would be opted out. A channel needs at least one before it can be activated."""

GUEST_TOKEN_MINUTES = 360
"""How long a guest's token lives, and with it the conversation: Salesforce's default, of 60 to 4320."""

FILE_MEGABYTES = 5
FILE_TYPES = "bmp,csv,doc,docx,gif,jpg,pdf,png,tiff,txt,xls,xml"


def channel(setup: Setup) -> str:
    """MessagingChannel of the type EmbeddedMessaging. Salesforce creates it inactive."""
    custom = sorted((one for one in setup.parameters if not one.standard), key=lambda one: one.name)
    standard = sorted((one for one in setup.parameters if one.standard), key=lambda one: one.standard)
    return document(
        "MessagingChannel",
        [
            (
                "automatedResponses",
                [
                    ("autoResponseContentType", "TextResponse"),
                    ("language", "en_US"),
                    ("response", "You have opted out of messages."),
                    ("type", "OptOutConfirmation"),
                ],
            ),
            *(("customParameters", _custom(one)) for one in custom),
            ("description", f"Conversations that {setup.bot_name} hands over to agents."),
            ("embeddedConfig", _embedded(setup)),
            ("isEstimatedWaitTimeEnabled", flag(True)),
            ("isQueuePositionEnabled", flag(False)),
            ("masterLabel", f"{setup.label} Channel"),
            ("messagingChannelType", "EmbeddedMessaging"),
            (
                "messagingKeywords",
                [
                    *(("keyword", word) for word in OPT_OUT),
                    ("keywordType", "OptOut"),
                    ("language", "en_US"),
                ],
            ),
            ("sessionHandlerFlow", setup.flow),
            ("sessionHandlerQueue", setup.queue),
            ("sessionHandlerType", "Flow"),
            *(("standardParameters", [_mapping(one), ("parameterType", one.standard)]) for one in standard),
        ],
    )


def _custom(parameter: Parameter) -> list[Element]:
    return [
        _mapping(parameter),
        ("externalParameterName", parameter.attribute),
        ("masterLabel", parameter.label),
        ("maxLength", str(VALUE_LIMIT)),
        ("name", parameter.name),
        ("parameterDataType", "String"),
    ]


def _mapping(parameter: Parameter) -> Element:
    """The flow's variable. Sources disagree whether it survives a deployment, so the README has it compared."""
    return ("actionParameterMappings", [("actionParameterName", parameter.name)])


def _embedded(setup: Setup) -> list[Element]:
    files: list[Element] = [("allowedFileTypes", FILE_TYPES)] if setup.attachments else []
    sizes: list[Element] = [("maxFileSize", str(FILE_MEGABYTES))] if setup.attachments else []
    return [
        *files,
        ("anonymousUserJwtExpirationTime", str(GUEST_TOKEN_MINUTES)),
        ("authMode", "UnAuth"),
        ("isAttachmentUploadEnabled", flag(setup.attachments)),
        ("isEstimatedWaitTimeEnabled", flag(True)),
        ("isFallbackMessageEnabled", flag(False)),
        ("isFileAttachmentExtUnrestricted", flag(False)),
        ("isSaveTranscriptEnabled", flag(False)),
        *sizes,
    ]
