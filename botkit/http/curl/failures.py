"""libcurl's failures as BotKit's errors, without libcurl's text, which may quote the URL."""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass

import pycurl

from botkit.errors import BadReply, CallError, CallRefused, Unreachable
from botkit.http import addresses, proxying
from botkit.http.curl.multi import CLOSED
from botkit.http.failures import OTHER_HOST, of_system, of_tls, too_long, untrusted
from botkit.http.network import Proxy

# pycurl has no name for it (CURLE_TOO_LARGE).
_HEAD_TOO_LONG = 100
_TOO_MANY_HEADERS = "Too large response headers"

_OF_OPENSSL = re.compile(r"error:[0-9A-Fa-f]+:[^:]*:[^:]*:(?P<reason>[^:]+)")
_OF_VERIFYING = re.compile(r"SSL certificate [^:]*: (?P<reason>[^:'\"(]+)")
_OF_NAME = re.compile(r"no alternative certificate subject name|does not match target host")
_TUNNEL_STANDS = range(200, 300)
_OF_OWN_FILES = {
    pycurl.E_SSL_CACERT_BADFILE: (
        "this machine's certificate authorities cannot be read",
        "install ca-certificates, or correct SSL_CERT_FILE; BotKit has to be allowed to read the file",
    ),
    pycurl.E_SSL_CERTPROBLEM: (
        "our own client certificate cannot be used",
        "check that BotKit is allowed to read network.client_certificate and its key, and that they belong together",
    ),
}
"""Libcurl's codes for files that this machine lacks, with the detail and the fix."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What is known of a transfer that failed.

    Attributes:
        host: the host of the URL, without a port.
        code: libcurl's.
        text: libcurl's; only OpenSSL's own reason is taken out of it.
        asked: the request was sent, or about to be, so that the server may have processed it.
        proxy: the proxy on the way, if there is one.
        refused_address: the address that was not connected to, if there is one.
        socket_errno: the number of the system's error if no socket was made, else 0.
        max_bytes: the request's own limit.
    """

    what: str
    host: str
    code: int
    text: str
    asked: bool
    proxy: Proxy | None
    refused_address: str
    socket_errno: int
    max_bytes: int


def translated(failure: Failure, curl: pycurl.Curl) -> CallError:
    """The error of a transfer that failed; `curl` still knows the status and the number of the system's error."""
    what, asked, proxy = failure.what, failure.asked, failure.proxy
    if failure.text == CLOSED:
        return closed(what, possible_duplicate=asked)
    if (own := _OF_OWN_FILES.get(failure.code)) is not None:
        return Unreachable(what, detail=own[0], cause="tls", fix=own[1])
    if proxy is not None and not asked:
        return _on_the_way(failure, proxy, curl)
    match failure.code:
        case pycurl.E_OPERATION_TIMEDOUT if asked:
            return Unreachable(what, detail="timed out", possible_duplicate=True, cause="timeout")
        case pycurl.E_OPERATION_TIMEDOUT:
            return Unreachable(what, detail="no connection in time", cause="timeout")
        case pycurl.E_COULDNT_RESOLVE_HOST:
            return Unreachable(what, detail="the host name was not found", cause="dns")
        case pycurl.E_COULDNT_CONNECT if failure.refused_address:
            return addresses.refused(what, failure.host, failure.refused_address)
        case pycurl.E_COULDNT_CONNECT:
            return of_system(what, failure.socket_errno or int(curl.getinfo(pycurl.OS_ERRNO)))
        case pycurl.E_FILESIZE_EXCEEDED:
            return too_long(what, int(curl.getinfo(pycurl.RESPONSE_CODE)), failure.max_bytes)
        case pycurl.E_FTP_WEIRD_SERVER_REPLY | pycurl.E_UNSUPPORTED_PROTOCOL:
            return BadReply(what, detail="the response is not HTTP")
        case code if code == _HEAD_TOO_LONG or failure.text.startswith(_TOO_MANY_HEADERS):
            return BadReply(what, detail="the head of the response is too long")
        case pycurl.E_PARTIAL_FILE:
            return broken_off(what)
        case pycurl.E_URL_MALFORMAT:
            return CallRefused(what, detail="the URL is not valid")
        case (
            pycurl.E_SSL_CONNECT_ERROR
            | pycurl.E_PEER_FAILED_VERIFICATION
            | pycurl.E_SSL_CIPHER
            | pycurl.E_SSL_ISSUER_ERROR
        ):
            return _of_tls(failure, curl)
    if not asked:
        return Unreachable(what, detail="no connection")
    if _OF_OPENSSL.search(failure.text):
        return _of_tls(
            failure, curl
        )  # TLS 1.3: a server that misses a certificate says so after the handshake
    number = int(curl.getinfo(pycurl.OS_ERRNO))
    if number in (errno.ECONNRESET, errno.EPIPE, errno.ETIMEDOUT):
        return of_system(what, number, possible_duplicate=True)
    if curl.getinfo(pycurl.RESPONSE_CODE):
        return broken_off(what)
    return Unreachable(
        what, detail="the server closed the connection", possible_duplicate=True, cause="closed"
    )


def closed(what: str, *, possible_duplicate: bool = False) -> Unreachable:
    """The error of a call whose carrier was closed, as it is when the service stops."""
    return Unreachable(what, detail=CLOSED, possible_duplicate=possible_duplicate, cause="closed")


def broken_off(what: str) -> Unreachable:
    """The error of a response of which only a part arrived."""
    return Unreachable(what, detail="the response broke off", possible_duplicate=True, cause="closed")


def _on_the_way(failure: Failure, proxy: Proxy, curl: pycurl.Curl) -> CallError:
    """The failure of a call that the proxy had not let through yet."""
    what, status = failure.what, int(curl.getinfo(pycurl.HTTP_CONNECTCODE))
    if status and status not in _TUNNEL_STANDS:
        return proxying.refused(what, status, proxy)
    match failure.code:
        case (
            pycurl.E_COULDNT_RESOLVE_PROXY | pycurl.E_COULDNT_RESOLVE_HOST
        ):  # Only the proxy's name is looked up.
            return proxying.unknown(what, proxy)
        case pycurl.E_OPERATION_TIMEDOUT:
            return Unreachable(what, detail="no connection through the proxy in time", cause="timeout")
        case pycurl.E_SSL_CONNECT_ERROR | pycurl.E_PEER_FAILED_VERIFICATION:
            return _of_tls(failure, curl)
    if curl.getinfo(pycurl.CONNECT_TIME):
        return proxying.no_answer(what, proxy)
    return proxying.not_reached(what, failure.socket_errno or int(curl.getinfo(pycurl.OS_ERRNO)), proxy)


def _of_tls(failure: Failure, curl: pycurl.Curl) -> Unreachable:
    if failure.code == pycurl.E_PEER_FAILED_VERIFICATION:
        if _OF_NAME.search(failure.text):
            return untrusted(
                failure.what, OTHER_HOST, f"Hostname mismatch, certificate is not valid for '{failure.host}'"
            )
        found = _OF_VERIFYING.search(failure.text)
        number = int(curl.getinfo(pycurl.SSL_VERIFYRESULT))
        return untrusted(failure.what, number, found["reason"].strip() if found else "no reason given")
    found = _OF_OPENSSL.search(failure.text)
    return of_tls(failure.what, found["reason"].strip() if found else "")
