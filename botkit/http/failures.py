"""The failures below HTTP as BotKit's errors, in the words that both carriers share.

`requests_failures` finds them in the exceptions of the requests library, `curl.failures` in libcurl's codes.
"""

from __future__ import annotations

import errno
import os
import re

from botkit.errors import BadReply, CallError, CallRefused, Unreachable, UnreachableCause
from botkit.http.values import MAX_RESPONSE_BYTES

_ALERT = re.compile(r"alert[ _](handshake[ _]failure|.*certificate|unknown[ _]ca)", re.IGNORECASE)
"""What a server says that misses a certificate of its client, or does not accept it."""
_FIX_OF_ALERT = (
    "if the server asks for a client certificate, set network.client_certificate to one that it accepts"
)
_FIX_OF_TLS = "check scheme and port of the address, and that no proxy answers in between"


# The numbers of OpenSSL's X509_V_ERR_….
_NOT_YET_VALID, _EXPIRED, OTHER_HOST, _OTHER_ADDRESS = 9, 10, 62, 64
_UNKNOWN_ISSUER = (2, 18, 19, 20, 21)
_OF_CERTIFICATES = {
    _NOT_YET_VALID: "synchronise this machine's clock (NTP): it is behind",
    _EXPIRED: "check this machine's clock; else the certificate has to be renewed on the other side",
    **dict.fromkeys(
        (OTHER_HOST, _OTHER_ADDRESS),
        "correct the host; if it is right, something in between answers in its place",
    ),
    **dict.fromkeys(
        _UNKNOWN_ISSUER,
        "if a proxy of yours inspects TLS, put its authority into network.ca_bundle; else install ca-certificates",
    ),
}


def untrusted(what: str, code: int, reason: str) -> Unreachable:
    """The error of a certificate that was not accepted; `code` is one of OpenSSL's X509_V_ERR_…."""
    return Unreachable(
        what,
        detail=f"the server's certificate was not accepted: {reason}",
        cause="tls",
        fix=_OF_CERTIFICATES.get(code, "let the other side renew its certificate"),
    )


def of_tls(what: str, reason: str) -> Unreachable:
    """The error of a handshake that failed, with OpenSSL's reason."""
    return Unreachable(
        what,
        detail=f"TLS failed: {(reason or 'no reason given').replace('_', ' ').lower()}",
        cause="tls",
        fix=_FIX_OF_ALERT if _ALERT.search(reason) else _FIX_OF_TLS,
    )


def of_system(what: str, number: int, *, possible_duplicate: bool = False) -> Unreachable:
    """With the operating system's text for the number of its error; an exception's own text may name addresses."""
    cause = _CAUSES.get(number, "network")
    detail = os.strerror(number) if number > 0 else "no connection"
    return Unreachable(what, detail=detail, possible_duplicate=possible_duplicate, cause=cause)


def too_long(what: str, status: int, max_bytes: int) -> CallError:
    """The error of a response over the request's own limit, or over the carrier's if that is 0."""
    if max_bytes:
        return CallRefused(what, status=status, detail=f"longer than {max_bytes} bytes")
    return BadReply(what, status=status, detail=f"the response is longer than {MAX_RESPONSE_BYTES} bytes")


_CAUSES: dict[int, UnreachableCause] = {
    errno.ECONNREFUSED: "refused",
    errno.ETIMEDOUT: "timeout",
    errno.ECONNRESET: "closed",
    errno.EPIPE: "closed",
}
