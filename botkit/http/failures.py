"""The failures below HTTP: an error of the requests library as one of BotKit's, without its text, which may quote the URL.

Those of libcurl are in `botkit.http.curl.failures`, in the same words.
"""

from __future__ import annotations

import errno
import os
import re
import ssl

import requests
import urllib3.exceptions

from botkit.errors import BadReply, CallError, CallRefused, Unreachable, UnreachableCause
from botkit.http import proxying
from botkit.http.network import Proxy
from botkit.http.values import MAX_RESPONSE_BYTES

_ALERT = re.compile(r"alert[ _](handshake[ _]failure|.*certificate|unknown[ _]ca)", re.IGNORECASE)
"""What a server says that misses a certificate of its client, or does not accept it."""
_FIX_OF_ALERT = (
    "if the server asks for a client certificate, set network.client_certificate to one that it accepts"
)
_FIX_OF_TLS = "check scheme and port of the address, and that no proxy answers in between"


def translated(what: str, error: Exception, proxy: Proxy | None = None) -> CallError:
    """The error of a call, which went through this proxy if there is one."""
    if (failure := proxying.failure(what, error, proxy)) is not None:
        return failure
    match error:
        case CallError():
            return error
        case requests.ConnectTimeout():
            return Unreachable(what, detail="no connection in time", cause="timeout")
        case TimeoutError() | requests.Timeout():
            return Unreachable(what, detail="timed out", possible_duplicate=True, cause="timeout")
        case requests.exceptions.SSLError() | ssl.SSLError():
            return _of_ssl(what, error)
        case requests.exceptions.ChunkedEncodingError():
            return Unreachable(what, detail="the response broke off", possible_duplicate=True, cause="closed")
        case requests.exceptions.InvalidURL():
            return CallRefused(what, detail="the URL is not valid")
        case requests.ConnectionError():
            return _not_connected(what, error)
        case requests.RequestException():
            return Unreachable(what, detail="no connection")
        case OSError():
            return of_system(what, error.errno or 0, possible_duplicate=True)
        case _:
            return CallRefused(what, detail="the request cannot be sent as it is")


_MAX_INSIDE = 8
"""Max libraries whose error wraps another's."""
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


def _of_ssl(what: str, error: Exception) -> Unreachable:
    """With OpenSSL's own reason, which names the certificate's fault and never a URL."""
    found = _inside(error)
    if isinstance(found, ssl.SSLCertVerificationError):
        return untrusted(what, found.verify_code, found.verify_message)
    return of_tls(what, (found.reason if found is not None else None) or "")


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


def _inside(error: object) -> ssl.SSLError | None:
    """OpenSSL's error inside those of requests and urllib3."""
    for _ in range(_MAX_INSIDE):
        if isinstance(error, ssl.SSLError):
            return error
        wrapped = getattr(error, "reason", None)
        error = wrapped or (error.args[0] if isinstance(error, Exception) and error.args else None)
    return None


def _not_connected(what: str, error: requests.ConnectionError) -> CallError:
    """The error of a connection that was never made, so that nothing was sent, or of one that broke."""
    inner = error.args[0] if error.args else None
    match getattr(inner, "reason", inner):
        case urllib3.exceptions.NameResolutionError():
            return Unreachable(what, detail="the host name was not found", cause="dns")
        case urllib3.exceptions.NewConnectionError() as refused if isinstance(refused.__cause__, OSError):
            return of_system(what, refused.__cause__.errno or 0)
        case urllib3.exceptions.NewConnectionError():
            return Unreachable(what, detail="no connection")
        case urllib3.exceptions.ProtocolError():
            return Unreachable(
                what, detail="the server closed the connection", possible_duplicate=True, cause="closed"
            )
        case _:
            return Unreachable(what, detail="no connection", possible_duplicate=True)


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
