"""The API of the agent console, on the port of the page. It takes and returns JSON; errors are ``{"error": …}``.

    GET    /sandbox/salesforce/state
    POST   /sandbox/salesforce/agents/{agent}            {online}
    POST   /sandbox/salesforce/conversations/{id}/…
           accept       {agent}                          decline      {agent}
           typing       {agent, started}                 read         {agent}
           say          {agent, …} with one of: text · link {title, url} · buttons [titles] (text) · quickReplies · listPicker
                        · carousel [{title, buttons}] · form {title, fields} · file {name, mimeType, base64} (text)
                        · content {a whole abstractMessage}
           transfer     {agent, to: agent or "queue", fail?}
           conference   {agent, to}                      drop         {agent}
           end          {agent}                          idle         {}
           system-end   {}                               route-failure {failureType?, says?, again?}
           supervise    {name, present}                  bot          {text | progress | tokens | join: name | typing |
                                                                       handOver: agent or "queue" | leave: true}
           resume       {agent}                          supervisor-end {}
           emit         {event, entryType, payload, listed?}
    GET    /sandbox/salesforce/faults                    PUT  one fault, or {"faults": […]} instead of all
    DELETE /sandbox/salesforce/faults                    all, or ?kind=
    GET    /sandbox/salesforce/switches                  PUT  {name: value, …}

Published on the bus under ``salesforce`` after every change: ``{kind, conversationId, status, assignedTo, agents, …}`` where
`kind` is one of

    created (attributes)         reopened (attributes): a new session      waiting (queuePosition)      assigned
    accepted (agent)             declined (agent)                          transfer (agent, to)         conference (agent)
    left (agent)                 routingFailed (failureType)               idle                         ended (by)
    closed                       message (item: a transcript line)         typing (agent, started)      read (receipts)
    userTyping (started)         acknowledged (receipts)
    without a conversation: agent (agent, online), faults (faults), fault (fault), switches (switches)
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, Literal

import msgspec
from aiohttp import web

from botkit_sandbox.console import (
    ByAgent,
    Handler,
    Transfer,
    Typing,
    body_of,
    by_agent,
    console_routes,
    conversation_id,
    done,
)
from botkit_sandbox.salesforce import content as shapes
from botkit_sandbox.salesforce.chatbots import NAME
from botkit_sandbox.salesforce.cloud import SalesforceCloud
from botkit_sandbox.salesforce.content import Message
from botkit_sandbox.salesforce.faults import Fault

PREFIX = "/sandbox/salesforce"


def control_routes(cloud: SalesforceCloud) -> list[web.RouteDef]:
    """The console's routes, for the application of the page."""
    return console_routes(PREFIX, cloud, Fault, AgentRoutes(cloud).actions(), hidden_settings=("keysets",))


