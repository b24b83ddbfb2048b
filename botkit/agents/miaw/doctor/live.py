"""`botkit doctor --live`: one real conversation, from its creation to its end, with the service's own calls.

Asking for the first part plays the whole conversation, so that it is also ended if a part fails. Sections are those of
docs/protocols/salesforce-miaw.md.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from botkit.agents.examining import sample_attributes
from botkit.agents.miaw.calls import MiawCalls, Token, guest_token_request, read_token
from botkit.agents.miaw.doctor import refusals
from botkit.agents.miaw.entries import read_envelope
from botkit.agents.miaw.event_stream import EventStream
from botkit.agents.miaw.settings import MiawSettings
from botkit.agents.refusals import reason
from botkit.checks import Outcome, Surroundings, failed, passed, undecided, warned
from botkit.errors import CallError
from botkit.http import Request, Response, Transport
from botkit.http.lenient_json import Members, items, members, text, try_decoded, whole

WORDS = "This is a test by botkit doctor. Please ignore it: the conversation ends by itself."
_PAUSE_SECONDS = 0.25
_ROUTING_FIX = (
    "check that the routing flow is active and finds its queue, that the queue takes MessagingSession and has a routing "
    "configuration, and that the channel is active and names the flow"
)
_STREAM_FIX = (
    "let the network pass the host without TLS inspection and without buffering (Salesforce's help: Configure Server-Sent "
    "Events), or set receive: poll"
)
_LIST_FIX = "run it again, and let any proxy pass GET …/entries; without the list BotKit misses what its stream does not bring"
_AGENTS = (
    "the interface does not show whether an agent is online: a conversation waits in its queue all the same",
    "look at Omni-Channel Supervisor: is an agent of the queue online, with capacity left?",
)


class LiveRun:
    """One conversation. `part` gives the check of each part.

    Args:
        settings: the deployment.
        transport: carries the calls.
        surroundings: the bot whose attributes are sent, and the patience with the other side.
        clock: epoch seconds.
        new_id: draws a UUID.
    """

    def __init__(
        self,
        settings: MiawSettings,
        transport: Transport,
        surroundings: Surroundings,
        *,
        clock: Callable[[], float],
        new_id: Callable[[], str],
    ) -> None:
        self._settings = settings
        self._transport = transport
        self._surroundings = surroundings
        self._clock = clock
        self._calls = MiawCalls(settings)
        self._id = new_id()
        self._message_id = new_id()
        self._record = ""
        self._unlisted = ""
        """Why the newest list of entries could not be read."""
        self._outcomes: dict[str, Outcome | CallError] = {}

    def part(self, name: str) -> Callable[[], Awaitable[Outcome]]:
        """The check of one part: ``conversation`` plays everything, the others tell what was seen."""

        async def look() -> Outcome:
            if name == "conversation":
                await self._play()
            outcome = self._outcomes.get(name)
            if isinstance(outcome, CallError):
                raise outcome
            return outcome or undecided("the conversation broke off before this was seen", "run it again")

        return look

    async def _play(self) -> None:
        answer = await self._transport.send(guest_token_request(self._settings))
        if answer.status >= 300:
            self._outcomes["conversation"] = refusals.explain("a guest token", answer)
            return
        token = read_token(answer, now=self._clock())
        attributes = dict(sample_attributes(self._surroundings, self._id))
        request = self._calls.create(
            token.access_token, self._id, attributes=attributes, language=self._surroundings.language
        )
        try:
            answer = await self._transport.send(request)
        except asyncio.CancelledError:
            await self._end(token.access_token)  # It may have been opened all the same.
            raise
        if answer.status >= 300:
            self._outcomes["conversation"] = refusals.explain("a conversation", answer)
            return
        self._outcomes["conversation"] = passed(f"Salesforce opened the conversation {self._id}")
        try:
            async with self._listening(token) as heard:
                self._outcomes["routing"] = await self._told_of(self._routing(token.access_token))
                self._outcomes["agents"] = undecided(*_AGENTS)
                self._outcomes["attributes"] = self._look_up(attributes)
                message = await self._told_of(self._message(token.access_token))
                self._outcomes["message"] = message
                self._outcomes["stream"] = await self._echo(
                    heard, sent=isinstance(message, Outcome) and message.ok is True
                )
        finally:
            self._outcomes["end"] = await self._end(token.access_token)

    async def _told_of(self, part: Awaitable[Outcome]) -> Outcome | CallError:
        """A part's outcome; one whose call fails does not keep the others from being played."""
        try:
            return await part
        except CallError as error:
            return error

    # --- routing ---

    async def _routing(self, token: str) -> Outcome:
        """Wait for a routing result (5). A failure may be followed by another result, which then counts."""
        failure: Outcome | None = None
        async for entries in self._lists(token):
            results = [_payload(entry) for entry in entries if _kind(entry) == "routingresult"]
            failure = None
            if results:
                newest = results[-1]
                self._record = text(newest.get("recordId")) or self._record
                failure = _failure(newest)
                if failure is None:
                    return passed(_routed(newest, self._record))
            if any(_kind(entry) == "sessionstatuschanged" and _ended(entry) for entry in entries):
                return failure or failed(
                    "the session was ended at once, before any agent was looked for", _ROUTING_FIX
                )
        if failure is not None:
            return failure
        if self._unlisted:
            return failed(self._unlisted, _LIST_FIX)
        return failed(
            f"nothing was routed within {self._surroundings.patience:g} seconds: no routing result came",
            _ROUTING_FIX,
        )

    def _look_up(self, attributes: Mapping[str, str]) -> Outcome:
        """The API never shows attributes again, so a person has to look."""
        where = f"the MessagingSession {self._record}" if self._record else "the newest MessagingSession"
        return undecided(
            "the interface does not show which attributes were kept",
            f"open {where} in Salesforce, and look for the values of {', '.join(attributes) or 'your attributes'}",
        )

    # --- one message ---

    async def _message(self, token: str) -> Outcome:
        """Send a message, and find it in the list of entries (3.1, 2.4)."""
        request = self._calls.send(token, self._id, message_id=self._message_id, text=WORDS)
        answer = await self._transport.send(request)
        if answer.status >= 300:
            stated = _stated(answer)
            return failed(
                f"Salesforce refuses a message ({stated})",
                "see that the routing flow does not end the session, and that no keyword of the channel is in the text",
            )
        async for entries in self._lists(token):
            if any(self._is_ours(entry) for entry in entries):
                return passed(
                    "one message was sent, and stands in the list of entries; an agent may have seen it"
                )
        if self._unlisted:
            return failed(f"Salesforce took a message; {self._unlisted}", _LIST_FIX)
        return failed(
            f"Salesforce took a message, and does not list it within {self._surroundings.patience:g} seconds",
            "run it again; if it stays so, ask Salesforce's support about the list of conversation entries",
        )

    def _is_ours(self, entry: Members) -> bool:
        return self._message_id in (text(entry.get("identifier")), text(_payload(entry).get("id")))

    async def _lists(self, token: str) -> AsyncIterator[list[Members]]:
        """The list of entries, oldest first, again and again while there is patience."""
        deadline = asyncio.get_running_loop().time() + self._surroundings.patience
        while True:
            request = self._calls.entries(token, self._id, since_ms=0)
            answer = await self._transport.send(request)
            refused = answer.status >= 300
            self._unlisted = f"the list of entries cannot be read ({_stated(answer)})" if refused else ""
            body = None if refused else try_decoded(answer.body)
            yield items(
                body if isinstance(body, list) else members(body).get("conversationEntries")
            ) or items(members(body).get("entries"))
            if asyncio.get_running_loop().time() >= deadline:
                return
            await asyncio.sleep(_PAUSE_SECONDS)

    # --- the event stream ---

    @asynccontextmanager
    async def _listening(self, token: Token) -> AsyncIterator[_Heard]:
        heard = _Heard()
        if self._settings.receive != "stream":
            yield heard
            return
        task = asyncio.create_task(self._listen(token, heard))
        try:
            yield heard
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _listen(self, token: Token, heard: _Heard) -> None:
        request = self._calls.stream(token.access_token, last_event_id=token.last_event_id)
        try:
            async with self._transport.stream(request, silence_seconds=90.0) as stream:
                heard.status = stream.status
                if stream.status != 200:
                    heard.refusal = _stated(Response(stream.status, stream.headers, await stream.read()))
                    return
                parser = EventStream(token.last_event_id)
                async for chunk in stream.chunks():
                    for event in parser.feed(chunk):
                        _, entry = read_envelope(event.data)
                        heard.events += bool(entry)
                        if entry and self._is_ours(entry):
                            heard.ours = True
                            heard.changed.set()
            heard.refusal = "the stream ended"
        except CallError as error:
            heard.refusal = str(error)
        finally:
            heard.changed.set()

    async def _echo(self, heard: _Heard, *, sent: bool) -> Outcome:
        """The message on the stream (4.5). A stream that is open and brings nothing is held back by a proxy (4.6)."""
        if self._settings.receive != "stream":
            return passed("no stream is used (receive: poll)")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._surroundings.patience if sent else 0.0):
                await heard.changed.wait()
        if heard.ours:
            return passed("the event stream brought the message")
        if heard.refusal:
            return failed(f"the event stream does not work: {heard.refusal}", _STREAM_FIX)
        if not heard.status:
            return failed(
                "the event stream does not even begin: something on the way holds it back", _STREAM_FIX
            )
        missing = "nothing at all" if not heard.events else "not the message"
        return failed(
            f"the event stream is open and brought {missing}, which the list has: something on the way holds it back",
            _STREAM_FIX,
        )

    # --- the end ---

    async def _end(self, token: str) -> Outcome:
        """End the session and close the conversation, so that nothing is left for an agent."""
        ended = await self._told(self._calls.end_session(token, self._id))
        closed = await self._told(self._calls.close(token, self._id))
        if not closed:
            return passed("the conversation was ended and closed")
        how = f"{ended}; {closed}" if ended else closed
        return warned(f"the conversation could not be closed ({how})", "end it in the agents' console")

    async def _told(self, request: Request) -> str:
        """Why a call failed; empty if it did not."""
        try:
            answer = await self._transport.send(request)
        except CallError as error:
            return str(error)
        return "" if answer.status < 300 else f"{request.what}: {_stated(answer)}"


