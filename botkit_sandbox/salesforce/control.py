"""The agent console's API, on the page's port and not on Salesforce's; JSON in and out, errors as ``{"error": …}``.

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
           system-end   {}                               route-failure {failureType?}
           supervise    {name, present}                  bot          {text | progress | tokens}
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

from aiohttp import web

from botkit_sandbox.salesforce.cloud import SalesforceCloud
from botkit_sandbox.salesforce.desk_routes import DeskRoutes, Handler
from botkit_sandbox.salesforce.refusal import NotKnown, NotPossible
from botkit_sandbox.salesforce.switch_routes import SwitchRoutes

PREFIX = "/sandbox/salesforce"


def control_routes(cloud: SalesforceCloud) -> list[web.RouteDef]:
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
