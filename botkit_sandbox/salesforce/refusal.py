"""Errors of the emulated Salesforce services: refused API calls, impossible agent actions, rate limits.

Numbers in parentheses are sections of docs/protocols/salesforce-miaw.md.
"""

from __future__ import annotations

from collections import deque

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
    """A refused API call. It is answered with an error body in the style of the host (6).

    `code` stands beside the message in iamessage bodies; by default it is the name of the status.
    """

    def __init__(
        self, status: int, message: str, *, retry_after: float | None = None, code: str = ""
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.retry_after = retry_after
        self.code = code or CODES.get(status, f"HTTP_{status}")


class NotPossible(Exception):
    """An agent's action is impossible in the present state of the conversation (control API: 409)."""


class NotKnown(Exception):
    """No conversation or agent has this id or name (control API: 404)."""


def over_limit(times_ms: deque[int], limit: int | None, *, now_ms: int, window_ms: int) -> bool:
    """Whether one more call exceeds the limit; if not, the call is counted. Without a limit nothing is stored."""
    if limit is None:
        return False
    while times_ms and times_ms[0] <= now_ms - window_ms:
        times_ms.popleft()
    if len(times_ms) >= limit:
        return True
    times_ms.append(now_ms)
    return False
