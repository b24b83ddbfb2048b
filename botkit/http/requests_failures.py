"""The exceptions of the requests library as BotKit's errors, without their text, which may quote the URL."""

from __future__ import annotations

import errno
import re
import socket
import ssl

import requests
import urllib3.exceptions

from botkit.errors import BadReply, CallError, CallRefused, Unreachable
from botkit.http import proxying
from botkit.http.failures import of_system, of_tls, untrusted
from botkit.http.network import Proxy

_TUNNEL_FAILED = re.compile(r"Tunnel connection failed: (\d{3})")
_MAX_INSIDE = 8
"""Max libraries whose error wraps another's."""


def translated(what: str, error: Exception, proxy: Proxy | None = None) -> CallError:
    """The error of a call, which went through this proxy if there is one."""
    if (failure := _of_proxy(what, error, proxy)) is not None:
        return failure
    match error:
        case CallError():
            return error
        case requests.ConnectTimeout():
            return Unreachable(what, detail="no connection in time", cause="timeout")
        case TimeoutError() | requests.Timeout():
            return timed_out(what)
        case requests.exceptions.SSLError() | ssl.SSLError():
            return _of_ssl(what, error)
        case requests.exceptions.ChunkedEncodingError():
            return Unreachable(what, detail="the response broke off", possible_duplicate=True, cause="closed")
        case requests.exceptions.ContentDecodingError():
            return BadReply(what, detail="the response is not compressed as it says")
        case requests.exceptions.InvalidHeader() if isinstance(
            _first_of(error), urllib3.exceptions.HTTPError
        ):
            return BadReply(what, detail="the response is not HTTP")
        case requests.exceptions.InvalidHeader():
            return CallRefused(what, detail="the request cannot be sent as it is")
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


def timed_out(what: str) -> Unreachable:
    """The error of a call whose time is over, and whose request may have arrived."""
    return Unreachable(what, detail="timed out", possible_duplicate=True, cause="timeout")


def _first_of(error: Exception) -> object:
    return error.args[0] if error.args else None


def _of_ssl(what: str, error: Exception) -> Unreachable:
    """With OpenSSL's own reason, which names the certificate's fault and never a URL."""
    found = _inside(error)
    if isinstance(found, ssl.SSLCertVerificationError):
        return untrusted(what, found.verify_code, found.verify_message)
    return of_tls(what, (found.reason if found is not None else None) or "")


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
    inner = _first_of(error)
    match getattr(inner, "reason", inner):
        case urllib3.exceptions.NameResolutionError():
            return Unreachable(what, detail="the host name was not found", cause="dns")
        case urllib3.exceptions.NewConnectionError() as refused if isinstance(refused.__cause__, OSError):
            return of_system(what, refused.__cause__.errno or 0)
        case urllib3.exceptions.NewConnectionError():
            return Unreachable(what, detail="no connection")
        case urllib3.exceptions.ReadTimeoutError():
            return timed_out(what)
        case urllib3.exceptions.ProtocolError():
            return Unreachable(
                what, detail="the server closed the connection", possible_duplicate=True, cause="closed"
            )
        case _:
            return Unreachable(what, detail="no connection", possible_duplicate=True)


def _of_proxy(what: str, error: Exception, proxy: Proxy | None) -> CallError | None:
    """BotKit's error for a failure that the proxy caused; None for any other failure."""
    if proxy is None:
        return None
    if isinstance(error, requests.exceptions.ProxyError):
        return _through_proxy(what, error, proxy)
    return None


def _through_proxy(what: str, error: requests.exceptions.ProxyError, proxy: Proxy) -> CallError:
    cause: object = error.args[0] if error.args else None
    cause = getattr(cause, "reason", cause)
    if isinstance(cause, urllib3.exceptions.ProxyError):
        cause = cause.original_error
    if isinstance(cause, urllib3.exceptions.NameResolutionError):
        return proxying.unknown(what, proxy)
    if isinstance(cause, urllib3.exceptions.NewConnectionError):  # although it is a ConnectTimeoutError
        return proxying.not_reached(what, _number(cause.__cause__), proxy)
    if isinstance(cause, urllib3.exceptions.ConnectTimeoutError):
        return Unreachable(what, detail="no connection through the proxy in time", cause="timeout")
    if found := _TUNNEL_FAILED.search(str(cause)):
        return proxying.refused(what, int(found[1]), proxy)
    return proxying.not_reached(what, _number(cause), proxy)


def _number(cause: object) -> int:
    """The number of the system's error; 0 for other failures."""
    match cause:
        case ssl.SSLError() | socket.gaierror():
            return 0
        case TimeoutError():
            return errno.ETIMEDOUT
        case OSError(errno=int(number)):
            return number
    return 0
