"""The names that a bot's own handlers need: contexts, verdicts, and the types in both.

from botkit.handlers import UserMessageContext, Verdict

Section numbers in this package are those of docs/protocols/kore-xo-botkit.md.
"""

from botkit.handlers import contexts, handoff_contexts
from botkit.handlers.calls import Message, MetaTags
from botkit.handlers.context import Context
from botkit.handlers.contexts import *  # noqa: F403 - its __all__ has one context per hook event, and is added to ours
from botkit.handlers.conversation import ConversationHandle
from botkit.handlers.handoff_contexts import *  # noqa: F403 - likewise
from botkit.handlers.verdicts import Answer, Defer, Next, Sent, Stop, Verdict, WebhookVerdict
from botkit.handlers.views import Channel, Session, User
from botkit.handoff.events import Attachment
from botkit.kore.reads import BotVariable, Dialog

__all__ = [
    *contexts.__all__,
    *handoff_contexts.__all__,
    "Answer",
    "Attachment",
    "BotVariable",
    "Channel",
    "Context",
    "ConversationHandle",
    "Defer",
    "Dialog",
    "Message",
    "MetaTags",
    "Next",
    "Sent",
    "Session",
    "Stop",
    "User",
    "Verdict",
    "WebhookVerdict",
]
