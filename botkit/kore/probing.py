"""Calls that show how the platform receives a bot, made without a hook. No I/O.

They are the service's own requests, with a payload that names a user who does not exist. Reading that user's history changes
nothing; neither does the extension of a requestId that the platform never gave. How the platform words its refusals is not
published, so refusals are told apart by what changes them, not by their texts (docs/protocols/kore-xo-botkit.md, 4.1).
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal
from uuid import uuid4

import jwt
from jwt.warnings import InsecureKeyLengthWarning
from msgspec import structs

from botkit.config.settings import KoreSettings
from botkit.hooks import of_the_doctor
from botkit.http import Request, Response
from botkit.http.dates import epoch_seconds
from botkit.http.lenient_json import try_decoded
from botkit.kore.requests import KoreRequests
from botkit.kore.signing import LIFETIME_SECONDS

Algorithm = Literal["HS256", "HS512"]

USER = "botkit-doctor"
NO_BOT = "st-00000000-0000-5000-8000-000000000000"
"""An id in the platform's form that no bot has."""

_REQUEST_ID = "0"
_HOOK_LIFETIME_SECONDS = 10.0
"""Short, because an address that is configured wrongly may be another's."""
_MAX_WORDS = 160
_TOKEN = re.compile(r"[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}")
_IDS = re.compile(r"(st|cs|u)-[0-9a-f-]{36}|" + re.escape(USER))


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is compared of two refusals: status, code and words, without ids."""

    status: int
    code: str
    words: str


class ProbeRequests:
    """The calls of one bot.

    Args:
        settings: the bot's JWT app.
        bot_id: the bot.
        origin: ``https://host`` of the platform.
        insecure_http: allow ``http://``.
        clock: epoch seconds.
    """

    def __init__(
        self,
        settings: KoreSettings,
        *,
        bot_id: str,
        origin: str,
        insecure_http: bool,
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._bot_id = bot_id
        self._origin = origin
        self._insecure_http = insecure_http
        self._clock = clock

    def history(
        self,
        *,
        bot_id: str = "",
        algorithm: Algorithm | None = None,
        ahead_seconds: float = 0.0,
        jti: bool = False,
    ) -> Request:
        """Read the history of nobody, with the configured token or one that differs.

        Args:
            bot_id: of another bot.
            algorithm: another than the configured one.
            ahead_seconds: how much later the token's clock is than ours.
            jti: whether the token has a JTI claim.
        """
        bot_id = bot_id or self._bot_id
        request = self._requests(bot_id, algorithm, ahead_seconds).get_messages(
            self._payload(bot_id), limit=1, timeout_seconds=self._settings.timeout.total_seconds()
        )
        if not jti:
            return request
        token = self._token(LIFETIME_SECONDS + ahead_seconds, algorithm, jti=str(uuid4()))
        return structs.replace(request, headers={**request.headers, "auth": token})

    def unsigned(self) -> Request:
        """The same call without a token."""
        request = self.history()
        return structs.replace(
            request,
            what="call without a token",
            headers={name: value for name, value in request.headers.items() if name != "auth"},
        )

    def other_call(self) -> Request:
        """Another call with a token: it extends a requestId that does not exist."""
        return self._requests(self._bot_id).call("extend_request_id", self._payload(self._bot_id))

    def channel_mappings(self) -> Request:
        """Which agent system serves which channel (docs/protocols/kore-xo-botkit.md, 1)."""
        url = f"{self._origin}/api/public/bot/{self._bot_id}/agentintegrations/channelmappings"
        return structs.replace(self.history(), what="read the channel mappings", url=url)

    def hook(self, public_url: str, *, signed: bool) -> Request:
        """A hook to our own public address, as the platform would post it. BotKit refuses it in any case.

        Args:
            public_url: the address.
            signed: with a token that BotKit accepts; else with a made-up one.
        """
        token = self._token(_HOOK_LIFETIME_SECONDS) if signed else of_the_doctor.TOKEN
        headers = {"Content-Type": "application/json", "token": token}
        url = f"{public_url}/sdk/bots/{self._bot_id}/{of_the_doctor.EVENT}"
        return Request(
            "call the public address", "POST", url, headers, of_the_doctor.BODY, timeout_seconds=10.0
        )

    def _requests(
        self, bot_id: str, algorithm: Algorithm | None = None, ahead_seconds: float = 0.0
    ) -> KoreRequests:
        settings = self._settings
        if algorithm is not None:
            settings = replace(settings, algorithm=algorithm)
        return KoreRequests(
            settings,
            bot_id=bot_id,
            insecure_http=self._insecure_http,
            clock=lambda: self._clock() + ahead_seconds,
        )

    def _token(self, seconds: float, algorithm: Algorithm | None = None, **claims: str) -> str:
        payload = {"appId": self._settings.client_id, "exp": int(self._clock() + seconds), **claims}
        secret = self._settings.client_secret.reveal()
        with warnings.catch_warnings():
            # Kore chooses the secret's length (44 characters), which is short for HS512.
            warnings.simplefilter("ignore", InsecureKeyLengthWarning)
            return jwt.encode(payload, secret, algorithm=algorithm or self._settings.algorithm)

    def _payload(self, bot_id: str) -> bytes:
        payload = {
            "requestId": _REQUEST_ID,
            "botId": bot_id,
            "baseUrl": f"{self._origin}/api/botsdk/stream/{bot_id}",
            "channel": {"type": "rtm", "from": USER},
        }
        return json.dumps(payload).encode()


def is_page(response: Response) -> bool:
    """Whether the response is a web page, such as a login's or a proxy's, and not an API's."""
    declared = response.headers.get("Content-Type", "").lower()
    return "html" in declared or response.body[:200].lstrip()[:1] == b"<"


def refusal(response: Response) -> Refusal:
    """The response as it is compared with another one."""
    code, words = _error(response)
    return Refusal(response.status, code, _IDS.sub("…", words))


def in_words(response: Response) -> str:
    """``HTTP 401, 4002: Invalid token``: the status, and the other side's own words, cut and without tokens."""
    code, words = _error(response)
    said = ": ".join(part for part in (code, words) if part)
    return f"HTTP {response.status}{f', {said}' if said else ''}"


def server_clock(response: Response) -> float | None:
    """The epoch seconds of the ``Date`` header, which has whole seconds; None if there is none."""
    return epoch_seconds(response.headers.get("Date", ""))


def _error(response: Response) -> tuple[str, str]:
    answer = try_decoded(response.body) if response.body[:1] == b"{" else None
    errors = answer.get("errors") if isinstance(answer, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else answer
    if not isinstance(first, dict):
        return "", ""
    words = first.get("msg") or first.get("message") or first.get("error") or ""
    return _clean(first.get("code", "")), _clean(words)


def _clean(text: object) -> str:
    shown = (
        "".join(c if c.isprintable() else " " for c in str(text)[:1000])
        if isinstance(text, str | int)
        else ""
    )
    return _TOKEN.sub("…", " ".join(shown.split()))[:_MAX_WORDS]
