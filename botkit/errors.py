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

from dataclasses import dataclass
from typing import ClassVar, Literal


class BotKitError(Exception):
    """The base class of every BotKit error."""

    code: ClassVar[str] = "BK-0000"
    retryable: ClassVar[bool] = False


# --- configuration ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem in a configuration file.

    `str()` gives ``file:line: path: what is wrong; how to fix it``.
    """

    file: str
    line: int
    path: str
    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.path}: {self.what}; {self.fix}"


class ConfigurationError(BotKitError):
    """The configuration cannot be used; `problems` lists everything that is wrong with it.

    Run `botkit check`: it prints each problem with its file, its line and the fix.
    """

    code = "BK-1000"

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


class UnusableValue(ValueError):
    """A value of a configuration file cannot be used; it becomes a `Problem` at the value's line.

    Args:
        what: what is wrong with it, without the value itself and without a full stop.
        fix: how to correct it, without a full stop; it may quote the value.
        discreet_fix: `fix` without the value, for values that came from the environment or a file.
    """

    def __init__(self, what: str, fix: str, *, discreet_fix: str | None = None) -> None:
        self.what = what
        self.fix = fix
        self.discreet_fix = fix if discreet_fix is None else discreet_fix
        super().__init__(f"{what}; {fix}")


class SettingInvalid(BotKitError, ValueError):
    """A setting that was given in code, not in a file, cannot be used.

    The message names the setting and says which values are accepted.
    """

    code = "BK-1001"


# --- hooks -----------------------------------------------------------------------------------------------------


class HookRefused(BotKitError):
    """A hook is answered with an error: `status`, and the body `{"errors": [{"msg", "code"}]}`.

    See the subclass; this class itself is never raised.

    Args:
        message: the text of the answer.
        reason: for the operator's log only: why, more precisely than the caller may know.
        fix: what to change, such as a key of the bot's file; by default the subclass' own.
    """

    code = "BK-2000"
    status: ClassVar[int] = 500
    wire_code: ClassVar[str | int] = "INTERNAL_SERVER_ERROR"
    wire_message: ClassVar[str] = "Internal Server Error"
    usual_fix: ClassVar[str] = ""

    def __init__(self, message: str | None = None, *, reason: str = "", fix: str = "") -> None:
        self.message = message or self.wire_message
        self.reason = reason or self.message
        self.fix = fix or self.usual_fix
        super().__init__(self.message)


class HookUnauthorized(HookRefused):
    """A hook's token is missing, invalid, expired or signed for another app (401).

    Check `kore.client_id`, `kore.client_secret`, `kore.algorithm` and the clocks of both machines.
    """

    code, status, wire_code, wire_message = "BK-2001", 401, 4002, "Invalid apikey"
    usual_fix = "kore.client_id, kore.client_secret and kore.algorithm"


class HookNotFound(HookRefused):
    """A hook names an event or a bot that does not exist here (404).

    Check that one of the bot files has the bot's id.
    """

    code, status, wire_code, wire_message = "BK-2002", 404, "NOT_FOUND", "Event not found"
    usual_fix = "the Callback URL of the bot's JWT app"


class HookTooLarge(HookRefused):
    """A hook's body is over 2 MB (413).

    The dialog keeps too much in its context: make it smaller.
    """

    code, status, wire_code, wire_message = "BK-2003", 413, "PAYLOAD_TOO_LARGE", "Payload too large"
    usual_fix = "the dialog's context: make it smaller"


class HookNotJson(HookRefused):
    """A hook's body is not a JSON object (412).

    Look for a proxy between the platform and BotKit that changes bodies.
    """

    code, status, wire_code, wire_message = "BK-2004", 412, "VALIDATION_ERROR", "Invalid JSON"
    usual_fix = "a proxy between the platform and BotKit that changes bodies"


class HookInvalid(HookRefused):
    """A payload lacks a required member, belongs to another bot than its path, or names a URL that may not be called (400).

    Check `kore.callback_hosts`; the log names the member.
    """

    code, status, wire_code, wire_message = "BK-2005", 400, "INVALID_ARGUMENTS", "Invalid arguments"
    usual_fix = "the sender: the payload is not as the platform documents it"


class BodyIncomplete(HookRefused):
    """The connection ended, or timed out, before the whole body had arrived (408).

    Check the platform's connection and the proxies in between; let the proxy buffer request bodies.
    """

    code, status = "BK-2006", 408
    wire_code, wire_message = "REQUEST_TIMEOUT", "The body did not arrive in time"
    usual_fix = "the proxies in front of BotKit: let them buffer request bodies"


class TooManyBodies(HookRefused):
    """Too many request bodies are pending, or too many hooks wait for their handlers (503).

    For bodies, look for clients that begin requests and do not end them, and let the proxy buffer bodies. For handlers, make slow
    ones faster, or raise `server.threads`. The log says which it is.
    """

    code, status = "BK-2007", 503
    wire_code, wire_message = "SERVICE_UNAVAILABLE", "Too many request bodies are pending"
    usual_fix = "clients that begin requests and do not end them; let the proxy in front of BotKit buffer request bodies"


# --- ledger ----------------------------------------------------------------------------------------------------


class LedgerError(BotKitError):
    """The store did not commit: nothing of the input was kept, and the hook is not acknowledged.

    Check the disk: is it full, read-only or gone?
    """

    code = "BK-3000"


class LedgerBusy(LedgerError):
    """Another process holds the store and refuses this one: it does not share (`botkit serve`), or its configuration differs.

    Stop one of the two. Only workers of an application share a store, and only with the same configuration files.
    """

    code = "BK-3001"


class LedgerClosed(LedgerError):
    """The service is stopping, or was stopped, and accepts no more input.

    Start it again, if that does not happen by itself; then the platform's next attempts are accepted.
    """

    code = "BK-3002"


class LeaderLost(LedgerError):
    """The leader of a shared store went before it had answered, and no follower took over in time.

    The platform's next attempt is accepted. Read the old leader's log to see why it went.
    """

    code = "BK-3003"


class LedgerUnusable(LedgerError):
    """The store cannot be reached or used as it is set up: an old server, a setting that loses hooks, a missing right or package.

    The message ends with the fix. `botkit doctor` makes the same checks.

    Args:
        what: what is wrong, without a password and without a full stop.
        fix: how to correct it, likewise.
    """

    code = "BK-3004"

    def __init__(self, what: str, fix: str) -> None:
        self.what = what
        self.fix = fix
        super().__init__(f"{what}; {fix}")


# --- calls -----------------------------------------------------------------------------------------------------


class CallError(BotKitError):
    """A call to Kore or to an agent system failed.

    See the subclass; the log names the call.

    Args:
        what: the name of the call, such as ``"create conversation"``; never a URL with a token, never a body.
        status: the HTTP status, if there was an answer.
        retry_after: the wait in seconds that the server asked for, if it did.
        detail: the server's own error code or a short reason, without any message text.
        fix: what to change, if this failure tells; empty otherwise.

    Attributes:
        host: the host that was called, with its port if the URL names one; empty if not known.
        cause: the kind of failure, for logs: one of `Unreachable`'s causes, ``status`` for an answer with an error status, or
            ``answer`` for any other failure; of `CallBroken`, ``defect``.
    """

    code = "BK-4000"
    host: str = ""

    def __init__(
        self,
        what: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        detail: str = "",
        fix: str = "",
    ) -> None:
        self.what = what
        self.fix = fix
        self.status = status
        self.retry_after = retry_after
        self.detail = detail
        answer = f"HTTP {status}" if status is not None else "no answer"
        super().__init__(f"{what}: {answer}{f' ({detail})' if detail else ''}")

    @property
    def cause(self) -> str:
        return "answer" if self.status is None else "status"


UnreachableCause = Literal[
    "dns", "refused", "timeout", "tls", "proxy", "closed", "network", "held", "waiting"
]
"""Why there was no answer: the host name is not known, the connection was refused, nothing came in time, TLS failed, the
proxy did not let the call through, the connection broke, another trouble of the network, the circuit breaker held the call
back, or it waited in BotKit itself."""


class Unreachable(CallError):
    """A connection was refused, reset or timed out; BotKit retries until `delivery.give_up_after`.

    Check the network, the proxy and the other side.

    Args:
        what: as in `CallError`.
        detail: as in `CallError`.
        possible_duplicate: the connection had been established, so the other side may have processed the call although
            its answer was lost.
        cause: one of `UnreachableCause`.
        fix: as in `CallError`.
    """

    code, retryable = "BK-4001", True

    def __init__(
        self,
        what: str,
        *,
        detail: str = "",
        possible_duplicate: bool = False,
        cause: UnreachableCause = "network",
        fix: str = "",
    ) -> None:
        self.possible_duplicate = possible_duplicate
        self._cause = cause
        super().__init__(what, detail=detail, fix=fix)

    @property
    def cause(self) -> str:
        return self._cause


class ServerTrouble(CallError):
    """The other side answered 5xx; BotKit retries until `delivery.give_up_after`.

    Check the other side's status page.
    """

    code, retryable = "BK-4002", True


class RateLimited(CallError):
    """The other side answered 429; BotKit waits as long as `Retry-After` says, or backs off.

    Nothing to do, unless it happens often: then look for another client that uses the same limit.
    """

    code, retryable = "BK-4003", True


class CallRefused(CallError):
    """The other side refused the call (4xx); the same call would fail again.

    The log has the other side's own words and, where they are known, what to change. `botkit doctor` checks the set-up.
    """

    code = "BK-4004"


class AccessExpired(CallError):
    """The access token is not accepted any more (401).

    The token of an anonymous user cannot be renewed: raise its lifetime on the messaging channel.
    """

    code = "BK-4005"


class ConversationClosed(CallError):
    """The conversation is over on the agents' side, or belongs to another user (403, 404, 410).

    Nothing to do: the user is told and given back to the bot.
    """

    code = "BK-4006"


class NewSessionRequired(CallError):
    """Salesforce wants a new messaging session with pre-chat data before it accepts this message (417).

    Set the pre-chat's display context to *Conversation*.
    """

    code = "BK-4007"


class BadReply(CallError):
    """An answer cannot be parsed; BotKit retries, because a proxy may have answered instead.

    Check that the address is the other side's, and that no proxy or login page answers in its place.
    """

    code, retryable = "BK-4008", True

    @property
    def cause(self) -> str:
        return "answer"


class HostNotAllowed(CallError):
    """A URL's host is not in the configuration; nothing was sent.

    The log says what to change. If the host is right, add it to `kore.callback_hosts`, or correct `organization_base_url`.
    """

    code = "BK-4009"


class NotAuthorized(CallError):
    """The platform does not accept our signature (401, 403, 407); BotKit signs again and retries.

    Check client id, client secret and clock. A 407 comes from a proxy that asks for a login: set `network.proxy` with it.
    """

    code, retryable = "BK-4010", True


class MessageWithheld(CallRefused):
    """A text was not sent, because the organisation's rules for sensitive data could not be applied to it.

    The log names the rule; correct its pattern in Salesforce.
    """

    code = "BK-4012"


class MessageTooLong(CallRefused):
    """A text to the bot was not sent: it is over 3000 characters, or has a word of over 1200.

    Send it in parts.
    """

    code = "BK-4013"


class FileUnavailable(CallRefused):
    """A user's file could not be downloaded from the platform; nothing of it reached the agents.

    The log names the status. With 2xx, the file is too large; with another one, the platform does not give it, or no longer.
    Without one, check that the host of the files is in `kore.callback_hosts`.
    """

    code = "BK-4014"


class AgentsUnavailable(CallError):
    """No agent can take the hand-off at present: the next agent system is tried, or the user is told.

    Check staffing, and `agents.fallback`.
    """

    code = "BK-4011"


class CallBroken(CallError):
    """A defect in BotKit or in an agent system's package kept a call from being made, or its answer from being read.

    Report it, with the place in `detail`. The hand-off is ended, and the user given back to the bot.
    """

    code = "BK-4015"

    @property
    def cause(self) -> str:
        return "defect"


# --- handlers and jobs -----------------------------------------------------------------------------------------


class SdkError(BotKitError):
    """A handler, a job or a test asked for something that is impossible; nothing was done.

    See the subclass; the message says what to change.
    """

    code = "BK-5000"


class HandlerTooLate(SdkError):
    """A handler's context was used after its hook was finished.

    Keep `ctx.conversation` instead: it may be used at any time.
    """

    code = "BK-5001"


class WrongThread(SdkError):
    """A blocking call was made on an event loop.

    Await the method of the same name under `aio`.
    """

    code = "BK-5002"


class UserNotReachable(SdkError):
    """No payload of this user is stored: they have not written yet, or not for hours.

    Set `kore.keep_payloads`, or wait until the user writes.
    """

    code = "BK-5003"


class NothingToAnswer(SdkError):
    """No webhook with this requestId waits for an answer.

    It has been answered, has reached its time limit, or was never deferred.
    """

    code = "BK-5004"


class NotConfigured(SdkError):
    """The kit does not know which configuration to use, or the configuration has no such bot.

    Give the kit a configuration, or make the call within the application's context; the message says which.
    """

    code = "BK-5005"


class TemplateInvalid(SdkError, ValueError):
    """A message template cannot be built.

    The message names the part to change.
    """

    code = "BK-5006"


class InvalidHandlerResult(SdkError):
    """A handler returned an invalid value, so its result is ignored.

    Return the result of a method of `ctx`, or None.
    """

    code = "BK-5007"


class HandlerTimeout(SdkError):
    """A handler exceeded its time limit, and the hook continued without it.

    Move slow work to a job that writes with `kit.conversation(…)`, or give the handler `seconds=`.
    """

    code = "BK-5008"


class KitTesterMisused(SdkError):
    """A test asked `botkit.testing` for something that cannot happen in the present state.

    The message names the step that has to come first.
    """

    code = "BK-5009"
