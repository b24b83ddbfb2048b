"""What handlers see and return: their contexts, the verdicts, and the types in both.

from botkit.handlers import UserMessageContext, Verdict
"""

from botkit.handlers.context import Context
from botkit.handlers.contexts import (
    AgentTransferContext,
    AlertContext,
    BotMessageContext,
    ClientEventContext,
    PlatformEventContext,
    UserMessageContext,
    VariableUpdateContext,
    WebhookContext,
)
from botkit.handlers.conversation import ConversationHandle
from botkit.handlers.messages import Message, MetaTags
from botkit.handlers.verdicts import Answer, Defer, Next, Sent, Stop, Verdict, WebhookVerdict
from botkit.handlers.views import Channel, Session, User
from botkit.handoff.events import Attachment
from botkit.kore.reads import BotVariable, Dialog

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
