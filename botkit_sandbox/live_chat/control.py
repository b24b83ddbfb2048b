"""The API of the agent console for Live Chat, like that of MIAW. It takes and returns JSON; errors are ``{"error": …}``.

    GET    /sandbox/live-chat/state
    POST   /sandbox/live-chat/agents/{agent}            {online}
    POST   /sandbox/live-chat/conversations/{id}/…
           accept       {agent}                          decline      {agent}
           typing       {agent, started}                 say          {agent, text}
           transfer     {agent, to: agent, button or "queue", fail?}
           conference   {agent, to}                      leave        {agent}
           disconnect   {agent}                          drop         {agent}: leave, or disconnect as the last one
           request-file {agent}                          cancel-file  {agent}
           custom-event {agent, type, data}              end          {agent}
           route-failure {reason}                        emit         {type, message}
    GET    /sandbox/live-chat/faults                    PUT  one fault, or {"faults": […]} instead of all
    DELETE /sandbox/live-chat/faults                    all, or ?kind=
    GET    /sandbox/live-chat/switches                  PUT  {name: value, …}

Published on the bus under ``live-chat`` after every change: ``{kind, conversationId, status, assignedTo, agents, …}`` where
`kind` is one of

    created (attributes)         waiting (queuePosition)      assigned                     accepted (agent)
    declined (agent)             transfer (agent, to)         transferFailed               conference (agent)
    left (agent)                 routingFailed (reason)       ended (by)                   fileRequested (agent)
    message (item: a transcript line)                         typing (agent, started)      userTyping (started, preview)
    connection (lost)
    without a conversation: agent (agent, online), faults (faults), fault (fault), switches (switches)
"""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from botkit_sandbox.console import (
    ByAgent,
    Conference,
    Handler,
    Transfer,
    Typing,
    body_of,
    by_agent,
    console_routes,
    conversation_id,
    done,
)
from botkit_sandbox.live_chat.cloud import LiveChatCloud
from botkit_sandbox.live_chat.faults import FailReason, Fault

PREFIX = "/sandbox/live-chat"


def control_routes(cloud: LiveChatCloud) -> list[web.RouteDef]:
    """The console's routes, for the application of the page."""
    return console_routes(PREFIX, cloud, Fault, AgentRoutes(cloud).actions())


class _Says(msgspec.Struct, forbid_unknown_fields=True):
    agent: str
    text: str


class _CustomEvent(msgspec.Struct, forbid_unknown_fields=True):
    agent: str
    type: str
    data: str = ""


class _RouteFailure(msgspec.Struct, forbid_unknown_fields=True):
    reason: FailReason = "Unavailable"


class _Emit(msgspec.Struct, forbid_unknown_fields=True):
    type: str
    message: dict[str, Any] = {}


class AgentRoutes:
    """Actions of agents: each reads its body, calls the cloud and answers."""

    def __init__(self, cloud: LiveChatCloud) -> None:
        self._cloud = cloud

    def actions(self) -> dict[str, Handler]:
        """Routes on one conversation, by the last part of their path."""
        cloud = self._cloud
        return {
            "accept": by_agent(cloud.accept),
            "decline": by_agent(cloud.decline),
            "leave": by_agent(cloud.leave),
            "disconnect": by_agent(cloud.disconnect),
            "drop": by_agent(cloud.drop),
            "cancel-file": by_agent(cloud.cancel_file),
            "end": by_agent(cloud.agent_ends),
            "typing": self.typing,
            "say": self.say,
            "transfer": self.transfer,
            "conference": self.conference,
            "request-file": self.request_file,
            "custom-event": self.custom_event,
            "route-failure": self.route_failure,
            "emit": self.emit,
        }

    async def typing(self, request: web.Request) -> web.Response:
        body = await body_of(request, Typing)
        self._cloud.agent_typing(conversation_id(request), body.agent, started=body.started)
        return done()

    async def say(self, request: web.Request) -> web.Response:
        body = await body_of(request, _Says)
        if not body.text:
            raise ValueError("say needs a text; Live Chat has no other content")
        return done(id=self._cloud.agent_says(conversation_id(request), body.agent, body.text))

    async def transfer(self, request: web.Request) -> web.Response:
        body = await body_of(request, Transfer)
        self._cloud.transfer(conversation_id(request), body.agent, to=body.to, fail=body.fail)
        return done()

    async def conference(self, request: web.Request) -> web.Response:
        body = await body_of(request, Conference)
        self._cloud.conference(conversation_id(request), body.agent, to=body.to)
        return done()

    async def request_file(self, request: web.Request) -> web.Response:
        body = await body_of(request, ByAgent)
        return done(fileToken=self._cloud.request_file(conversation_id(request), body.agent))

    async def custom_event(self, request: web.Request) -> web.Response:
        body = await body_of(request, _CustomEvent)
        self._cloud.custom_event(conversation_id(request), body.agent, kind=body.type, data=body.data)
        return done()

    async def route_failure(self, request: web.Request) -> web.Response:
        body = await body_of(request, _RouteFailure)
        self._cloud.route_failure(conversation_id(request), reason=body.reason)
        return done()

    async def emit(self, request: web.Request) -> web.Response:
        body = await body_of(request, _Emit)
        self._cloud.raw_message(conversation_id(request), body.type, body.message)
        return done()
