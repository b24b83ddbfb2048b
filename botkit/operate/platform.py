"""Checks of the XO platform for one bot: the way to it, the clock, the credentials, the subscription, and the way back.

Each check says only what an answer shows. What no published call of the platform shows is undecided, and says where to look.
Numbers in parentheses are sections of docs/protocols/kore-xo-botkit.md.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from botkit.checks import Check, Outcome, Surroundings, failed, passed, undecided, warned
from botkit.config.settings import BotSettings, Settings
from botkit.errors import CallError
from botkit.http import Request, Response, Transport
from botkit.http.lenient_json import try_decoded
from botkit.kore.probing import NO_BOT, ProbeRequests, in_words, is_page, refusal, server_clock
from botkit.operate.callback import Callback
from botkit.operate.credentials import REFUSED, Credentials
from botkit.operate.of_the_bot import end_word, inactivity
from botkit.operate.running_service import Doorbell, ring
from botkit.operate.subscription import subscription

HOOK_LIFETIME_SECONDS = 60.0
"""The lifetime of the platform's own tokens, unless its administrators changed it (2.2)."""
TOKEN_SPARE_SECONDS = 30.0
"""A token of ours is valid for at least this long when it is sent."""
_ODD_SKEW_SECONDS = 5.0
_SET_CLOCK = "let NTP keep the clock of this machine (timedatectl set-ntp true)"
_WHERE_CHANNELS = "look under App Settings › Integrations › Agent Transfer: the bot's channels have to go to Custom (BotKit)"
_CUSTOM = "custom"
"""The platform's name of a BotKit among its agent integrations."""


def platform_checks(
    settings: Settings,
    bot: BotSettings,
    transport: Transport,
    surroundings: Surroundings,
    now: Callable[[], float] = time.time,
    ring: Callable[[str, int, str], Doorbell] = ring,
) -> Sequence[Check]:
    """The checks of one bot on the platform, named ``kore.…``, and of its own settings, named ``bot.…``.

    The first of `kore.callback_hosts` is taken for the platform's.
    """
    insecure = surroundings.insecure_http
    host, *others = bot.kore.callback_hosts
    requests = ProbeRequests(
        bot.kore, bot_id=bot.id, origin=_origin(host, insecure), insecure_http=insecure, clock=now
    )
    way = [_naming_port(check, host) for check in surroundings.reach(_origin(host, insecure), "kore")]
    look = _Platform(host, bot, requests, transport, now)
    callback = Callback(settings.server, bot, requests, transport, insecure_http=insecure, ring=ring)
    back = callback.way(surroundings.reach(callback.url, "kore.callback")) if callback.can_be_reached else ()
    return (
        *way,
        Check("kore.platform", look.is_platform, _last(way)),
        Check("kore.clock", look.clock, ("kore.platform",)),
        Check("kore.credentials", look.credentials, ("kore.platform",)),
        Check("kore.bot", look.bot_is_known, ("kore.credentials",)),
        Check("kore.history", look.history, ("kore.bot",)),
        Check("kore.channels", look.channels, ("kore.credentials",)),
        *((Check("kore.other_hosts", lambda: _other_hosts(others, transport, insecure)),) if others else ()),
        _check("kore.subscription", lambda: subscription(settings.server, len(settings.bots))),
        *back,
        Check("kore.callback", callback.is_botkit, _last(back)),
        Check("kore.callback.secret", callback.has_our_secret, ("kore.callback",)),
        _check("kore.inactivity", lambda: inactivity(bot, surroundings.export)),
        _check("bot.end_word", lambda: end_word(bot)),
    )


