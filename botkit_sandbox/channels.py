"""A user of the bot goes on on another channel, as people do who leave the website and write from their phone.

    PUT /sandbox/kore/users/{id}/channel      {channel}   202; 400, 404, 409 while an agent has the user, 429

It happens after what the user did before, in order. The platform keeps a session per channel, so the next message opens one.
"""

from __future__ import annotations

from aiohttp import web

from botkit_sandbox.errors import LaneFull, UserUnknown
from botkit_sandbox.kore.cloud import KoreCloud
from botkit_sandbox.kore.doorway import json_object
from botkit_sandbox.kore.users import User, address_on

NAME_LIMIT = 40


def channel_routes(cloud: KoreCloud) -> list[web.RouteDef]:
    """The route above, for the page's port."""

    async def put_channel(request: web.Request) -> web.Response:
        body = await json_object(request)
        channel = body.get("channel") if body is not None else None
        if not isinstance(channel, str) or not 0 < len(channel) <= NAME_LIMIT:
            return _refusal(400, f"channel must be text of 1 to {NAME_LIMIT} characters")
        try:
            user = cloud.user(request.match_info["id"])
            if user.agent_mode:
                return _refusal(409, _with_an_agent(user))
            switch_channel(cloud, user, channel)
        except UserUnknown as error:
            return _refusal(404, str(error))
        except LaneFull as error:
            return _refusal(429, str(error))
        return web.json_response({"ok": True}, status=202)

    return [web.put("/sandbox/kore/users/{id}/channel", put_channel)]


def switch_channel(cloud: KoreCloud, user: User, channel: str) -> None:
    """Put the user on another channel, once everything before is done. With an agent by then, they stay.

    Raises:
        LaneFull: too much of this user's is waiting.
    """
    core = cloud.core

    async def switch() -> None:
        if user.channel == channel:
            return
        if user.agent_mode:
            core.note(user, _with_an_agent(user))
            return
        core.end_session(user)
        user.channel = channel
        user.address = address_on(channel, user.id, 1 + list(core.users).index(user.id))
        # The former address stays known: what BotKit still has to say there finds the user.
        core.add(user)
        core.note(user, f"{user.name} writes from another channel now: {channel}.")
        core.publish("user", user, changed=user.summary())

    cloud.lanes.put(user.id, switch)


def _with_an_agent(user: User) -> str:
    return f"{user.name} is with an agent on {user.channel}; end that first, or let a new user open the chat"


def _refusal(status: int, why: str) -> web.Response:
    return web.json_response({"error": why}, status=status)
