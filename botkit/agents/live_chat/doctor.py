"""The checks of a Live Chat deployment for `botkit doctor`, in the order in which a set-up goes wrong.

The other side states little of what is wrong: an id that it does not know often looks like a button without agents. Every call is
BotKit's own. Sections are those of docs/protocols/salesforce-live-chat.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable, Sequence
from contextlib import aclosing
from urllib.parse import urlsplit

from botkit.agents.api import AgentSystem
from botkit.agents.examining import header, is_page, sample_attributes
from botkit.agents.live_chat.calls import LiveChatCalls, Session
from botkit.agents.live_chat.position import Position
from botkit.agents.live_chat.replies import message_of, read_availability, read_session
from botkit.agents.live_chat.settings import LiveChatSettings, switched
from botkit.agents.refusals import reason
from botkit.checks import Check, Outcome, Surroundings, failed, passed, undecided, warned
from botkit.errors import AgentsUnavailable, BadReply, CallError
from botkit.handoff.conversation import Access
from botkit.handoff.events import AgentSessionEnded, RoutingFailed
from botkit.http import Response, Transport
from botkit.http.lenient_json import text

_RETIRED = "Salesforce retired Live Chat on 14 February 2026"
_HOST_FIX = (
    "copy live_agent_url from the Chat API Endpoint of Setup → Chat Settings, which changes when the organisation moves; "
    "without that page Live Chat is gone: use a system of the type salesforce-miaw"
)
_IDS = (
    (
        r"organi[sz]ation|\borg(_?id)?\b",
        "organization_id",
        "copy organization_id from Setup → Company Information",
    ),
    (r"deployment", "deployment_id", "copy deployment_id (572…) from the code of Setup → Deployments"),
    (r"button", "button_id", "copy button_id (573…) from the code of Setup → Chat Buttons & Invitations"),
    (r"api.?version", "api_version", "set api_version to one that the guide lists"),
)
_ALL_IDS = "compare organization_id, deployment_id and button_id with the code that Setup shows, all of one organisation"
_REASONS = {
    "Unavailable": (
        "no agent is available, or all have declined",
        "let an agent go online for the button's queue",
    ),
    "NoPost": ("the service knows no such deployment or button", _ALL_IDS),
    "InternalFailure": (
        "the organisation could not create the chat",
        "look at the pre-chat records in `entities`",
    ),
    "Blocked": ("this machine's address is blocked", "remove it from the blocked addresses in Salesforce"),
}


def live_chat_checks(
    system: AgentSystem,
    settings: LiveChatSettings,
    transport: Transport,
    surroundings: Surroundings,
    *,
    new_id: Callable[[], str],
) -> Sequence[Check]:
    """The checks, named ``live_chat.…``."""
    looked = _Looked(system, settings, transport, surroundings, new_id)
    way = surroundings.reach(settings.live_agent_url, "live_chat")
    host, ids = ("live_chat.host",), ("live_chat.ids",)
    return [
        Check("live_chat.retired", looked.retired),
        *way,
        Check("live_chat.host", looked.host, tuple(check.name for check in way)),
        Check("live_chat.ids", looked.ids, host),
        Check("live_chat.available", looked.available, ids),
        Check("live_chat.session", looked.session, host),
        Check("live_chat.live", looked.live, ("live_chat.session", *ids), seconds=60 + surroundings.patience),
    ]


class _Looked:
    """The checks of one deployment, with what the ones before have seen."""

    def __init__(
        self,
        system: AgentSystem,
        settings: LiveChatSettings,
        transport: Transport,
        surroundings: Surroundings,
        new_id: Callable[[], str],
    ) -> None:
        self._system = system
        self._settings = settings
        self._transport = transport
        self._surroundings = surroundings
        self._new_id = new_id
        self._calls = LiveChatCalls(settings)
        self._base = settings.live_agent_url
        self._answer = Response(0)

    async def retired(self) -> Outcome:
        """The product is retired; what its hosts answer today is not known (10)."""
        return warned(
            _RETIRED,
            "publish a Custom Client deployment of Messaging for In-App and Web, and use salesforce-miaw",
        )

    async def host(self) -> Outcome:
        """Ask for availability, and look only at who answers; the organisation may have moved (2.19)."""
        host = urlsplit(self._base).netloc
        answer = await self._transport.send(self._calls.availability(self._base))
        if new_url := text(message_of(answer, "SwitchServer").get("newUrl")):
            moved = switched(self._base, new_url)
            if moved is None:
                return failed(f"{host} sends on to a host that is not Salesforce's", _HOST_FIX)
            self._base = moved
            self._answer = await self._transport.send(self._calls.availability(moved))
            return warned(
                f"the organisation has moved to {urlsplit(moved).netloc}", f"set live_agent_url to {moved}"
            )
        self._answer = answer
        status = answer.status
        if 300 <= status < 400:
            place = urlsplit(header(answer, "Location")).netloc or "another address"
            return failed(f"{host} does not answer, but leads to {place}: a login page or a proxy", _HOST_FIX)
        if is_page(answer):
            return failed(
                f"{host} answers with a web page (HTTP {status}): a login page or a proxy", _HOST_FIX
            )
        if status in (404, 405, 410):
            return failed(f"{host} has no interface of Live Chat (HTTP {status}); {_RETIRED}", _HOST_FIX)
        if status >= 500:
            return failed(
                f"{host} is in trouble (HTTP {status})", "look at status.salesforce.com, and try again later"
            )
        return passed(f"{host} answers as a host of Live Chat")

    async def ids(self) -> Outcome:
        """Judge a refusal of the ids; only one that says which id is wrong tells them apart (5)."""
        status = self._answer.status
        if status < 300:
            return passed("the service takes organization_id, deployment_id and button_id")
        stated = reason(self._answer.body)
        shown = f"HTTP {status}{f', “{stated}”' if stated else ''}"
        for pattern, setting, fix in _IDS:
            if re.search(pattern, stated, re.IGNORECASE):
                return failed(f"the service refuses {setting} ({shown})", fix)
        return failed(f"the service refuses the ids without saying which ({shown})", _ALL_IDS)

    async def available(self) -> Outcome:
        """Whether an agent could take a chat (2.15). An id that is not known looks like nobody."""
        targets = self._settings.targets
        found = read_availability(self._answer, targets)
        if found is None:
            return undecided(f"the answer does not name {', '.join(targets)}", _ALL_IDS)
        if not found:
            return warned(
                f"nobody is available for {', '.join(targets)}; an id that the service does not know looks the same",
                f"let an agent go online for the button; if one is, {_ALL_IDS}",
            )
        return passed(f"an agent is available for {', '.join(targets)}, so the three ids are right")

    async def session(self) -> Outcome:
        """Begin a session and delete it, which no agent notices (2.1, 2.2)."""
        answer = await self._transport.send(self._calls.session_id(self._base))
        if answer.status >= 300:
            stated = reason(answer.body)
            return failed(
                f"no session can be begun (HTTP {answer.status}{f', “{stated}”' if stated else ''})",
                "set api_version to one that the guide lists, and check live_agent_url",
            )
        try:
            found = read_session(answer, base=self._base)
        except BadReply as error:
            return failed(
                f"the session has no key: {error.detail}", "look for a proxy that changes answers on the way"
            )
        with contextlib.suppress(CallError):
            await self._transport.send(self._calls.delete(Session(found.key, found.affinity, found.base)))
        return passed("a session was begun and deleted")

    async def live(self) -> Outcome:
        """Request a chat and end it. Agents may see it."""
        if not self._surroundings.live:
            return undecided(
                "no chat was requested, so it is not known whether one reaches an agent",
                "run botkit doctor --live while an agent is warned: it requests one chat and ends it",
            )
        session_id = self._new_id()
        try:
            access = (await self._system.open(session_id)).access
        except AgentsUnavailable:
            return failed("no agent is available, so no chat was requested", _REASONS["Unavailable"][1])
        try:
            outcome = await self._requested(session_id, access)
        finally:
            not_ended = await self._end(session_id, access)
        if outcome.ok and not_ended:
            return warned(
                f"a chat was requested, an agent was looked for, and the chat could not be ended ({not_ended})",
                "end it in the agents' console",
            )
        return outcome

    async def _requested(self, session_id: str, access: Access) -> Outcome:
        """Request a chat, and wait for the first sign that an agent is looked for."""
        try:
            await self._system.start(
                session_id,
                access,
                attributes=sample_attributes(self._surroundings, session_id),
                language=self._surroundings.language,
            )
            async with (
                asyncio.timeout(self._surroundings.patience),
                aclosing(
                    self._system.listen(session_id, access)  # type: ignore[type-var]
                ) as batches,
            ):
                async for batch in batches:
                    for event in batch.events:
                        if isinstance(event, RoutingFailed | AgentSessionEnded):
                            return _refused(event)
                        position = Position.read(event.position)
                        if position is not None and position.requested:
                            return passed(
                                "a chat was requested, an agent was looked for, and the chat was ended"
                            )
        except TimeoutError:
            pass
        return failed(
            f"the chat request got no answer within {self._surroundings.patience:g} seconds",
            "look for a proxy that breaks long polls off; the organisation may also have moved to another host",
        )

    async def _end(self, session_id: str, access: Access) -> str:
        """End the chat. Returns why that failed; empty if it did not."""
        try:
            await self._system.end(session_id, access)
        except CallError as error:
            return str(error)
        return ""


def _refused(event: RoutingFailed | AgentSessionEnded) -> Outcome:
    if isinstance(event, AgentSessionEnded):
        return failed("the chat was ended at once", "look for the chat's transcript record in Salesforce")
    cause, fix = _REASONS.get(event.reason, ("for a reason that is not documented", _ALL_IDS))
    return failed(f"the chat request failed with {event.reason}: {cause}", fix)
