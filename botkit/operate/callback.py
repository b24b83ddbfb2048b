"""Whether the public address leads to this BotKit: a hook with a made-up token, and one with ours that can do nothing.

Before the first start nothing answers there, which is no failure.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from botkit.checks import Check, Outcome, failed, passed, undecided
from botkit.config.settings import BotSettings, ServerSettings
from botkit.errors import Unreachable
from botkit.http import Response, Transport
from botkit.http.lenient_json import try_decoded
from botkit.kore.probing import ProbeRequests, in_words, is_page
from botkit.operate.running_service import Doorbell

_OUR_CODE = 4002
"""The code of a hook that is refused, as the platform's own SDK has it (docs/protocols/kore-xo-botkit.md, 2.2)."""
_START = "start botkit serve, and run the doctor again"


class Callback:
    """Looks at `server.public_url` for one bot. The answers are those that this machine gets, not the platform."""

    def __init__(
        self,
        server: ServerSettings,
        bot: BotSettings,
        requests: ProbeRequests,
        transport: Transport,
        *,
        insecure_http: bool,
        ring: Callable[[str, int, str], Doorbell],
    ) -> None:
        self.url = server.public_url
        self._server = server
        self._bot = bot
        self._requests = requests
        self._transport = transport
        self._private = "" if insecure_http else _private(server.public_url)
        self._ring = ring
        self._waits = False
        """Whether nothing answered, and no service runs here that could have."""

    @property
    def can_be_reached(self) -> bool:
        """Whether there is an address that the platform could call."""
        return bool(self.url) and not self._private

    def way(self, checks: Sequence[Check]) -> Sequence[Check]:
        """The checks of the way there, of which the connection may wait for the first start."""
        return [self._waiting(check) for check in checks]

    async def is_botkit(self) -> Outcome:
        """A hook with a made-up token is refused as a BotKit refuses it."""
        if not self.url:
            return undecided(
                "server.public_url is not set, so the way from the platform to here was not tried",
                "write the Callback URL of the bot's BotKit settings (all before /sdk/bots) into server.public_url",
            )
        if self._private:
            return failed(
                f"server.public_url names {self._private}, which the platform cannot reach",
                "write the address that the internet sees; for a trial, that of a tunnel",
            )
        if self._waits:
            return undecided("no service runs on this machine yet", _START)
        try:
            answer = await self._transport.send(self._requests.hook(self.url, signed=False))
        except Unreachable as error:
            cause = f"{self.url} does not answer a hook ({error.detail})"
            fix = "let that address, its proxy or tunnel, lead to BotKit's host and port"
            return await self._unless_not_started(failed(cause, fix))
        if answer.status == 401 and _code(answer) == _OUR_CODE:
            return passed(f"a BotKit answers at {self.url}, and refuses a hook with a made-up token")
        page = "a web page" if is_page(answer) else "an answer"
        seen = f"{self.url}/sdk/bots/… gives {page} that is not BotKit's ({in_words(answer)})"
        prefix = f" and server.prefix, {self._server.prefix}," if self._server.prefix else ""
        match answer.status:
            case 404 | 405:
                fix = f"let the proxy pass /sdk/ unchanged, and compare the path{prefix} in server.public_url"
            case 401 | 403:
                fix = "let the proxy or firewall in front pass POST /sdk/… without a login of its own; BotKit checks the tokens"
            case 502 | 503 | 504:
                fix = "start botkit serve, and let the proxy in front lead to its host and port"
            case status if 300 <= status < 400:
                fix = "write the address to which it redirects: the platform's POST would not follow"
            case _:
                fix = "let that address lead to BotKit's host and port"
        outcome = failed(seen, fix)
        # A proxy or tunnel without a server behind it answers like this.
        gone = answer.status == 404 or answer.status >= 500
        return await self._unless_not_started(outcome) if gone else outcome

    async def has_our_secret(self) -> Outcome:
        """A hook with our token gets past the token; its body is no JSON, so that it is refused all the same (412)."""
        if not self.can_be_reached:
            return undecided("server.public_url is not set", "see kore.callback")
        if self._waits:
            return undecided("no service runs on this machine yet", _START)
        answer = await self._transport.send(self._requests.hook(self.url, signed=True))
        match answer.status:
            case 412:
                return passed("the BotKit there knows this bot and its secret")
            case 401:
                return failed(
                    "the BotKit there refuses a token of this configuration",
                    "restart it with this configuration, or lead the address to the right service; compare both clocks",
                )
            case 404:
                return failed(
                    f"the BotKit there does not know the bot {self._bot.id}",
                    "restart it with this configuration",
                )
        return undecided(f"the BotKit there answers {in_words(answer)}", "see its log")

    def _waiting(self, check: Check) -> Check:
        async def run() -> Outcome:
            if self._waits:
                return undecided("no service runs on this machine yet", _START)
            outcome = await check.run()
            if outcome.ok is False and check.name.endswith((".connection", ".proxy")):
                return await self._unless_not_started(outcome)
            return outcome

        return replace(check, run=run)

    async def _unless_not_started(self, failure: Outcome) -> Outcome:
        """The failure, unless no service runs on this machine, which explains it as well."""
        server = self._server
        if server.port == 0:
            return failure
        found = await asyncio.to_thread(self._ring, server.host, server.port, server.prefix)
        if found is not Doorbell.FREE:
            return failure
        self._waits = True
        return undecided(
            f"{failure.cause}, and no service runs on this machine yet",
            f"{_START}; if it runs on another machine: {failure.fix}",
        )


def _code(answer: Response) -> object:
    told = try_decoded(answer.body)
    errors = told.get("errors") if isinstance(told, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    return first.get("code") if isinstance(first, dict) else None


def _private(url: str) -> str:
    """The host of the URL if it is an address of a machine or of a private network."""
    host = urlsplit(url).hostname or ""
    try:
        return "" if ipaddress.ip_address(host).is_global else host
    except ValueError:
        return host if host == "localhost" or host.endswith((".localhost", ".local", ".internal")) else ""
