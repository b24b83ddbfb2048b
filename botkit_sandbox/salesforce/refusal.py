"""A call the cloud does not do, with the status and the code it answers."""

from __future__ import annotations

CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    409: "CONFLICT",
    412: "PRECONDITION_FAILED",
    413: "PAYLOAD_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    417: "EXPECTATION_FAILED",
    429: "TOO_MANY_REQUESTS",
    500: "INTERNAL_SERVER_ERROR",
    502: "BAD_GATEWAY",
    503: "SERVICE_UNAVAILABLE",
    504: "GATEWAY_TIMEOUT",
}


class Refusal(Exception):
    """Answered as an error body in the style of the host that was asked (protocol section 6)."""

    def __init__(self, status: int, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.retry_after = retry_after

    @property
    def code(self) -> str:
        """The name of the status, which iamessage bodies carry beside the message."""
        return CODES.get(self.status, f"HTTP_{self.status}")


class NotPossible(Exception):
    """An agent's action that makes no sense in the conversation's present state (control API: 409)."""


class NotKnown(Exception):
    """No such conversation or agent (control API: 404)."""
