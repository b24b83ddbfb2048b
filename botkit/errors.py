"""Every error of BotKit, in one tree.

    BotKitError
     ├─ ConfigurationError            BK-1000  botkit check prints every one of its problems
     ├─ SettingInvalid                BK-1001  a setting given in code, not in a file, cannot be used
     ├─ HookRefused                   BK-2000  answered to the platform with a status of its own
     │   ├─ HookUnauthorized          BK-2001  401
     │   ├─ HookNotFound              BK-2002  404
     │   ├─ HookTooLarge              BK-2003  413
     │   ├─ HookNotJson               BK-2004  412
     │   ├─ HookInvalid               BK-2005  400
     │   ├─ BodyIncomplete            BK-2006  408
     │   └─ TooManyBodies             BK-2007  503
     ├─ LedgerError                   BK-3000
     │   ├─ LedgerBusy                BK-3001  another process holds the store and does not share it
     │   ├─ LedgerClosed              BK-3002  the service is stopping
     │   └─ LeaderLost                  BK-3003  the process that holds the store has gone; another takes its place
     ├─ CallError                     BK-4000  a call to Kore or to an agent system did not succeed
     │   ├─ Unreachable               BK-4001  retryable: refused, reset, timed out
     │   ├─ ServerTrouble             BK-4002  retryable: 5xx
     │   ├─ RateLimited               BK-4003  retryable: 429, with Retry-After if the server named one
     │   ├─ CallRefused               BK-4004  4xx: asking again will not help
     │   │   ├─ MessageWithheld       BK-4012  a text that could not be masked does not leave
     │   │   ├─ MessageTooLong        BK-4013  a text that the platform is known to refuse does not leave
     │   │   └─ FileUnavailable       BK-4014  a user's file could not be had from the platform
     │   ├─ AccessExpired             BK-4005  401: the access token is not good any more
     │   ├─ ConversationClosed        BK-4006  403/404/410: this conversation is over
     │   ├─ NewSessionRequired        BK-4007  417: Salesforce wants a new messaging session
     │   ├─ BadReply                  BK-4008  the answer cannot be understood
     │   ├─ HostNotAllowed            BK-4009  the URL's host is not one the configuration names
     │   ├─ NotAuthorized             BK-4010  retryable: 401/403/407 from the platform, which a clock or a secret heals
     │   └─ AgentsUnavailable         BK-4011  nobody is there to take the hand-off at present
     └─ SdkError                      BK-5000  a handler or a job asked for something that cannot be
         ├─ HandlerTooLate            BK-5001  the hook has been dealt with already
         ├─ WrongThread               BK-5002  a call that waits, on an event loop
         ├─ UserNotReachable          BK-5003  no payload of this user is kept
         ├─ NothingToAnswer           BK-5004  no such webhook waits for an answer
         ├─ NotConfigured             BK-5005  the kit has no configuration, or more than one
         ├─ TemplateInvalid           BK-5006  a message template that would not be shown as it was meant
         ├─ InvalidHandlerResult            BK-5007  a handler returned what means nothing
         ├─ HandlerTimeout               BK-5008  a handler did not come back in time
         └─ KitTesterMisused          BK-5009  a test asks its `KitTester` for what cannot happen

A message says what to do next. No message, argument or repr carries a secret or what people wrote.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


class BotKitError(Exception):
    """Something BotKit could not do."""

    code: ClassVar[str] = "BK-0000"
    retryable: ClassVar[bool] = False


# --- configuration ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a configuration file.

    `str()` gives the contract's form, ``file:line: path: what is wrong; how to fix it``.
    """

    file: str
    line: int
    path: str
    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.path}: {self.what}; {self.fix}"


class ConfigurationError(BotKitError):
    """The configuration cannot be used; `problems` lists everything that is wrong with it."""

    code = "BK-1000"

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


class SettingInvalid(BotKitError, ValueError):
    """A setting that was given in code cannot be used; the message names it and says what to give."""

    code = "BK-1001"


# --- hooks -----------------------------------------------------------------------------------------------------


class HookRefused(BotKitError):
    """A hook that is answered with an error; the platform reads `status` and `{"errors":[{"msg","code"}]}`."""

    code = "BK-2000"
    status: ClassVar[int] = 500
    wire_code: ClassVar[str | int] = "INTERNAL_SERVER_ERROR"
    wire_message: ClassVar[str] = "Internal Server Error"

    def __init__(self, message: str | None = None) -> None:
        self.message = message or self.wire_message
        super().__init__(self.message)


class HookUnauthorized(HookRefused):
    """The token is missing, wrong, expired or signed for another app: check client id, secret and algorithm."""

    code, status, wire_code, wire_message = "BK-2001", 401, 4002, "Invalid apikey"


class HookNotFound(HookRefused):
    """No such event, or no such bot in the configuration."""

    code, status, wire_code, wire_message = "BK-2002", 404, "NOT_FOUND", "Event not found"


class HookTooLarge(HookRefused):
    """The body is over the limit of 2 MB."""

    code, status, wire_code, wire_message = "BK-2003", 413, "PAYLOAD_TOO_LARGE", "Payload too large"


class HookNotJson(HookRefused):
    """The body is not a JSON object."""

    code, status, wire_code, wire_message = "BK-2004", 412, "VALIDATION_ERROR", "Invalid JSON"


class HookInvalid(HookRefused):
    """The payload lacks something BotKit cannot do without, or names a host it may not call."""

    code, status, wire_code, wire_message = "BK-2005", 400, "INVALID_ARGUMENTS", "Invalid arguments"


class BodyIncomplete(HookRefused):
    """The connection ended, or was cut off, before the whole body had come."""

    code, status = "BK-2006", 408
    wire_code, wire_message = "REQUEST_TIMEOUT", "The body did not come in time"


