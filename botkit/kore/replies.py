"""Check the platform's responses: each failure is one of `botkit.errors` (docs/protocols/kore-xo-botkit.md, 3)."""

from __future__ import annotations

import re

from botkit.errors import BadReply, CallError, CallRefused, NotAuthorized, RateLimited, ServerTrouble
from botkit.http import Response
from botkit.http.hosts import naming_host
from botkit.http.lenient_json import decoded, text, try_decoded
from botkit.http.retry import retry_after

_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")

_NOT_AUTHORIZED = {
    401: "check client id, client secret, algorithm and the clock",
    403: "check client id, client secret, the clock and the app's scopes",
    407: "a proxy asks for a login; if there is no proxy, check client id, client secret and the clock",
}
_FIXES = dict.fromkeys(
    (404, 410),
    "the platform forgets a requestId five minutes after its hook or its last extension: "
    "look for calls that were late, and for an extendcallid that fails",
)
_HINTS = {404: "the requestId is not known any more", 410: "the requestId is not known any more"}


@naming_host
def check_reply(what: str, response: Response, *, now: float) -> Response:
    """Return the response if the call succeeded.

    Args:
        what: names the call (`Request.what`).
        response: the platform's response.
        now: epoch seconds, for a Retry-After that is a date.

    Raises:
        RateLimited: 429, with the wait that the platform asks for.
        ServerTrouble: 5xx and 408, also with that wait.
        NotAuthorized: 401, 403 and 407. They pass once a secret has been changed or a clock has been set.
        BadReply: a redirect, or another status that the platform does not send.
        CallRefused: every other 4xx, with a hint.
    """
    status = response.status
    if 200 <= status < 300:
        return response
    wait = retry_after(response.headers, now=now)
    code = _error_code(response.body)
    if status == 429:
        raise RateLimited(what, status=status, retry_after=wait, detail=code)
    if status >= 500 or status == 408:
        raise ServerTrouble(what, status=status, retry_after=wait, detail=code)
    if status < 400:
        raise BadReply(
            what, status=status, detail="an unexpected status; is the URL behind a proxy or login page?"
        )
    if status in _NOT_AUTHORIZED:
        hint = _NOT_AUTHORIZED[status]
        refused: CallError = NotAuthorized(what, status=status, retry_after=wait, detail=_joined(code, hint))
        refused.fix = hint
        raise refused
    refused = CallRefused(what, status=status, detail=_joined(code, _HINTS.get(status, "")))
    refused.fix = _FIXES.get(status, "")
    raise refused


def answer_object(body: bytes, *, what: str) -> dict[str, object]:
    """The answer as a JSON object without ``errors``.

    Raises:
        BadReply: it is anything else. The platform's own text is left out, because it may quote a user.
    """
    try:
        answer = decoded(body)
    except ValueError:
        raise BadReply(what, detail="not JSON") from None
    if not isinstance(answer, dict):
        raise BadReply(what, detail="not a JSON object")
    if "errors" in answer:
        raise BadReply(what, detail="the platform answered with errors; check the request and the language")
    return answer


def _joined(*parts: str) -> str:
    return ": ".join(part for part in parts if part)


def _error_code(body: bytes) -> str:
    """`errors[0].code` (3). The message next to it is left out, because it may quote a user."""
    answer = try_decoded(body) if body.startswith(b"{") else None
    errors = answer.get("errors") if isinstance(answer, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    code = text(first.get("code")) if isinstance(first, dict) else ""
    return code if _CODE.fullmatch(code) else ""
