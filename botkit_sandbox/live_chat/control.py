"""The agent console's API for Live Chat, beside that of MIAW and alike; JSON in and out, errors as ``{"error": …}``.

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

from aiohttp import web

from botkit_sandbox.live_chat.cloud import LiveChatCloud
from botkit_sandbox.live_chat.desk_routes import DeskRoutes, Handler
from botkit_sandbox.live_chat.switch_routes import SwitchRoutes
from botkit_sandbox.salesforce.refusal import NotKnown, NotPossible

PREFIX = "/sandbox/live-chat"


def control_routes(cloud: LiveChatCloud) -> list[web.RouteDef]:
    """Routes for the page's application."""
    desk = DeskRoutes(cloud)
    switches = SwitchRoutes(cloud)
    one = PREFIX + "/conversations/{conversation}"
    return [
        web.get(f"{PREFIX}/state", _answering(switches.state)),
        web.post(PREFIX + "/agents/{agent}", _answering(desk.online)),
        *(web.post(f"{one}/{name}", _answering(action)) for name, action in desk.actions().items()),
        web.get(f"{PREFIX}/faults", _answering(switches.faults)),
        web.put(f"{PREFIX}/faults", _answering(switches.put_faults)),
        web.delete(f"{PREFIX}/faults", _answering(switches.clear_faults)),
        web.get(f"{PREFIX}/switches", _answering(switches.switches)),
        web.put(f"{PREFIX}/switches", _answering(switches.put_switches)),
    ]


def _answering(handler: Handler) -> Handler:
    """Errors of the cloud as JSON answers."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except NotKnown as error:
            return web.json_response({"error": str(error)}, status=404)
        except NotPossible as error:
            return web.json_response({"error": str(error)}, status=409)
        except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
            return web.json_response({"error": str(error)}, status=400)

    return answer
