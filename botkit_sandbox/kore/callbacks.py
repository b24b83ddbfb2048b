"""The stream API that BotKit calls: `/api/botsdk/stream/{botId}/…`.

See docs/protocols/kore-xo-botkit.md, 4.2 to 4.6.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from botkit_sandbox.errors import ExpiredCall, LaneFull, UnknownCall, UserUnknown
from botkit_sandbox.kore.calls import Call
from botkit_sandbox.kore.cloud import KoreCloud
from botkit_sandbox.kore.doorway import (
    MinuteLimit,
    forbidden,
    json_object,
    refusal,
    unauthorized,
    wire_middleware,
)
from botkit_sandbox.kore.history import Query, page
from botkit_sandbox.kore.public_api import public_routes
from botkit_sandbox.kore.templates import Rendered, shown
from botkit_sandbox.kore.users import Speaker, User

BODY_LIMIT = 4 * 1024 * 1024
HISTORY_LIMIT = 100

Action = Callable[[KoreCloud, User, Call, Mapping[str, Any]], web.Response | None]


def routes(cloud: KoreCloud) -> web.Application:
    """The platform as an aiohttp application, at the root paths of the real host."""
    app = web.Application(client_max_size=BODY_LIMIT, middlewares=[wire_middleware(cloud)])
    limit = MinuteLimit()
    base = "/api/botsdk/stream/{bot_id}"

    def checked(inner: Callable[[web.Request], Awaitable[web.Response]]) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.Response:
            why = cloud.core.app.refusal_reason(request.headers.get("auth"), now=cloud.core.now())
            if why is not None:
                return unauthorized(cloud, why)
            if not cloud.core.knows_bot(request.match_info["bot_id"]):
                return refusal(404, "Bot not found", "NOT_FOUND")
            if limit.exceeded(cloud.core.now(), cloud.core.settings.callbacks_per_minute):
                return refusal(429, "Rate limit exceeded", "TOO_MANY_REQUESTS", retry_after=1)
            return await inner(request)

        return handle

    async def post(request: web.Request) -> web.Response:
        return await _post(cloud, request)

    async def get_messages(request: web.Request) -> web.Response:
        return await _get_messages(cloud, request)

    async def get_variables(request: web.Request) -> web.Response:
        return await _get_variables(cloud, request)

    async def get_dialog(request: web.Request) -> web.Response:
        return await _get_dialog(cloud, request)

    app.router.add_get(f"{base}/getMessages", checked(get_messages))
    app.router.add_get(f"{base}/getBotVariable/{{request_id}}", checked(get_variables))
    app.router.add_get(f"{base}/getDialog/{{request_id}}", checked(get_dialog))
    app.router.add_post(f"{base}/{{action}}/{{request_id}}", checked(post))
    app.add_routes(public_routes(cloud))

    async def close(_: web.Application) -> None:
        await cloud.close()

    app.on_cleanup.append(close)
    return app


async def _post(cloud: KoreCloud, request: web.Request) -> web.Response:
    action = _ACTIONS.get(request.match_info["action"])
    if action is None:
        return refusal(404, "No such call", "NOT_FOUND")
    body = await json_object(request)
    if body is None:
        return refusal(400, "Malformed JSON", "VALIDATION_ERROR")
    found = _call(cloud, request)
    if isinstance(found, web.Response):
        return found
    user, call = found
    try:
        answer = action(cloud, user, call, body)
    except LaneFull:
        return refusal(429, "Too much is waiting for this user", "TOO_MANY_REQUESTS", retry_after=1)
    if answer is not None:
        return answer
    _store_tags(user, body)
    if request.match_info["action"] not in _BESIDE:
        call.follow(request.match_info["action"], body)
    return web.json_response({"status": "success"})


def _call(cloud: KoreCloud, request: web.Request) -> tuple[User, Call] | web.Response:
    call = _known(cloud, request)
    if isinstance(call, web.Response):
        return call
    try:
        user = cloud.core.user(call.user_id)
    except UserUnknown:
        return refusal(404, "requestId not found", "NOT_FOUND")
    cloud.core.reset_when_idle(user)
    return user, call


def _known(cloud: KoreCloud, request: web.Request) -> Call | web.Response:
    """The call with this request id. The call of on_variable_update belongs to no user."""
    try:
        return cloud.core.calls.find(request.match_info["request_id"], now_ms=cloud.core.now_ms())
    except UnknownCall:
        return refusal(404, "requestId not found", "NOT_FOUND")
    except ExpiredCall:
        return refusal(400, "requestId has expired", "REQUEST_EXPIRED")


# --- one function per call; it returns a response to refuse the call, None if it succeeded ---------------------------


def _send_user_message(
    cloud: KoreCloud, user: User, call: Call, body: Mapping[str, Any]
) -> web.Response | None:
    what = shown(body, channel=user.channel)
    if what is not None:
        cloud.core.show(user, _speaker(call, what), what)
    return None


def _speaker(call: Call, what: Rendered) -> Speaker:
    """The speaker: an agent if the template says so, the bot if its own utterance comes back, else BotKit."""
    if what.is_agent:
        return "agent"
    return "bot" if call.event in ("on_bot_message", "on_alert") else "botkit"


def _send_bot_message(
    cloud: KoreCloud, user: User, call: Call, body: Mapping[str, Any]
) -> web.Response | None:
    text = body.get("message")
    if text is not None and not isinstance(text, str):
        return refusal(400, "message must be text", "INVALID_ARGUMENTS")
    settings = cloud.core.settings
    if text is not None:
        if _length(text) > settings.bot_message_limit:
            return refusal(
                400, f"message is over {settings.bot_message_limit} characters", "INVALID_ARGUMENTS"
            )
        if any(_length(word) > settings.bot_word_limit for word in text.split()):
            return refusal(400, f"a word is over {settings.bot_word_limit} characters", "INVALID_ARGUMENTS")
    if call.event != "on_user_message" or call.followed is None or call.followed.done():
        # The platform does not wait for this call: it is a second one, or agent mode is on. It is not known to be refused.
        cloud.lanes.put(user.key, lambda: cloud.talk.to_bot_as_sent(user, body))
    return None


def _length(text: str) -> int:
    """Length in UTF-16 code units, as a platform written in JavaScript counts."""
    return len(text.encode("utf-16-le", errors="surrogatepass")) // 2


def _skip(cloud: KoreCloud, user: User, call: Call, body: Mapping[str, Any]) -> None:
    """Skip the message: nothing is shown and nothing reaches the bot."""


def _reset_bot(cloud: KoreCloud, user: User, call: Call, body: Mapping[str, Any]) -> None:
    cloud.core.reset_dialog(user)


def _start_agent_session(cloud: KoreCloud, user: User, call: Call, body: Mapping[str, Any]) -> None:
    cloud.core.set_agent_mode(user, True)


def _clear_agent_session(cloud: KoreCloud, user: User, call: Call, body: Mapping[str, Any]) -> None:
    cloud.core.set_agent_mode(user, False)
    if cloud.core.settings.context_of_clear == "taken":
        found: Any = body
        for name in ("context", "session", "BotUserSession", "agentHandoffMeta"):
            found = found.get(name) if isinstance(found, Mapping) else None
        if isinstance(found, Mapping):
            user.session.variables["agentHandoffMeta"] = dict(found)


def _extend(cloud: KoreCloud, user: User, call: Call, body: Mapping[str, Any]) -> None:
    """Extend the request id. This has no effect after the inactivity duration (4.6)."""
    now_ms = cloud.core.now_ms()
    if now_ms - user.last_activity_ms < cloud.core.inactivity_ms:
        cloud.core.calls.extend(call, now_ms=now_ms)


def _clear_conversation(cloud: KoreCloud, user: User, call: Call, body: Mapping[str, Any]) -> None:
    if user.session.closed:
        return  # otherwise a BotKit that closes on sessionClosure would receive it for ever
    cloud.core.end_session(user)
    if cloud.core.settings.closing_repeats:
        cloud.lanes.put(user.key, lambda: cloud.talk.closed(user))


def _send_feedback(cloud: KoreCloud, user: User, call: Call, body: Mapping[str, Any]) -> web.Response | None:
    data = body.get("feedbackData")
    if not isinstance(data, Mapping) or not data.get("name") or data.get("score") is None:
        return refusal(400, "feedbackData needs name and score", "INVALID_ARGUMENTS")
    cloud.core.feedback.append(dict(data))
    del cloud.core.feedback[:-1000]
    cloud.core.publish("feedback", user, feedback=dict(data))
    return None


def _service_callback(
    cloud: KoreCloud, user: User, call: Call, body: Mapping[str, Any]
) -> web.Response | None:
    if call.event == "on_webhook" and not cloud.talk.webhook_answered(call, body):
        return refusal(404, "No node waits for this callback", "NOT_FOUND")
    return None


def _send_bot_event(cloud: KoreCloud, user: User, call: Call, body: Mapping[str, Any]) -> web.Response | None:
    event = body.get("preDefinedEvent")
    kind = event.get("type") if isinstance(event, Mapping) else None
    if kind in ("TYPING_STARTED", "TYPING_STOPPED"):
        user.agent_typing = kind == "TYPING_STARTED"
        cloud.core.publish("typing", user, started=user.agent_typing)
    elif kind != "MESSAGE_READ" and not body.get("customEvent"):
        return refusal(400, "preDefinedEvent or customEvent is missing", "INVALID_ARGUMENTS")
    return None


_ACTIONS: Mapping[str, Action] = {
    "sendUserMessage": _send_user_message,
    "sendAlertMessage": _send_user_message,
    "sendBotMessage": _send_bot_message,
    "skipUserMessage": _skip,
    "skipBotMessage": _skip,
    "resetBot": _reset_bot,
    "startAgentSession": _start_agent_session,
    "clearAgentSession": _clear_agent_session,
    "extendcallid": _extend,
    "clearConversationSession": _clear_conversation,
    "closeConversationSession": _clear_conversation,
    "sendFeedbackMessage": _send_feedback,
    "serviceCallback": _service_callback,
    "sendBotEvent": _send_bot_event,
}


_BESIDE = frozenset({"extendcallid", "sendFeedbackMessage", "sendBotEvent", "serviceCallback"})
"""Calls that are not the follow-up for which the platform waits."""


def _store_tags(user: User, body: Mapping[str, Any]) -> None:
    """Store the metaTags of a send call (2.3); message tags belong to one message and are not stored."""
    tags = body.get("metaTags")
    if isinstance(tags, Mapping):
        for kind in ("userMetaTags", "sessionMetaTags"):
            if isinstance(tags.get(kind), list):
                user.tags[kind] = tags[kind][:50]


# --- reading ---------------------------------------------------------------------------------------------------------


async def _get_messages(cloud: KoreCloud, request: web.Request) -> web.Response:
    if await request.read():
        return refusal(400, "Malformed JSON", "VALIDATION_ERROR")  # seen by BotKits that sent `null` (4.2)
    if not cloud.core.settings.history_scope:
        return forbidden("Chat History")
    try:
        user = cloud.core.user(request.query.get("userId", ""))
        query = Query(
            skip=_number(request, "skip", 0),
            limit=min(_number(request, "limit", 20), HISTORY_LIMIT),
            channel=request.query.get("channelType")
            or ("rtm" if cloud.core.settings.history_without_channel == "rtm" else None),
        )
    except UserUnknown:
        if cloud.core.settings.unknown_user == "empty":
            return web.json_response({"total": 0, "moreAvailable": False, "messages": []})
        return refusal(400, "userId is missing or unknown", "INVALID_ARGUMENTS")
    except ValueError:
        return refusal(400, "skip and limit are whole numbers", "INVALID_ARGUMENTS")
    return web.json_response(page(user.history, query))


async def _get_variables(cloud: KoreCloud, request: web.Request) -> web.Response:
    found = _known(cloud, request)
    if isinstance(found, web.Response):
        return found
    language = request.headers.get("bot-language", cloud.core.bot.default_language)
    if language not in cloud.core.bot.languages:
        # Status 200: Kore's own sample looks for `errors` in successful answers.
        return web.json_response({"errors": [{"msg": f"Language {language[:20]} is not enabled"}]})
    variables = [
        {
            **variable,
            "_id": f"var-{number}",
            "variableType": variable.get("variableType", "env"),
            "language": language,
        }
        for number, variable in enumerate(cloud.core.bot.variables, start=1)
    ]
    return web.json_response({"count": len(variables), "variables": variables})


async def _get_dialog(cloud: KoreCloud, request: web.Request) -> web.Response:
    found = _call(cloud, request)
    if isinstance(found, web.Response):
        return found
    dialog = cloud.core.bot.dialogs.get(found[1].dialog_id)
    if dialog is None:
        return refusal(404, "This request belongs to no dialog", "NOT_FOUND")
    components = [node.component.raw for node in dialog.nodes.values() if node.component is not None]
    return web.json_response(
        {"_id": dialog.id, "nodes": dialog.raw.get("nodes", []), "components": components}
    )


def _number(request: web.Request, name: str, otherwise: int) -> int:
    value = int(request.query.get(name, otherwise))
    if value < 0:
        raise ValueError(name)
    return value