class _Platform:
    """The checks that share what was answered before; each is called after those it rests on."""

    def __init__(
        self,
        host: str,
        bot: BotSettings,
        requests: ProbeRequests,
        transport: Transport,
        now: Callable[[], float],
    ) -> None:
        self._host = host
        self._bot = bot
        self._requests = requests
        self._transport = transport
        self._now = now
        self._unsigned: Response | None = None
        self._ahead_seconds = 0.0
        self._history: Response | None = None

    async def is_platform(self) -> Outcome:
        """The host answers like the API of an XO platform. How it refuses a call without a token is inferred."""
        before = self._now()
        answer = self._unsigned = await self._transport.send(self._requests.unsigned())
        if (clock := server_clock(answer)) is not None:
            # The header has whole seconds, and was written at some time between the request and its answer.
            self._ahead_seconds = clock + 0.5 - (before + self._now()) / 2
        seen = f"{self._host} answers a call without a token with {in_words(answer)}"
        if 300 <= answer.status < 400 or is_page(answer):
            return failed(
                f"{self._host} answers with a web page or a redirect (HTTP {answer.status}), not with the platform's API",
                "write the host that the platform's builder shows in the browser, such as bots.kore.ai or platform.kore.ai, "
                "first into kore.callback_hosts; behind a proxy with a login page, let it pass that host",
            )
        if answer.status >= 500:
            return failed(f"{seen}: the platform is in trouble", "see its status page, and try again later")
        if answer.status == 429:
            return undecided(f"{seen}: too many calls", "try again in a minute")
        if answer.status in REFUSED:
            return passed(f"{self._host} refuses a call without a token, as it should (HTTP {answer.status})")
        return passed(seen)

    async def clock(self) -> Outcome:
        """Our clock and the platform's are close enough for the tokens of both."""
        if self._unsigned is None or server_clock(self._unsigned) is None:
            return undecided(
                "the platform's answer has no Date header", "compare the clock with a time server"
            )
        ahead = self._ahead_seconds
        leeway = self._bot.kore.clock_leeway.total_seconds()
        seen = f"the platform's clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} this machine's"
        if ahead > TOKEN_SPARE_SECONDS:
            return failed(f"{seen}: it takes our tokens for expired", _SET_CLOCK)
        if -ahead > HOOK_LIFETIME_SECONDS + leeway:
            return failed(
                f"{seen}: BotKit takes the tokens of hooks for expired, and refuses them", _SET_CLOCK
            )
        if abs(ahead) > _ODD_SKEW_SECONDS:
            return warned(f"{seen}; calls still pass", _SET_CLOCK)
        return passed("the clocks differ by less than 5 s")

    async def credentials(self) -> Outcome:
        """The platform accepts our signature."""
        assert self._unsigned is not None  # noqa: S101 - kore.platform ran before
        credentials = Credentials(self._bot.kore, self._requests, self._transport, self._ahead_seconds)
        outcome = await credentials.look(without_token=self._unsigned)
        self._history = credentials.history
        return outcome

    async def bot_is_known(self) -> Outcome:
        """The platform knows the bot. A made-up id shows how the platform answers for a bot that it does not know."""
        history = self._history
        if history is None or history.status in REFUSED or history.status >= 429:
            return undecided(
                f"{self._bot.id} could not be looked up", "compare bot.id with App Settings › App Profile"
            )
        if history.status < 300:
            return passed(f"{self._bot.id} is known")
        unknown = await self._transport.send(self._requests.history(bot_id=NO_BOT))
        if refusal(unknown) == refusal(history):
            return failed(
                f"the platform knows no bot {self._bot.id} at this host ({in_words(history)})",
                "copy bot.id from App Settings › App Profile: a copy or import of a bot has another id; and compare the host "
                "with the builder's address, since each region has its own",
            )
        return passed(
            f"{self._bot.id} is known; the made-up user of this check is not, as expected (HTTP {history.status})"
        )

    async def history(self) -> Outcome:
        """The history can be read, from which agents get what was said before."""
        history = self._history
        if history is None:
            return undecided("the history was not answered", "try again")
        if history.status < 300:
            messages = try_decoded(history.body)
            if isinstance(messages, Mapping) and "messages" in messages:
                return passed("the history can be read")
            return warned(
                "the platform's answer has no list of messages, so agents would get no transcript",
                "report it to BotKit's authors with the platform's version",
            )
        seen = f"the platform answers {in_words(history)}"
        if history.status in REFUSED:
            return warned(
                f"{seen} to getMessages alone: agents get no transcript, all else works",
                "give the app the permission to read the chat history (API scope Chat History), and publish it",
            )
        if history.status in (400, 404):
            return passed(
                f"the call is taken; a made-up user has no history, as expected (HTTP {history.status})"
            )
        return undecided(f"{seen} to getMessages", "try again; see the log when a hand-off begins")

    async def channels(self) -> Outcome:
        """The bot's channels are mapped to this BotKit and not to another agent integration."""
        answer = await self._transport.send(self._requests.channel_mappings())
        if answer.status >= 300:
            return undecided(
                f"the platform does not tell which agent integration serves a channel ({in_words(answer)})",
                f"{_WHERE_CHANNELS}; with the API scope agent_integrations:read the doctor can read it",
            )
        told = try_decoded(answer.body)
        mapped = told.get("channelMappings") if isinstance(told, Mapping) else None
        if not isinstance(mapped, Mapping):
            return undecided("the platform tells the mapping of channels in an unknown form", _WHERE_CHANNELS)
        elsewhere = [f"{channel} to {system}" for channel, system in mapped.items() if system != _CUSTOM]
        if mapped and len(elsewhere) == len(mapped):
            return failed(
                f"no channel is mapped to this BotKit, but {', '.join(elsewhere)}: "
                "users who are transferred go there",
                "map the channels, or the default, to Custom (BotKit) under App Settings › Integrations › Agent Transfer",
            )
        if elsewhere:
            return warned(
                f"mapped elsewhere: {', '.join(elsewhere)}",
                "map these to Custom (BotKit), unless it is meant so",
            )
        if isinstance(told, Mapping) and told.get("requiresPublish") is True:
            return warned(
                "all channels are mapped to this BotKit, but the mapping is not published", "publish the bot"
            )
        return passed("all channels are mapped to this BotKit")


