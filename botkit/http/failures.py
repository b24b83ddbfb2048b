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
            return Unreachable(what, detail="the server's certificate or TLS was not accepted", cause="tls")
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
