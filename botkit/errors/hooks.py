"""Hooks that are answered with an error status."""

from __future__ import annotations

from typing import ClassVar

from botkit.errors.base import BotKitError


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
