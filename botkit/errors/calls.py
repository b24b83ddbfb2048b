"""Failed calls to Kore and to agent systems."""

from __future__ import annotations

from typing import Literal

from botkit.errors.base import BotKitError


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
