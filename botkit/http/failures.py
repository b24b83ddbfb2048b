"""The failures below HTTP: a library's error as one of BotKit's, without the library's text, which may quote the URL."""

from __future__ import annotations

import errno
import os
import ssl

import aiohttp
import requests
import urllib3.exceptions

from botkit.errors import BadReply, CallError, CallRefused, Unreachable, UnreachableCause
from botkit.http import proxying
from botkit.http.network import Proxy


def translated(what: str, error: Exception, proxy: Proxy | None = None) -> CallError:
    """The error of a call, which went through this proxy if there is one."""
    if (failure := proxying.failure(what, error, proxy)) is not None:
        return failure
    match error:
        case CallError():
            return error
        case aiohttp.ConnectionTimeoutError() | requests.ConnectTimeout():
            return Unreachable(what, detail="no connection in time", cause="timeout")
        case TimeoutError() | requests.Timeout():
            return Unreachable(what, detail="timed out", possible_duplicate=True, cause="timeout")
        case (
            aiohttp.ClientConnectorCertificateError()
            | aiohttp.ClientConnectorSSLError()
            | requests.exceptions.SSLError()
            | ssl.SSLError()
        ):
            return _of_tls(what, error)
        case aiohttp.ClientConnectorDNSError():
            return Unreachable(what, detail="the host name was not found", cause="dns")
        case aiohttp.ClientConnectorError():
            return _of_system(what, error.os_error)
        case aiohttp.ServerDisconnectedError():
            return Unreachable(
                what, detail="the server closed the connection", possible_duplicate=True, cause="closed"
            )
        case aiohttp.ClientPayloadError() | requests.exceptions.ChunkedEncodingError():
            return Unreachable(what, detail="the response broke off", possible_duplicate=True, cause="closed")
        case aiohttp.ClientResponseError():
            return BadReply(what, detail="the response is not HTTP")
        case aiohttp.InvalidURL() | requests.exceptions.InvalidURL():
            return CallRefused(what, detail="the URL is not valid")
        case aiohttp.ClientOSError():
            return _of_system(what, error, possible_duplicate=True)
        case requests.ConnectionError():
            return _not_connected(what, error)
        case aiohttp.ClientError() | requests.RequestException():
            return Unreachable(what, detail="no connection")
        case OSError():
            return _of_system(what, error, possible_duplicate=True)
        case _:
            return CallRefused(what, detail="the request cannot be sent as it is")


_MAX_INSIDE = 8
"""Max libraries whose error wraps another's."""
# The numbers of OpenSSL's X509_V_ERR_….
_NOT_YET_VALID, _EXPIRED, _OTHER_HOST, _OTHER_ADDRESS = 9, 10, 62, 64
_UNKNOWN_ISSUER = (2, 18, 19, 20, 21)
_OF_CERTIFICATES = {
    _NOT_YET_VALID: "synchronise this machine's clock (NTP): it is behind",
    _EXPIRED: "check this machine's clock; else the certificate has to be renewed on the other side",
    **dict.fromkeys(
        (_OTHER_HOST, _OTHER_ADDRESS),
        "correct the host; if it is right, something in between answers in its place",
    ),
    **dict.fromkeys(
        _UNKNOWN_ISSUER,
        "if a proxy of yours inspects TLS, put its authority into network.ca_bundle; else install ca-certificates",
    ),
}


def _of_tls(what: str, error: Exception) -> Unreachable:
    """With OpenSSL's own reason, which names the certificate's fault and never a URL."""
    found = _inside(error)
    if isinstance(found, ssl.SSLCertVerificationError):
        detail = f"the server's certificate was not accepted: {found.verify_message}"
        fix = _OF_CERTIFICATES.get(found.verify_code, "let the other side renew its certificate")
        return Unreachable(what, detail=detail, cause="tls", fix=fix)
    reason = (found.reason if found is not None else None) or "no reason given"
    return Unreachable(
        what,
        detail=f"TLS failed: {reason.replace('_', ' ').lower()}",
        cause="tls",
        fix="check scheme and port of the address, and that no proxy answers in between",
    )


def _inside(error: object) -> ssl.SSLError | None:
    """OpenSSL's error inside those of the libraries."""
    for _ in range(_MAX_INSIDE):
        if isinstance(error, ssl.SSLError) and not isinstance(error, aiohttp.ClientError):
            return error  # aiohttp's errors of TLS are of both kinds, and lack OpenSSL's reason.
        wrapped = getattr(error, "certificate_error", None) or getattr(error, "os_error", None)
        wrapped = wrapped or getattr(error, "reason", None)
        error = wrapped or (error.args[0] if isinstance(error, Exception) and error.args else None)
    return None


def _not_connected(what: str, error: requests.ConnectionError) -> CallError:
    """The error of a connection that was never made, so that nothing was sent, or of one that broke."""
    inner = error.args[0] if error.args else None
    match getattr(inner, "reason", inner):
        case urllib3.exceptions.NameResolutionError():
            return Unreachable(what, detail="the host name was not found", cause="dns")
        case urllib3.exceptions.NewConnectionError() as refused if isinstance(refused.__cause__, OSError):
            return _of_system(what, refused.__cause__)
        case urllib3.exceptions.NewConnectionError():
            return Unreachable(what, detail="no connection")
        case urllib3.exceptions.ProtocolError():
            return Unreachable(
                what, detail="the server closed the connection", possible_duplicate=True, cause="closed"
            )
        case _:
            return Unreachable(what, detail="no connection", possible_duplicate=True)


def _of_system(what: str, error: OSError, *, possible_duplicate: bool = False) -> Unreachable:
    """With the operating system's text for the error; the error's own text may name addresses."""
    known = error.errno is not None and error.errno > 0
    cause = _CAUSES.get(error.errno or 0, "network")
    detail = os.strerror(error.errno or 0) if known else "no connection"
    return Unreachable(what, detail=detail, possible_duplicate=possible_duplicate, cause=cause)


_CAUSES: dict[int, UnreachableCause] = {
    errno.ECONNREFUSED: "refused",
    errno.ETIMEDOUT: "timeout",
    errno.ECONNRESET: "closed",
    errno.EPIPE: "closed",
}