class _RouteFailure(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    failure_type: Literal["SubmissionError", "RoutingError", "Unknown", "Cancelled"] = "RoutingError"
    says: str = ""
    again: bool = False


class _Supervise(msgspec.Struct, forbid_unknown_fields=True):
    name: str = "Supervisor"
    present: bool = True


class _Bot(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    join: str | None = None
    typing: bool | None = None
    text: str | None = None
    progress: str | None = None
    tokens: list[str] | None = None
    hand_over: str | None = None
    leave: bool = False


class _Emit(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    event: str
    entry_type: str
    payload: dict[str, Any]
    listed: bool = False


class AgentRoutes:
    """Actions of agents: each reads its body, calls the cloud and answers."""

    def __init__(self, cloud: SalesforceCloud) -> None:
        self._cloud = cloud

    def actions(self) -> dict[str, Handler]:
        """Routes on one conversation, by the last part of their path."""
        return {
            "accept": by_agent(self._cloud.accept),
            "decline": by_agent(self._cloud.decline),
            "typing": self.typing,
            "read": self.read,
            "say": self.say,
            "transfer": self.transfer,
            "conference": self.conference,
            "drop": by_agent(self._cloud.drop),
            "end": by_agent(self._cloud.agent_ends),
            "idle": self.idle,
            "resume": by_agent(self._cloud.resume),
            "system-end": self.system_end,
            "supervisor-end": self.supervisor_end,
            "route-failure": self.route_failure,
            "supervise": self.supervise,
            "bot": self.bot,
            "emit": self.emit,
        }

    async def typing(self, request: web.Request) -> web.Response:
        body = await body_of(request, Typing)
        self._cloud.agent_typing(conversation_id(request), body.agent, started=body.started)
        return done()

    async def read(self, request: web.Request) -> web.Response:
        return done(
            read=self._cloud.agent_reads(conversation_id(request), (await body_of(request, ByAgent)).agent)
        )

    async def say(self, request: web.Request) -> web.Response:
        body = await body_of(request, SayBody)
        if body.file is not None:
            try:
                data = base64.b64decode(body.file.base64, validate=True)
            except binascii.Error as error:
                raise ValueError("file.base64 is not base64") from error
            entry = self._cloud.agent_sends_file(
                conversation_id(request),
                body.agent,
                name=body.file.name,
                mime_type=body.file.mime_type,
                data=data,
                text=body.text,
            )
        else:
            entry = self._cloud.agent_sends(conversation_id(request), body.agent, body.message())
        return done(id=entry.identifier, at_ms=entry.transcripted_ms)

    async def transfer(self, request: web.Request) -> web.Response:
        body = await body_of(request, Transfer)
        self._cloud.transfer(conversation_id(request), body.agent, to=body.to, fail=body.fail)
        return done()

    async def conference(self, request: web.Request) -> web.Response:
        body = await body_of(request, Transfer)
        self._cloud.conference(conversation_id(request), body.agent, to=body.to)
        return done()

    async def idle(self, request: web.Request) -> web.Response:
        self._cloud.idle(conversation_id(request))
        return done()

    async def system_end(self, request: web.Request) -> web.Response:
        self._cloud.system_end(conversation_id(request))
        return done()

    async def supervisor_end(self, request: web.Request) -> web.Response:
        self._cloud.supervisor_ends(conversation_id(request))
        return done()

    async def route_failure(self, request: web.Request) -> web.Response:
        body = await body_of(request, _RouteFailure)
        self._cloud.route_failure(
            conversation_id(request), failure_type=body.failure_type, says=body.says, again=body.again
        )
        return done()

    async def supervise(self, request: web.Request) -> web.Response:
        body = await body_of(request, _Supervise)
        self._cloud.supervise(conversation_id(request), body.name, present=body.present)
        return done()

    async def bot(self, request: web.Request) -> web.Response:
        body, conversation = await body_of(request, _Bot), conversation_id(request)
        if body.join is not None:
            self._cloud.bot_joins(conversation, name=body.join or NAME)
        if body.typing is not None:
            self._cloud.bot_types(conversation, started=body.typing)
        if body.progress is not None:
            self._cloud.bot_works(conversation, body.progress)
        if body.tokens is not None:
            self._cloud.bot_streams(conversation, body.tokens)
        if body.text is not None:
            self._cloud.bot_says(conversation, body.text)
        if body.hand_over is not None:
            self._cloud.bot_hands_over(conversation, to=body.hand_over)
        elif body.leave:
            self._cloud.bot_leaves(conversation)
        return done()

    async def emit(self, request: web.Request) -> web.Response:
        body = await body_of(request, _Emit)
        entry = self._cloud.raw_event(
            conversation_id(request), body.event, body.entry_type, body.payload, listed=body.listed
        )
        return done(id=entry.identifier)


class Link(msgspec.Struct, forbid_unknown_fields=True):
    title: str
    url: str


class File(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    name: str
    base64: str
    mime_type: str = "application/octet-stream"


class Card(msgspec.Struct, forbid_unknown_fields=True):
    title: str
    buttons: list[str] = []


class Form(msgspec.Struct, forbid_unknown_fields=True):
    title: str
    fields: list[str]


class SayBody(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """The body of ``say``: the agent, and one kind of content."""

    agent: str
    text: str | None = None
    link: Link | None = None
    buttons: list[str] | None = None
    quick_replies: list[str] | None = None
    list_picker: list[str] | None = None
    carousel: list[Card] | None = None
    form: Form | None = None
    file: File | None = None
    content: dict[str, Any] | None = None

    def message(self) -> Message:
        """The abstractMessage for everything but a file.

        Raises:
            ValueError: the body has no content.
        """
        if self.content is not None:
            return self.content
        if self.link is not None:
            return shapes.link(self.link.title, self.link.url)
        if self.carousel is not None:
            return shapes.carousel([(card.title, card.buttons) for card in self.carousel], title=self.text)
        if self.form is not None:
            return shapes.form(self.form.title, self.form.fields)
        for format_type, titles in (
            ("Buttons", self.buttons),
            ("QuickReplies", self.quick_replies),
            ("ListPicker", self.list_picker),
        ):
            if titles is not None:
                return shapes.choices(self.text or "", titles, format_type=format_type)
        if self.text:
            return shapes.text(self.text)
        raise ValueError(
            "say needs text, link, buttons, quickReplies, listPicker, carousel, form, file or content"
        )