class TooManyBodies(HookRefused):
    """So many bodies are being waited for that there is no thread to wait for one more."""

    code, status = "BK-2007", 503
    wire_code, wire_message = "SERVICE_UNAVAILABLE", "Too many bodies are being waited for"


# --- ledger ----------------------------------------------------------------------------------------------------


class LedgerError(BotKitError):
    """The ledger could not commit; nothing of the input was kept, and the hook is not acknowledged."""

    code = "BK-3000"


class LedgerBusy(LedgerError):
    """Another process holds this store, and does not share it with this one."""

    code = "BK-3001"


class LedgerClosed(LedgerError):
    """The service is stopping and takes no more input."""

    code = "BK-3002"


class LeaderLost(LedgerError):
    """The process that holds the shared store went before it had answered; the input is handed in again to the next."""

    code = "BK-3003"


# --- calls -----------------------------------------------------------------------------------------------------


class CallError(BotKitError):
    """A call to Kore or to an agent system did not succeed.

    Args:
        what: the call in words, such as ``"create conversation"``; never a URL with a token, never a body.
        status: the HTTP status, when there was one.
        retry_after: seconds the server asked us to wait, when it did.
        detail: the server's own error code or a short reason, already cleared of message text.
    """

    code = "BK-4000"

    def __init__(
        self, what: str, *, status: int | None = None, retry_after: float | None = None, detail: str = ""
    ) -> None:
        self.what = what
        self.status = status
        self.retry_after = retry_after
        self.detail = detail
        answer = f"HTTP {status}" if status is not None else "no answer"
        super().__init__(f"{what}: {answer}{f' ({detail})' if detail else ''}")


class Unreachable(CallError):
    """Refused, reset or timed out; BotKit tries again until `delivery.give_up_after`.

    Args:
        what: as of `CallError`.
        detail: as of `CallError`.
        possible_duplicate: the connection stood, so the other side may have done what was asked without our hearing of it.
    """

    code, retryable = "BK-4001", True

    def __init__(self, what: str, *, detail: str = "", possible_duplicate: bool = False) -> None:
        self.possible_duplicate = possible_duplicate
        super().__init__(what, detail=detail)


class ServerTrouble(CallError):
    """The server answered 5xx; BotKit tries again until `delivery.give_up_after`."""

    code, retryable = "BK-4002", True


class RateLimited(CallError):
    """The server answered 429; BotKit waits for `retry_after` or backs off."""

    code, retryable = "BK-4003", True


class CallRefused(CallError):
    """The server refused the call as it stands; asking again will not help."""

    code = "BK-4004"


class AccessExpired(CallError):
    """The access token is not accepted any more; a guest's token cannot be renewed."""

    code = "BK-4005"


class ConversationClosed(CallError):
    """The conversation on the agents' side is over, or not ours."""

    code = "BK-4006"


class NewSessionRequired(CallError):
    """Salesforce wants a new messaging session with pre-chat before it takes this message (417)."""

    code = "BK-4007"


class BadReply(CallError):
    """The answer cannot be understood; BotKit tries again, since a proxy may have spoken."""

    code, retryable = "BK-4008", True


class HostNotAllowed(CallError):
    """The URL's host is not one the configuration names; add it to `kore.callback_hosts` if it is right."""

    code = "BK-4009"


class NotAuthorized(CallError):
    """The platform does not take our signature: check client id, secret and clock. Every attempt is signed anew."""

    code, retryable = "BK-4010", True


class MessageWithheld(CallRefused):
    """A text was not sent, because the organisation's rules for sensitive data could not be applied to it."""

    code = "BK-4012"


class MessageTooLong(CallRefused):
    """A text was not sent, because the platform takes none that long: send it in parts."""

    code = "BK-4013"


class FileUnavailable(CallRefused):
    """The user's file could not be had from the platform: see its status; nothing of it reached the agents' side."""

    code = "BK-4014"


class AgentsUnavailable(CallError):
    """No agent is there to take the hand-off at present: the next agent system is tried, or the user is told."""

    code = "BK-4011"


# --- handlers and jobs -----------------------------------------------------------------------------------------


class SdkError(BotKitError):
    """A handler, or a job outside any hook, asked for something that cannot be; nothing came of it."""

    code = "BK-5000"


class HandlerTooLate(SdkError):
    """A handler's context was used after its hook had been dealt with; `ctx.conversation` may be kept and used later."""

    code = "BK-5001"


class WrongThread(SdkError):
    """A call that waits for an answer was made on an event loop; its twin under ``aio`` can be awaited."""

    code = "BK-5002"


class UserNotReachable(SdkError):
    """Nothing is known by which this user could be written to: they have not written, or not for hours."""

    code = "BK-5003"


class NothingToAnswer(SdkError):
    """No webhook with this requestId waits for an answer: it was answered, its time is over, or it was never deferred."""

    code = "BK-5004"


class NotConfigured(SdkError):
    """The kit does not know which configuration is meant: give it one, or call within the application's context."""

    code = "BK-5005"


class TemplateInvalid(SdkError, ValueError):
    """A message template cannot be built like this; the message says which part to change."""

    code = "BK-5006"


class InvalidHandlerResult(SdkError):
    """A handler returned something that is no answer to its hook, so it counts as one that said nothing."""

    code = "BK-5007"


class HandlerTimeout(SdkError):
    """A handler did not come back within its time limit, and the hook went on without it."""

    code = "BK-5008"


class KitTesterMisused(SdkError):
    """A test asked `botkit.testing` for something that cannot happen as things are; the message says what has to come first."""

    code = "BK-5009"