async def _other_hosts(hosts: Sequence[str], transport: Transport, insecure: bool) -> Outcome:
    """The other hosts of `kore.callback_hosts`, such as those of files, can be reached."""

    async def problem(host: str) -> str:
        try:
            await transport.send(Request(f"reach {host}", "GET", f"{_origin(host, insecure)}/"))
        except CallError as error:
            return f"{host}: {error.detail}"
        return ""

    problems = [said for said in await asyncio.gather(*map(problem, hosts)) if said]
    if problems:
        return warned(
            "; ".join(problems),
            "correct or remove these hosts in kore.callback_hosts, or let the proxy pass them",
        )
    return passed(f"{', '.join(hosts)} can be reached")


def _origin(host: str, insecure: bool) -> str:
    return f"{'http' if insecure and is_loopback(host) else 'https'}://{host}"


def _naming_port(check: Check, host: str) -> Check:
    """The check, which tells that this machine's platform, an emulated one, has a port of its own."""
    if not is_loopback(host) or urlsplit(f"//{host}").port is not None:
        return check

    async def run() -> Outcome:
        outcome = await check.run()
        if outcome.ok is not False:
            return outcome
        return replace(outcome, fix=f"write the sandbox's port into kore.callback_hosts: {host}:8001")

    return replace(check, run=run)


def is_loopback(host: str) -> bool:
    """Whether a host, with or without a port, is this machine."""
    name = urlsplit(f"//{host}").hostname or ""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _last(checks: Sequence[Check]) -> tuple[str, ...]:
    return tuple(check.name for check in checks[-1:])


def _check(name: str, look: Callable[[], Outcome]) -> Check:
    def run() -> Awaitable[Outcome]:
        return asyncio.to_thread(look)

    return Check(name, run)