class _Heard:
    """What the event stream brought."""

    def __init__(self) -> None:
        self.status = 0
        self.events = 0
        self.refusal = ""
        self.ours = False
        self.changed = asyncio.Event()
        """Set once our message came, or the stream is over."""


def _failure(result: Members) -> Outcome | None:
    """A routing result that leads to nobody (5): an error, or neither a queue nor an agent."""
    kind = text(result.get("failureType")) or "None"
    where = members(result.get("routingConfigurationDetails"))
    if kind.casefold() == "none":
        if not where or text(where.get("queueId")) or text(where.get("agentId")):
            return None
        return failed("the routing flow names neither a queue nor an agent", _ROUTING_FIX)
    words = reason_of(result)
    queue = "" if text(where.get("queueId")) else ", and no queue is named: the flow or its queue is broken"
    return failed(f"routing failed with {kind}{f' ({words})' if words else ''}{queue}", _ROUTING_FIX)


def reason_of(result: Members) -> str:
    """The router's own reason, cut and without personal data."""
    listed = result.get("errorMessages")
    errors = [text(one) for one in listed] if isinstance(listed, list) else []
    parts = dict.fromkeys(part for part in (text(result.get("failureReason")), *errors) if part)
    return reason("; ".join(parts).encode())


def _routed(result: Members, record: str) -> str:
    where = members(result.get("routingConfigurationDetails"))
    to = text(where.get("queueId")) or text(where.get("agentId"))
    wait = whole(members(result.get("estimatedWaitTime")).get("estimatedWaitTimeInSeconds"))
    parts = [f"an agent is looked for{f' in {to}' if to else ''}"]
    parts += [f"the estimated wait is {wait} seconds"] * (wait > 0)
    parts += [f"the MessagingSession is {record}"] * bool(record)
    return ", ".join(parts)


def _payload(entry: Members) -> Members:
    return members(entry.get("entryPayload"))


def _kind(entry: Members) -> str:
    kind = text(entry.get("entryType")) or text(_payload(entry).get("entryType"))
    return kind.replace("_", "").casefold()


def _ended(entry: Members) -> bool:
    return text(_payload(entry).get("sessionStatus")).casefold() in ("ended", "error")


def _stated(answer: Response) -> str:
    stated = reason(answer.body)
    return f"HTTP {answer.status}{f', “{stated}”' if stated else ''}"
