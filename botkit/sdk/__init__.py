"""What handlers see and return: their contexts, the verdicts, and the types in both.

from botkit.sdk import UserMessageContext, Verdict
"""

from botkit.handoff.events import Attachment
from botkit.kore.dialog import Dialog
from botkit.kore.variables import BotVariable
from botkit.sdk.context import Context
from botkit.sdk.contexts import (
    AgentTransferContext,
    AlertContext,
    BotMessageContext,
    ClientEventContext,
    PlatformEventContext,
    UserMessageContext,
    VariableUpdateContext,
    WebhookContext,
)
from botkit.sdk.conversation import ConversationHandle
from botkit.sdk.messages import Message, MetaTags
from botkit.sdk.verdicts import Answer, Defer, Next, Sent, Stop, Verdict, WebhookVerdict
from botkit.sdk.views import Channel, Session, User

__all__ = [
    "AgentTransferContext",
    "AlertContext",
    "Answer",
    "Attachment",
    "BotMessageContext",
    "BotVariable",
    "Channel",
    "ClientEventContext",
    "Context",
    "ConversationHandle",
    "Defer",
    "Dialog",
    "Message",
    "MetaTags",
    "Next",
    "PlatformEventContext",
    "Sent",
    "Session",
    "Stop",
    "User",
    "UserMessageContext",
    "VariableUpdateContext",
    "Verdict",
    "WebhookContext",
    "WebhookVerdict",
]
