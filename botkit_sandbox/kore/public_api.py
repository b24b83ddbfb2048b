"""The public API beside the stream API: subscription, history, and files of users.

See docs/protocols/kore-xo-botkit.md, 1, 4.4, 4.5.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from aiohttp import web

from botkit_sandbox.errors import UserUnknown
from botkit_sandbox.kore.cloud import KoreCloud
from botkit_sandbox.kore.doorway import MinuteLimit, forbidden, json_object, refusal, unauthorized
from botkit_sandbox.kore.history import Query, page
from botkit_sandbox.kore.settings import SUBSCRIPTIONS

HISTORY_LIMIT = 100
HISTORY_LIMIT_V2 = 10_000
HISTORY_WINDOW = timedelta(days=7)

Handler = Callable[[web.Request], Awaitable[web.Response]]


def public_routes(cloud: KoreCloud) -> list[web.RouteDef]:
    """The routes, with a check of the JWT app's token. Kore's own sample omits `/public` (1)."""
    limit = MinuteLimit()

    def checked(inner: Handler) -> Handler:
        async def handle(request: web.Request) -> web.Response:
            why = cloud.core.app.refusal_reason(request.headers.get("auth"), now=cloud.core.now())
            if why is not None:
                return unauthorized(cloud, why)
            if request.match_info.get("bot_id", cloud.core.bot.id) != cloud.core.bot.id:
                return refusal(404, "Bot not found", "NOT_FOUND")
            return await inner(request)

        return handle

    async def subscribe(request: web.Request) -> web.Response:
        return await _subscribe(cloud, request)

    async def history(request: web.Request) -> web.Response:
        if limit.exceeded(cloud.core.now(), cloud.core.settings.public_per_minute):
            return web.Response(
                status=429, text="The rate limit of this API is exceeded", headers={"Retry-After": "60"}
            )
        return _history(cloud, request)

    async def channel_mappings(_: web.Request) -> web.Response:
        return _channel_mappings(cloud)

    async def download(request: web.Request) -> web.Response:
        file = cloud.files.get(request.match_info["file_id"])
        if file is None:
            return refusal(404, "File not found", "NOT_FOUND")
        return web.Response(body=file.content, content_type=file.content_type)

    return [
        web.put("/api/public/bot/{bot_id}/sdkSubscription", checked(subscribe)),
        web.put("/api/bot/{bot_id}/sdkSubscription", checked(subscribe)),
        web.get("/api/public/bot/{bot_id}/getMessages", checked(history)),
        web.get("/api/public/bot/{bot_id}/getMessagesV2", checked(history)),
        web.get("/api/public/bot/{bot_id}/agentintegrations/channelmappings", checked(channel_mappings)),
        web.get("/api/attachment/file/{file_id}", checked(download)),
    ]


async def _subscribe(cloud: KoreCloud, request: web.Request) -> web.Response:
    body = await json_object(request)
    if body is None:
        return refusal(400, "Malformed JSON", "VALIDATION_ERROR")
    host = body.get("sdkHostUri")
    events = body.get("subscribedFor")
    if (
        not isinstance(host, str)
        or urlsplit(host).scheme not in ("http", "https")
        or not urlsplit(host).netloc
    ):
        return refusal(400, "sdkHostUri must be an http(s) URL", "INVALID_ARGUMENTS")
    if body.get("sdkClientId") != cloud.client_id:
        return refusal(400, "sdkClientId is not the app of this bot", "INVALID_ARGUMENTS")
    if not isinstance(events, list) or any(event not in SUBSCRIPTIONS for event in events):
        return refusal(400, f"subscribedFor takes {', '.join(SUBSCRIPTIONS)}", "INVALID_ARGUMENTS")
    if "onAgentTransfer" not in events:
        return refusal(400, "subscribedFor must contain onAgentTransfer", "INVALID_ARGUMENTS")
    cloud.subscribe(host, events, unmasked_for_agents=body.get("PIIMaskingDisabledForAgentTransfer") is True)
    return web.json_response(
        {
            "streamId": cloud.bot_id,
            "connectorEnabled": bool(body.get("connectorEnabled")),
            "PIIMaskingDisabledForAgentTransfer": bool(body.get("PIIMaskingDisabledForAgentTransfer")),
            "sdkClientId": cloud.client_id,
            "sdkHostUri": host,
            "subscribedFor": events,
        }
    )


def _channel_mappings(cloud: KoreCloud) -> web.Response:
    tells = cloud.core.settings.agent_integrations
    if tells == "hidden":
        return forbidden("agent_integrations:read")
    default = "salesforce" if tells == "salesforce" else "custom"
    web_chat = "custom" if default == "custom" and tells != "mixed" else "salesforce"
    return web.json_response(
        {
            "channelMappings": {"default": default, "rtm": web_chat},
            "state": "configured" if tells == "unpublished" else "published",
            "requiresPublish": tells == "unpublished",
        }
    )


def _history(cloud: KoreCloud, request: web.Request) -> web.Response:
    if not cloud.core.settings.history_scope:
        return forbidden("Chat History")
    most = HISTORY_LIMIT_V2 if request.path.endswith("V2") else HISTORY_LIMIT
    asked = request.query
    try:
        user = cloud.core.user(asked.get("userId") or asked.get("channelUserId", ""))
        since, until = _window(asked.get("dateFrom"), asked.get("dateTo"))
        skip = int(asked.get("skip") or asked.get("offset") or 0)
        number = int(asked.get("limit") or 50)
    except UserUnknown:
        return refusal(404, "User not found", "NOT_FOUND")
    except ValueError as error:
        return refusal(400, str(error), "INVALID_ARGUMENTS")
    if skip < 0 or not 0 < number <= most:
        return refusal(400, f"limit is 1 to {most}, skip 0 or more", "INVALID_ARGUMENTS")
    sessions = frozenset([*asked.getall("sessionId", []), *asked.getall("sessionId[]", [])])
    query = Query(
        skip=skip,
        limit=number,
        channel=asked.get("channelType", "rtm"),
        sessions=sessions or None,
        since_ms=since,
        until_ms=until,
        oldest_first=asked.get("forward") == "true",
    )
    return web.json_response(page(user.history, query))


def _window(since: str | None, until: str | None) -> tuple[int, int | None]:
    """The requested dates in milliseconds. Raises ValueError."""
    start = _date(since) if since else None
    end = _date(until) if until else None
    if start and end and end - start > HISTORY_WINDOW:
        raise ValueError("the date window is over 7 days")
    return (_ms(start) if start else 0, _ms(end) if end else None)


def _date(text: str) -> datetime:
    value = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _ms(when: datetime) -> int:
    return int(when.timestamp() * 1000)
