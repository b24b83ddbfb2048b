"""A failed call as facts, for log lines and for the story of a hand-off, and how to fix it."""

from __future__ import annotations

import inspect
from functools import cache

import msgspec

from botkit.errors import BadReply, BotKitError, CallError, CallRefused, ConversationClosed, ServerTrouble
from botkit.observability.cleaning import cleaned


class Failure(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A failed call: which one, to whom, and the answer. Nothing in it is secret or a text of a user.

    Attributes:
        call: the name of the call, such as ``get a guest token``.
        host: the host that was called; empty if none was.
        cause: see `CallError.cause`.
        status: the HTTP status of the answer, if there was one.
        code: BotKit's code of the error; empty for a defect.
        words: the other side's own code or reason, or what kept the call from it.
        fix: the fix, where the answer told it; `fix_of` knows the others.
    """

    call: str
    host: str = ""
    cause: str = ""
    status: int | None = None
    code: str = ""
    words: str = ""
    fix: str = ""


def failure_of(error: CallError) -> Failure:
    """The facts of an error."""
    return Failure(
        call=error.what,
        host=error.host,
        cause=error.cause,
        status=error.status,
        code=error.code,
        words=cleaned(error.detail),
        fix=error.fix,
    )


def fix_of(failure: Failure, *, system: str = "") -> str:
    """What to change, in one sentence.

    Args:
        failure: the failed call.
        system: the name of the agent system that was called; empty for the XO platform.
    """
    if failure.fix:
        return failure.fix
    host = failure.host or "the host"
    where = f"agents.systems.{system}" if system else "kore.callback_hosts and the platform's address"
    match failure.cause:
        case "dns":
            return f"check the spelling of {host} in {where}, and this machine's DNS"
        case "refused":
            return f"nothing accepts connections at {host}: check host and port in {where}, and the firewall"
        case "timeout":
            return f"check the network and the firewall between this machine and {host}"
        case "tls":
            return f"check this machine's clock, and whether a proxy replaces the certificate of {host}"
        case "proxy":
            return "check the proxy in network.proxy and its login"
        case "closed" | "network":
            return f"check the network between this machine and {host}"
        case "waiting":
            return ""  # What it waited for has failures of its own.
        case "held":
            return f"see the latest failure of {host}: calls are held back until it answers again"
    match failure.code:
        case BadReply.code:
            return f"check that {host} in {where} is the right host, and that no proxy or login page answers in its place"
        case ServerTrouble.code:
            return f"check the status page of the other side, and what stands before {host}"
        case ConversationClosed.code:
            return ""  # An end like others.
        case CallRefused.code:
            whose = (
                f"the organisation's set-up with {where}" if system else "the app on the platform with kore"
            )
            return f"compare {whose}; `botkit doctor` checks it step by step"
    return _of_code(failure.code)


@cache
def _of_code(code: str) -> str:
    """The second paragraph of the error's docstring, which the error index prints as well."""
    for kind in _errors(BotKitError):
        if kind.code == code:
            paragraphs = inspect.cleandoc(kind.__doc__ or "").split("\n\n")
            return " ".join(paragraphs[1].split()) if len(paragraphs) > 1 else ""
    return ""


def _errors(kind: type[BotKitError]) -> list[type[BotKitError]]:
    return [kind, *(found for under in kind.__subclasses__() for found in _errors(under))]
