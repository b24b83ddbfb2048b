"""The carrier of synchronous callers: the requests library. The relay's is `botkit.http.curl`.

Both send only to allowed hosts, and to no address of this machine; they follow no redirects, and limit sizes and times. They
leave the machine as `botkit.http.network.Network` says, and read no proxy or netrc settings from the environment themselves. A
failure below HTTP is an `errors.Unreachable` with a short reason, which never quotes a URL, a header or a body.
"""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from typing import Self
from urllib.parse import urlsplit

import requests

from botkit.errors import BadReply, CallError
from botkit.http import addresses, proxying
from botkit.http.connections import Adapter, AddressRefused, Deadline
from botkit.http.failures import too_long
from botkit.http.hosts import AllowedHosts, named_host
from botkit.http.network import DIRECT, Network
from botkit.http.parts import joined
from botkit.http.requests_failures import timed_out, translated
from botkit.http.values import MAX_RESPONSE_BYTES, USER_AGENT, Request, Response

_CHUNK_BYTES = 65_536
_NOT_OF_A_DEADLINE = (CallError, requests.ConnectTimeout, requests.exceptions.ProxyError)


class SyncTransport:
    """Sends requests with the requests library, for command line tools, notebooks and synchronous handlers.

    Args:
        allowed_hosts: see `botkit.http.hosts.AllowedHosts`; None for any host.
        insecure_http: allow ``http://``, and hosts on loopback and link-local addresses.
        network: the proxy and the certificates.
    """

    def __init__(
        self,
        *,
        allowed_hosts: Iterable[str] | None,
        insecure_http: bool = False,
        network: Network = DIRECT,
    ) -> None:
        self._network = network
        self._hosts = AllowedHosts(allowed_hosts, insecure_http=insecure_http, network=network)
        self._session = _Session()
        # Otherwise a .netrc entry for the host would replace the Authorization header.
        self._session.trust_env = False
        adapter = Adapter(network, insecure_http=insecure_http)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        self._session.headers.clear()
        self._session.headers["User-Agent"] = USER_AGENT

    def send(self, request: Request) -> Response:
        """Send one request and read the whole response. Raises the errors of `botkit.http.curl.CurlTransport.send`."""
        self._hosts.check(request.url, what=request.what)
        proxy = self._network.proxy_of(request.url)
        deadline = Deadline(request.timeout_seconds)
        try:
            with (
                deadline,
                self._session.request(
                    request.method,
                    request.url,
                    data=request.body,
                    headers=dict(request.headers),
                    allow_redirects=False,
                    timeout=request.timeout_seconds,
                    stream=True,
                    proxies=proxying.for_requests(proxy) if proxy else {},
                ) as response,
            ):
                if proxy:
                    proxying.check_status(request.what, response.status_code, proxy)
                if response.status_code < HTTPStatus.OK:  # http.client waits for the next one only after 100.
                    raise BadReply(
                        request.what, status=response.status_code, detail="only an interim response"
                    )
                body = _read_sync(response, request)
                if deadline.is_over:  # A body without a length ends with its connection.
                    raise timed_out(request.what)
                return Response(response.status_code, response.headers, body, request.url)
        except AddressRefused as refused:
            host = urlsplit(request.url).hostname or ""
            raise named_host(addresses.refused(request.what, host, refused.address), request.url) from None
        except (CallError, requests.RequestException, OSError, ValueError) as error:
            if deadline.is_over and not isinstance(error, _NOT_OF_A_DEADLINE):
                raise named_host(timed_out(request.what), request.url) from None
            raise named_host(translated(request.what, error, proxy), request.url) from None

    def close(self) -> None:
        """Close every connection."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Session(requests.Session):
    """Of a redirect, requests reads the whole body, of any length, and its address, also when it is not to follow it."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


def _read_sync(response: requests.Response, request: Request) -> bytes:
    body: bytes | bytearray = b""
    for chunk in response.iter_content(_CHUNK_BYTES):
        body = joined(body, chunk)
        if len(body) > (request.max_bytes or MAX_RESPONSE_BYTES):
            raise too_long(request.what, response.status_code, request.max_bytes)
    return bytes(body)
