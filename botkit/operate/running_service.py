"""The service that may be running on this machine while the doctor looks: whether there is one, and what it has counted."""

from __future__ import annotations

import errno
import http.client
import json
import re
import socket
from collections import Counter
from collections.abc import Mapping
from enum import Enum, auto

_SECONDS = 3.0
_MAX_ANSWER = 2_000_000
_HOOKS = re.compile(r'^botkit_hooks_total\{event="(\w+)",status="(\d{3})"\} ([0-9.e+]+)$', re.MULTILINE)


class Doorbell(Enum):
    """What is found at the service's own address."""

    FREE = auto()
    BOTKIT = auto()
    OTHER = auto()
    SILENT = auto()
    NO_ADDRESS = auto()
    NOT_ALLOWED = auto()


def ring(host: str, port: int, prefix: str) -> Doorbell:
    """Find out what answers at the address on which the service listens, or would listen."""
    try:
        _try_to_listen(host, port)
    except OSError as error:
        match error.errno:
            case errno.EADDRINUSE:
                return _who(host, port, prefix)
            case errno.EADDRNOTAVAIL:
                return Doorbell.NO_ADDRESS
            case errno.EACCES | errno.EPERM:
                return Doorbell.NOT_ALLOWED
        return Doorbell.NO_ADDRESS
    return Doorbell.FREE


def hooks_seen(host: str, port: int, prefix: str) -> Mapping[str, Mapping[int, int]] | None:
    """The hooks that the service has answered since its start: event → status → number. None: it could not be asked."""
    answer = _get(host, port, f"{prefix}/metrics")
    if answer is None or answer[0] != http.HTTPStatus.OK:
        return None
    seen: dict[str, Counter[int]] = {}
    for event, status, number in _HOOKS.findall(answer[1].decode("utf-8", "replace")):
        seen.setdefault(event, Counter())[int(status)] += int(float(number))
    return seen


def _try_to_listen(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as trying:
        trying.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        trying.bind((host, port))
        trying.listen(1)


def _who(host: str, port: int, prefix: str) -> Doorbell:
    answer = _get(host, port, f"{prefix}/healthz")
    if answer is None:
        return Doorbell.SILENT
    status, body = answer
    try:
        is_botkit = status == http.HTTPStatus.OK and json.loads(body) == {"status": "ok"}
    except ValueError:
        is_botkit = False
    return Doorbell.BOTKIT if is_botkit else Doorbell.OTHER


def _get(host: str, port: int, path: str) -> tuple[int, bytes] | None:
    """An answer from this machine, without any proxy."""
    near = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    connection = http.client.HTTPConnection(near, port, timeout=_SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read(_MAX_ANSWER)
    except http.client.HTTPException:
        return 0, b""  # something answers, but not in HTTP
    except OSError:
        return None
    finally:
        connection.close()
