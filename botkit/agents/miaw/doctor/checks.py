"""The checks of a MIAW deployment, in the order in which a set-up goes wrong.

Every call but the public questions is the service's own (`botkit.agents.miaw.calls`). Sections are those of
docs/protocols/salesforce-miaw.md.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

from botkit.agents.examining import header, is_page
from botkit.agents.miaw.calls import (
    Deployment,
    Token,
    guest_token_request,
    locale,
    read_deployment,
    read_token,
)
from botkit.agents.miaw.doctor import form, live, questions, refusals
from botkit.agents.miaw.settings import MiawSettings
from botkit.agents.salesforce import short_id
from botkit.checks import Check, Outcome, Surroundings, failed, passed, undecided, warned
from botkit.errors import BadReply, CallError
from botkit.http import Response, Transport
from botkit.http.dates import epoch_seconds
from botkit.http.lenient_json import flag, items, members, text, try_decoded, whole

_HOST_FIX = (
    "set organization_base_url to the My Domain of Setup → My Domain (https://acme.my.salesforce.com), and check that "
    "Messaging for In-App and Web is switched on there"
)
_COMPARE_FIX = "compare organization_id with Setup → Company Information, where the domain of Setup → My Domain is this one"
_HOURS_FIX = "if agents keep hours, let the dialog or the routing flow ask for them before it hands over"
_NOT_LETTERS = re.compile(r"[^a-z]")
_SKEW_SECONDS = 30
_SHORT_LIFE_SECONDS = 2 * 3_600
_LIVE = ("conversation", "routing", "agents", "attributes", "message", "stream", "end")


def miaw_checks(
    settings: MiawSettings,
    transport: Transport,
    surroundings: Surroundings,
    *,
    clock: Callable[[], float] = time.time,
    new_id: Callable[[], str],
    meta_infos: Collection[str] = ("miawMetaInfo",),
) -> Sequence[Check]:
    """The checks, named ``salesforce.…``.

    Args:
        settings: the deployment.
        transport: carries the calls.
        surroundings: the bot, and whether a conversation may be opened.
        clock: epoch seconds.
        new_id: draws a UUID.
        meta_infos: the dialog's objects that are read for this system.
    """
    looked = _Looked(settings, transport, surroundings, clock, meta_infos)
    way = surroundings.reach(settings.organization_base_url, "salesforce")
    reached = tuple(check.name for check in way)
    token = ("salesforce.token",)
    listed = [
        *way,
        Check("salesforce.host", looked.host, reached),
        Check("salesforce.clock", looked.clock, ("salesforce.host",)),
        Check("salesforce.organization", looked.organization, ("salesforce.host",)),
        Check("salesforce.token", looked.token, ("salesforce.host", "salesforce.organization")),
        Check("salesforce.token_lifetime", looked.token_lifetime, token),
        Check("salesforce.deployment", looked.deployment, token),
        Check("salesforce.published", looked.published, token),
        Check("salesforce.prechat", looked.prechat, token),
        Check("salesforce.files", looked.files, token),
        Check("salesforce.fallback_message", looked.fallback_message, token),
        Check("salesforce.business_hours", looked.business_hours, token),
    ]
    if not surroundings.live:
        return [*listed, Check("salesforce.live", _not_live, token)]
    run = live.LiveRun(settings, transport, surroundings, clock=clock, new_id=new_id)
    first = f"salesforce.live.{_LIVE[0]}"
    return [
        *listed,
        *(
            Check(
                f"salesforce.live.{part}",
                run.part(part),
                token if part == _LIVE[0] else (first,),
                seconds=60 + 5 * surroundings.patience,
            )
            for part in _LIVE
        ),
    ]


async def _not_live() -> Outcome:
    return undecided(
        "no conversation was opened, so neither the flow, the queue nor the event stream is known to work",
        "run botkit doctor --live while an agent is warned: it opens one conversation, sends one message and ends it",
    )


class _Looked:
    """The checks of one deployment, with what the ones before have seen."""

    def __init__(
        self,
        settings: MiawSettings,
        transport: Transport,
        surroundings: Surroundings,
        clock: Callable[[], float],
        meta_infos: Collection[str],
    ) -> None:
        self._settings = settings
        self._transport = transport
        self._surroundings = surroundings
        self._clock = clock
        self._meta_infos = meta_infos
        self._answer = Response(0)
        self._answered_at = 0.0
        self._confirmed = False
        self._token = Token("", "", None)
        self._deployment = Deployment()

    async def host(self) -> Outcome:
        """Ask for a guest token, and look only at who answers."""
        host = questions.host_of(self._settings)
        self._answer = answer = await self._transport.send(guest_token_request(self._settings))
        self._answered_at = self._clock()
        status = answer.status
        if 300 <= status < 400:
            place = urlsplit(header(answer, "Location")).netloc or "another address"
            return failed(f"{host} does not answer, but leads to {place}: a login page or a proxy", _HOST_FIX)
        if is_page(answer):
            cause = f"{host} answers with a web page (HTTP {status}): a login page, a proxy or a firewall, not MIAW"
            return failed(cause, f"{_HOST_FIX}; or let the proxy pass calls to {host}")
        if status in (404, 405):
            return failed(f"{host} has no interface of MIAW (HTTP {status})", _HOST_FIX)
        return passed(f"{host} answers as a host of MIAW")

    async def clock(self) -> Outcome:
        """Compare Salesforce's clock with this machine's."""
        theirs = epoch_seconds(header(self._answer, "Date"))
        if theirs is None:
            return undecided(
                "the answer has no date", "compare this machine's clock with a time server (timedatectl)"
            )
        ahead = self._answered_at - theirs
        if abs(ahead) <= _SKEW_SECONDS:
            return passed(f"this clock and Salesforce's differ by less than {_SKEW_SECONDS} seconds")
        which = "ahead of" if ahead > 0 else "behind"
        return warned(
            f"this machine's clock is {abs(ahead):.0f} seconds {which} Salesforce's",
            "synchronise the clock (NTP); the XO platform refuses signatures of a wrong time",
        )

    async def organization(self) -> Outcome:
        """Ask the My Domain for its organisation; a wrong id and a wrong developer name get the same bare 400."""
        domain = urlsplit(questions.my_domain(self._settings)).netloc
        ours = self._settings.organization_id_15
        try:
            response = await self._transport.send(questions.organization_request(self._settings))
        except CallError as error:
            why = f"{domain} does not say which organisation it has: {error.detail or error}"
            return undecided(why, _COMPARE_FIX)
        theirs = short_id(text(members(try_decoded(response.body)).get("OrgId")).strip())
        if response.status != 200 or not theirs:
            why = f"{domain} does not say which organisation it has (HTTP {response.status})"
            return undecided(why, _COMPARE_FIX)
        if theirs != ours:
            return failed(
                f"{domain} is the organisation {theirs}, and organization_id is {ours}",
                refusals.ORGANIZATION_FIX,
            )
        self._confirmed = True
        return passed(f"{domain} is the organisation {ours}")

    async def token(self) -> Outcome:
        """Judge the answer to the request of a guest token."""
        if not 200 <= self._answer.status < 300:
            public = await self._configuration() if self._answer.status == 400 else Response(0)
            return refusals.explain(
                "a guest token",
                self._answer,
                right_organization=self._confirmed,
                unpublished=public.status == 412,
                verified_only=_auth_mode(public) == "auth",
            )
        try:
            self._token = read_token(self._answer, now=self._answered_at)
        except BadReply as error:
            return failed(
                f"the answer is no token: {error.detail}", "look for a proxy that changes answers on the way"
            )
        self._deployment = read_deployment(self._token.configuration)
        return passed(f"Salesforce gives guests of {self._settings.developer_name} a token")

    async def token_lifetime(self) -> Outcome:
        """A guest's token cannot be renewed: the chat ends with it (1.6)."""
        seconds = self._token.lifetime_seconds
        if seconds is None:
            return undecided(
                "the token does not say how long it lives",
                "look at anonymousUserJwtExpirationTime of the channel: every chat ends with its token",
            )
        if seconds < _SHORT_LIFE_SECONDS:
            return warned(
                f"a guest's token lives {seconds / 60:.0f} minutes, and every chat ends with its token",
                "raise the channel's expiration of guests' tokens (anonymousUserJwtExpirationTime, 60 to 4320 minutes)",
            )
        return passed(f"a guest's token lives {seconds / 60:.0f} minutes; every chat ends with its token")

    async def deployment(self) -> Outcome:
        """What the token's answer says of the deployment (1.1)."""
        found, name = self._token.configuration, self._settings.developer_name
        kind = text(found.get("deploymentType"))
        if not kind:
            return undecided(
                "the token's answer does not describe the deployment",
                f"see in Setup → Embedded Service Deployments that {name} is of the type Custom Client",
            )
        if _NOT_LETTERS.sub("", kind.casefold()) not in ("api", "customclient"):
            return failed(
                f"{name} is a deployment of the type {kind}, not Custom Client (API)", refusals.TYPE_FIX
            )
        return passed(f"{name} is a deployment of the type {kind}")

    async def published(self) -> Outcome:
        """Ask for the published configuration, which is known to answer for Web and Mobile deployments (2.7)."""
        status = (await self._configuration()).status
        if status == 200:
            return passed("the published configuration can be read")
        if status == 412:
            return warned(
                "a token is given, but the configuration is said not to be published; it is not known whether that means "
                "anything for a deployment of the type Custom Client",
                f"if a conversation is refused, {refusals.PUBLISH_FIX}",
            )
        seen = f"HTTP {status}" if status else "no answer"
        return undecided(
            f"the published configuration is not shown ({seen})",
            "nothing has to be done: a token is given, and deployments of the type Custom Client may not show it",
        )

    async def prechat(self) -> Outcome:
        """Compare the published form with what this bot sends."""
        return form.judge(
            self._token.configuration,
            self._surroundings,
            meta_infos=self._meta_infos,
        )

    async def files(self) -> Outcome:
        """Whether users' files reach the agents (3.3)."""
        limits = self._deployment.file_limits
        if not self._settings.attachments:
            return passed("users' files are sent as text (attachments: false)")
        if not limits.allowed:
            return warned(
                "the channel takes no files of users: agents get their names as text",
                "allow attachments on the messaging channel and publish, or set attachments: false",
            )
        size = (
            f"up to {limits.max_bytes // 1024 / 1024:g} MB"
            if limits.max_bytes
            else "of a size that is not stated"
        )
        types = f" of the types {', '.join(limits.types)}" if limits.types else ""
        return passed(f"agents get users' files {size}{types}")

    async def fallback_message(self) -> Outcome:
        """The organisation's own words for when nobody is available (1.1)."""
        if self._deployment.nobody_message:
            return passed("the organisation's own words are shown when nobody is available")
        return passed(
            "the organisation has no words of its own for when nobody is available; BotKit's are shown"
        )

    async def business_hours(self) -> Outcome:
        """Business hours, which Salesforce does not enforce for clients (2.7)."""
        try:
            response = await self._transport.send(questions.business_hours_request(self._settings))
        except CallError as error:
            return undecided(f"business hours are not shown: {error.detail or error}", _HOURS_FIX)
        if response.status == 204:
            return passed("the deployment has no business hours")
        hours = members(members(try_decoded(response.body)).get("businessHoursInfo"))
        if response.status != 200 or not hours:
            return undecided(f"business hours are not shown (HTTP {response.status})", _HOURS_FIX)
        if flag(hours.get("isActive")) is False:
            return passed("the business hours are switched off")
        now_ms = self._clock() * 1_000
        spans = [
            (whole(one.get("startTime")), whole(one.get("endTime")))
            for one in items(hours.get("businessHours"))
        ]
        if (end := next((end for start, end in spans if start <= now_ms < end), None)) is not None:
            return passed(
                f"open until {_at(end)}; Salesforce does not enforce the hours, and BotKit does not either"
            )
        following = min((start for start, _ in spans if start > now_ms), default=None)
        return warned(
            f"closed now{f', open again at {_at(following)}' if following else ''}; conversations are opened all the same, "
            "since Salesforce leaves it to clients to keep the hours",
            "let the dialog or the routing flow ask for the hours before it hands over",
        )

    async def _configuration(self) -> Response:
        """The published configuration; the status is 0 without an answer."""
        request = questions.configuration_request(
            self._settings, locale(self._surroundings.language) or "en_US"
        )
        try:
            return await self._transport.send(request)
        except CallError:
            return Response(0)


def _auth_mode(public: Response) -> str:
    """``auth`` or ``unauth``; empty if the published configuration does not say."""
    if public.status != 200:
        return ""
    described = members(members(try_decoded(public.body)).get("embeddedServiceConfig"))
    return text(members(described.get("embeddedServiceMessagingChannel")).get("authMode")).casefold()


def _at(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1_000, UTC):%H:%M} UTC"
