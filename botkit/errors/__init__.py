"""Every error of BotKit, in one tree.

    BotKitError
     ├─ ConfigurationError            BK-1000  the configuration is invalid; `botkit check` prints every problem
     ├─ SettingInvalid                BK-1001  a setting given in code is invalid
     ├─ HookRefused                   BK-2000  a hook is answered with an error status
     │   ├─ HookUnauthorized          BK-2001  401: the token is missing or invalid
     │   ├─ HookNotFound              BK-2002  404: unknown event or bot
     │   ├─ HookTooLarge              BK-2003  413: the body is over 2 MB
     │   ├─ HookNotJson               BK-2004  412: the body is not a JSON object
     │   ├─ HookInvalid               BK-2005  400: the payload is incomplete, or names a URL that may not be called
     │   ├─ BodyIncomplete            BK-2006  408: the body did not arrive in time
     │   └─ TooManyBodies             BK-2007  503: too many bodies are pending
     ├─ LedgerError                   BK-3000  the store did not commit
     │   ├─ LedgerBusy                BK-3001  another process holds the store
     │   ├─ LedgerClosed              BK-3002  the service is stopping
     │   ├─ LeaderLost                BK-3003  the leader of a shared store has gone; a follower takes over
     │   └─ LedgerUnusable            BK-3004  the store cannot be reached, or not be used as it is set up
     ├─ CallError                     BK-4000  a call to Kore or to an agent system failed
     │   ├─ Unreachable               BK-4001  retryable: refused, reset or timed out
     │   ├─ ServerTrouble             BK-4002  retryable: 5xx
     │   ├─ RateLimited               BK-4003  retryable: 429
     │   ├─ CallRefused               BK-4004  4xx: the same call will fail again
     │   │   ├─ MessageWithheld       BK-4012  a text was not sent because it could not be masked
     │   │   ├─ MessageTooLong        BK-4013  a text was not sent because the platform refuses such a length
     │   │   └─ FileUnavailable       BK-4014  a user's file could not be downloaded from the platform
     │   ├─ AccessExpired             BK-4005  401: the access token is not accepted any more
     │   ├─ ConversationClosed        BK-4006  403, 404 or 410: the conversation is over
     │   ├─ NewSessionRequired        BK-4007  417: Salesforce wants a new messaging session
     │   ├─ BadReply                  BK-4008  retryable: the answer cannot be parsed
     │   ├─ HostNotAllowed            BK-4009  the URL's host is not in the configuration
     │   ├─ NotAuthorized             BK-4010  retryable: the platform does not accept our signature
     │   ├─ AgentsUnavailable         BK-4011  no agent can take the hand-off at present
     │   └─ CallBroken                BK-4015  a defect kept the call from being made, or its answer from being read
     └─ SdkError                      BK-5000  a handler, a job or a test asked for something impossible
         ├─ HandlerTooLate            BK-5001  a context was used after its hook was finished
         ├─ WrongThread               BK-5002  a blocking call was made on an event loop
         ├─ UserNotReachable          BK-5003  no payload of this user is stored
         ├─ NothingToAnswer           BK-5004  no webhook with this requestId waits for an answer
         ├─ NotConfigured             BK-5005  the kit has no configuration, or more than one
         ├─ TemplateInvalid           BK-5006  a message template is invalid
         ├─ InvalidHandlerResult      BK-5007  a handler returned an invalid value
         ├─ HandlerTimeout            BK-5008  a handler exceeded its time limit
         └─ KitTesterMisused          BK-5009  a test asked its `KitTester` for something impossible

The sandbox has errors of its own, BK-7000 to BK-7999, in `botkit_sandbox`. `docs/reference/errors.md` lists all of them;
`make tables` writes it from the docstrings: the first paragraph says when an error occurs, the second how to fix it.

No message, argument or repr carries a secret or the text of a chat message.
"""

from __future__ import annotations

from botkit.errors.base import BotKitError
from botkit.errors.calls import (
    AccessExpired,
    AgentsUnavailable,
    BadReply,
    CallBroken,
    CallError,
    CallRefused,
    ConversationClosed,
    FileUnavailable,
    HostNotAllowed,
    MessageTooLong,
    MessageWithheld,
    NewSessionRequired,
    NotAuthorized,
    RateLimited,
    ServerTrouble,
    Unreachable,
    UnreachableCause,
)
from botkit.errors.configuration import ConfigurationError, Problem, SettingInvalid, UnusableValue
from botkit.errors.hooks import (
    BodyIncomplete,
    HookInvalid,
    HookNotFound,
    HookNotJson,
    HookRefused,
    HookTooLarge,
    HookUnauthorized,
    TooManyBodies,
)
from botkit.errors.ledger import LeaderLost, LedgerBusy, LedgerClosed, LedgerError, LedgerUnusable
from botkit.errors.sdk import (
    HandlerTimeout,
    HandlerTooLate,
    InvalidHandlerResult,
    KitTesterMisused,
    NotConfigured,
    NothingToAnswer,
    SdkError,
    TemplateInvalid,
    UserNotReachable,
    WrongThread,
)

__all__ = [
    "AccessExpired",
    "AgentsUnavailable",
    "BadReply",
    "BodyIncomplete",
    "BotKitError",
    "CallBroken",
    "CallError",
    "CallRefused",
    "ConfigurationError",
    "ConversationClosed",
    "FileUnavailable",
    "HandlerTimeout",
    "HandlerTooLate",
    "HookInvalid",
    "HookNotFound",
    "HookNotJson",
    "HookRefused",
    "HookTooLarge",
    "HookUnauthorized",
    "HostNotAllowed",
    "InvalidHandlerResult",
    "KitTesterMisused",
    "LeaderLost",
    "LedgerBusy",
    "LedgerClosed",
    "LedgerError",
    "LedgerUnusable",
    "MessageTooLong",
    "MessageWithheld",
    "NewSessionRequired",
    "NotAuthorized",
    "NotConfigured",
    "NothingToAnswer",
    "Problem",
    "RateLimited",
    "SdkError",
    "ServerTrouble",
    "SettingInvalid",
    "TemplateInvalid",
    "TooManyBodies",
    "Unreachable",
    "UnreachableCause",
    "UnusableValue",
    "UserNotReachable",
    "WrongThread",
]
