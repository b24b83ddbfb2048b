"""The control API of the emulated XO platform: actions of users, and faults. The page and tests use it.

    GET    /sandbox/kore/state                {bot, botkit, users: [...], faults: [...]}
    POST   /sandbox/kore/users                {name?, email?, language?, channel?}  → the user (201)
    GET    /sandbox/kore/users/{id}           the user with the chat
    POST   /sandbox/kore/users/{id}/say       {text?, payload?, attachments?: [{fileName, contentType?, base64?}]}; with
                                              `payload`, the user clicks a choice whose label is `text`
    POST   /sandbox/kore/users/{id}/client    {kind: control | refresh | welcome, agentTransfer?}  the client sends a
                                              message of its own
    POST   /sandbox/kore/users/{id}/retry     the client sends the user's last message again
    POST   /sandbox/kore/users/{id}/typing    {started}
    POST   /sandbox/kore/users/{id}/read      {messageId}
    POST   /sandbox/kore/users/{id}/event     {…}  a custom event of the client (customEvent)
    PUT    /sandbox/kore/users/{id}/channel   {channel}  the user goes on on another channel; 409 while an agent has them
    POST   /sandbox/kore/users/{id}/channels  {channel, sameSession?}  the user is on this channel too  → the user there (201),
                                              with an id of its own for this API
    PUT    /sandbox/kore/users/{id}/bot       {botId}  a linked bot speaks with the user; empty: the bot itself
    POST   /sandbox/kore/users/{id}/connect   the client connects (ON_CONNECT_EVENT)
    POST   /sandbox/kore/users/{id}/timeout   {says?, agentTransfer?}  session and agent mode are reset, as after 15 silent
                                              minutes; the bot says `says`, with this flag in the hook
    POST   /sandbox/kore/users/{id}/close     {repeat?, event?, session?, channel?, onlyEvent?}  the session closes
                                              (sessionClosure): `event` of the hook in another spelling, an other session or
                                              none (""), no channel (false), the hook alone without closing anything
    POST   /sandbox/kore/users/{id}/renew     the platform gives the user a new session; an agent keeps them
    POST   /sandbox/kore/users/{id}/alert     {text}  the bot alerts the user
    POST   /sandbox/kore/users/{id}/webhook   {component, then?}  a dialog reaches a Webhook node of this name (on_webhook);
                                              once it is answered, the bot says `then`, {{context.…}} filled in
    POST   /sandbox/kore/users/{id}/happens   {eventType, …}  an event of the platform (on_event), such as endFAQ
    POST   /sandbox/kore/variables            {eventType?, variable?}  the bot's variables change (on_variable_update)
    GET    /sandbox/kore/warnings             {warnings: [{kind, place, text}]}  all that is unusual in the bot's export
    POST   /sandbox/kore/transfers            {dialog}  this dialog, by name or id, ends at an agent from now on; answers the bot
    PUT    /sandbox/kore/subscription         {url, events?}  the URL of BotKit, without a token
    GET    /sandbox/kore/switches             every switch with its value (docs/sandbox-kore.md)
    PUT    /sandbox/kore/switches             {name: value, …}: changes these switches
    GET    /sandbox/kore/stand-ins            {standIns: [{name, kind, answer, origin}]}
    PUT    /sandbox/kore/stand-ins/{name}     {statusCode?, body?, headers?} of a service, or the values of a form
    DELETE /sandbox/kore/stand-ins/{name}     back to the answer of the export
    GET    /sandbox/kore/faults               {faults: [...]}
    PUT    /sandbox/kore/faults               one fault, a list of them, or {faults: [...]}; replaces all
    DELETE /sandbox/kore/faults               clears all faults

Every action of a user is answered at once with 202 and processed in the background, in order per user. Changes are published
on the bus, topic ``kore``: `kind` is bot, user, message, agentMode, session, typing, feedback, subscription, standIns,
switches or faults.
Errors are ``{"error": "…"}`` with 400, 404, 409 or 429.
"""

from __future__ import annotations

import base64
import binascii
import mimetypes
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from aiohttp import web

from botkit_sandbox.errors import (
    AlreadyThere,
    DialogUnknown,
    FaultInvalid,
    LaneFull,
    StandInUnknown,
    TooManyUsers,
    UserUnknown,
    UserWithAgent,
)
from botkit_sandbox.kore.closures import SESSION_CLOSURE, Closure
from botkit_sandbox.kore.cloud import KoreCloud
from botkit_sandbox.kore.doorway import json_object
from botkit_sandbox.kore.faults import fault_of
from botkit_sandbox.kore.payloads import CLIENT_TEXTS
from botkit_sandbox.kore.settings import SUBSCRIPTIONS
from botkit_sandbox.kore.users import Attachment, User

TEXT_LIMIT = 100_000
NAME_LIMIT = 200
CHANNEL_LIMIT = 40
FILE_LIMIT = 5 * 1024 * 1024
FILES_AT_ONCE = 10

Handler = Callable[[web.Request], Awaitable[web.Response]]
UserAction = Callable[[User, Mapping[str, Any]], None]


def control_routes(cloud: KoreCloud) -> list[web.RouteDef]:
    """The routes above, for the page's port."""

    async def state(_: web.Request) -> web.Response:
        return web.json_response(cloud.snapshot())

    async def add_user(request: web.Request) -> web.Response:
        body = await _body(request)
        fields = {name: _text(body, name, limit=200) for name in ("name", "email", "language", "channel")}
        user = cloud.add_user(**{**fields, "channel": fields["channel"] or "rtm"})
        return web.json_response(cloud.user_snapshot(user), status=201)

    async def see_user(request: web.Request) -> web.Response:
        return web.json_response(cloud.user_snapshot(cloud.user(request.match_info["id"])))

    def act(action: UserAction) -> Handler:
        async def handle(request: web.Request) -> web.Response:
            action(cloud.user(request.match_info["id"]), await _body(request))
            return web.json_response({"ok": True}, status=202)

        return handle

    def say(user: User, body: Mapping[str, Any]) -> None:
        files = _attachments(cloud, body.get("attachments"))
        text = _text(body, "text", limit=TEXT_LIMIT)
        if not text and not files:
            raise ValueError("say needs text or attachments")
        cloud.say(user, text, files, payload=_text(body, "payload", limit=TEXT_LIMIT))

    def client(user: User, body: Mapping[str, Any]) -> None:
        kind = next((one for one in CLIENT_TEXTS if one == body.get("kind")), None)
        flag = body.get("agentTransfer")
        if kind is None:
            raise ValueError(f"kind is one of {', '.join(CLIENT_TEXTS)}")
        if flag is not None and not isinstance(flag, bool):
            raise ValueError("agentTransfer is true or false")
        cloud.client_message(user, kind, agent_transfer=flag)

    def close(user: User, body: Mapping[str, Any]) -> None:
        cloud.close_conversation(user, repeat=body.get("repeat") is True, closure=_closure(body))

    def act_as(user: User, body: Mapping[str, Any]) -> None:
        bot_id = _text(body, "botId", limit=NAME_LIMIT)
        if bot_id and not bot_id.startswith("st-"):
            raise ValueError("botId begins with st-")
        cloud.act_as(user, bot_id)

    async def join(request: web.Request) -> web.Response:
        body = await _body(request)
        user = cloud.user(request.match_info["id"])
        name = _required(body, "channel", limit=CHANNEL_LIMIT)
        joined = cloud.join_channel(user, name, same_session=body.get("sameSession") is True)
        return web.json_response(cloud.user_snapshot(joined), status=201)

    def time_out(user: User, body: Mapping[str, Any]) -> None:
        flag = body.get("agentTransfer")
        if flag is not None and not isinstance(flag, bool):
            raise ValueError("agentTransfer is true or false")
        cloud.time_out(user, _text(body, "says", limit=TEXT_LIMIT), agent_transfer=flag)

    async def channel(request: web.Request) -> web.Response:
        body = await json_object(request)
        name = body.get("channel") if body is not None else None
        if not isinstance(name, str) or not 0 < len(name) <= CHANNEL_LIMIT:
            raise ValueError(f"channel must be text of 1 to {CHANNEL_LIMIT} characters")
        cloud.switch_channel(cloud.user(request.match_info["id"]), name)
        return web.json_response({"ok": True}, status=202)

    def reach_webhook(user: User, body: Mapping[str, Any]) -> None:
        cloud.reach_webhook(
            user,
            _required(body, "component", limit=NAME_LIMIT),
            _text(body, "then", limit=TEXT_LIMIT),
        )

    def happen(user: User, body: Mapping[str, Any]) -> None:
        _required(body, "eventType", limit=NAME_LIMIT)
        cloud.platform_event(user, body)

    async def variables(request: web.Request) -> web.Response:
        body = await _body(request)
        variable = body.get("variable")
        if variable is not None and not isinstance(variable, Mapping):
            raise ValueError("variable must be an object")
        cloud.variables_changed(_text(body, "eventType", limit=NAME_LIMIT) or "variable_update", variable)
        return web.json_response({"ok": True}, status=202)

    async def warnings(_: web.Request) -> web.Response:
        return web.json_response({"warnings": [one.as_json() for one in cloud.about.findings]})

    async def transfers(request: web.Request) -> web.Response:
        cloud.add_transfer(_required(await _body(request), "dialog", limit=NAME_LIMIT))
        return web.json_response(cloud.about.as_json())

    async def subscription(request: web.Request) -> web.Response:
        body = await _body(request)
        events = body.get("events", list(SUBSCRIPTIONS))
        if not isinstance(events, list) or any(event not in SUBSCRIPTIONS for event in events):
            raise ValueError(f"events are of {', '.join(SUBSCRIPTIONS)}")
        cloud.subscribe(_text(body, "url", limit=2000), events)
        return web.json_response(cloud.snapshot()["botkit"])

    async def switches(request: web.Request) -> web.Response:
        if request.method == "PUT":
            cloud.configure(await _body(request))
        return web.json_response(msgspec.to_builtins(cloud.core.settings))

    async def stand_ins(_: web.Request) -> web.Response:
        return web.json_response({"standIns": [one.as_json() for one in cloud.core.stand_ins.all()]})

    async def stand_in(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        answer = await _body(request) if request.method == "PUT" else None
        return web.json_response(cloud.answer_in_place_of(name, answer).as_json())

    async def faults(request: web.Request) -> web.Response:
        if request.method == "DELETE":
            cloud.set_faults([])
        elif request.method == "PUT":
            content = await _json(request)
            rules = content.get("faults", content) if isinstance(content, Mapping) else content
            cloud.set_faults([fault_of(rule) for rule in (rules if isinstance(rules, list) else [rules])])
        return web.json_response({"faults": cloud.core.faults.as_json()})

    users = "/sandbox/kore/users"
    return [
        web.get("/sandbox/kore/state", _with_json_errors(state)),
        web.post(users, _with_json_errors(add_user)),
        web.get(f"{users}/{{id}}", _with_json_errors(see_user)),
        web.post(f"{users}/{{id}}/say", _with_json_errors(act(say))),
        web.post(
            f"{users}/{{id}}/typing",
            _with_json_errors(act(lambda u, b: cloud.typing(u, started=b.get("started") is True))),
        ),
        web.post(
            f"{users}/{{id}}/read",
            _with_json_errors(act(lambda u, b: cloud.read(u, _text(b, "messageId", limit=200)))),
        ),
        web.post(f"{users}/{{id}}/event", _with_json_errors(act(cloud.custom_event))),
        web.post(f"{users}/{{id}}/client", _with_json_errors(act(client))),
        web.post(f"{users}/{{id}}/retry", _with_json_errors(act(lambda u, b: cloud.retry(u)))),
        web.post(f"{users}/{{id}}/connect", _with_json_errors(act(lambda u, b: cloud.connect(u)))),
        web.post(f"{users}/{{id}}/close", _with_json_errors(act(close))),
        web.post(f"{users}/{{id}}/renew", _with_json_errors(act(lambda u, b: cloud.renew_session(u)))),
        web.post(f"{users}/{{id}}/timeout", _with_json_errors(act(time_out))),
        web.post(
            f"{users}/{{id}}/alert",
            _with_json_errors(act(lambda u, b: cloud.alert(u, _text(b, "text", limit=TEXT_LIMIT)))),
        ),
        web.put(f"{users}/{{id}}/channel", _with_json_errors(channel)),
        web.post(f"{users}/{{id}}/channels", _with_json_errors(join)),
        web.put(f"{users}/{{id}}/bot", _with_json_errors(act(act_as))),
        web.post(f"{users}/{{id}}/webhook", _with_json_errors(act(reach_webhook))),
        web.post(f"{users}/{{id}}/happens", _with_json_errors(act(happen))),
        web.post("/sandbox/kore/variables", _with_json_errors(variables)),
        web.get("/sandbox/kore/warnings", _with_json_errors(warnings)),
        web.post("/sandbox/kore/transfers", _with_json_errors(transfers)),
        web.put("/sandbox/kore/subscription", _with_json_errors(subscription)),
        web.get("/sandbox/kore/switches", _with_json_errors(switches)),
        web.put("/sandbox/kore/switches", _with_json_errors(switches)),
        web.get("/sandbox/kore/stand-ins", _with_json_errors(stand_ins)),
        web.put("/sandbox/kore/stand-ins/{name:.+}", _with_json_errors(stand_in)),
        web.delete("/sandbox/kore/stand-ins/{name:.+}", _with_json_errors(stand_in)),
        web.get("/sandbox/kore/faults", _with_json_errors(faults)),
        web.put("/sandbox/kore/faults", _with_json_errors(faults)),
        web.delete("/sandbox/kore/faults", _with_json_errors(faults)),
    ]


def _with_json_errors(inner: Handler) -> Handler:
    """Turn errors of the platform into JSON answers."""

    async def handle(request: web.Request) -> web.Response:
        try:
            return await inner(request)
        except (UserUnknown, DialogUnknown, StandInUnknown) as error:
            return web.json_response({"error": str(error)}, status=404)
        except (UserWithAgent, AlreadyThere) as error:
            return web.json_response({"error": str(error)}, status=409)
        except (LaneFull, TooManyUsers) as error:
            return web.json_response({"error": str(error)}, status=429)
        except (FaultInvalid, ValueError) as error:
            return web.json_response({"error": str(error)}, status=400)

    return handle


async def _json(request: web.Request) -> object:
    return await request.json() if await request.read() else {}


async def _body(request: web.Request) -> Mapping[str, Any]:
    if not await request.read():
        return {}
    body = await json_object(request)
    if body is None:
        raise ValueError("the body must be a JSON object")
    return body


def _closure(body: Mapping[str, Any]) -> Closure:
    event = body.get("event", SESSION_CLOSURE.event)
    if not isinstance(event, str | Mapping):
        raise ValueError("event must be an object or text")
    session = _text(body, "session", limit=NAME_LIMIT) if "session" in body else None
    return Closure(event, session, body.get("channel") is not False, body.get("onlyEvent") is True)


def _text(body: Mapping[str, Any], name: str, *, limit: int) -> str:
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > limit:
        raise ValueError(f"{name} must be text of at most {limit} characters")
    return value


def _required(body: Mapping[str, Any], name: str, *, limit: int) -> str:
    value = _text(body, name, limit=limit)
    if not value:
        raise ValueError(f"{name} is missing")
    return value


def _attachments(cloud: KoreCloud, items: object) -> list[Attachment]:
    if items is None:
        return []
    if not isinstance(items, list) or len(items) > FILES_AT_ONCE:
        raise ValueError(f"attachments must be a list of at most {FILES_AT_ONCE}")
    return [_attachment(cloud, item) for item in items]


def _attachment(cloud: KoreCloud, item: object) -> Attachment:
    if not isinstance(item, Mapping) or not isinstance(item.get("fileName"), str):
        raise ValueError("an attachment needs a fileName")
    name = item["fileName"][:200]
    kind = str(item.get("contentType") or mimetypes.guess_type(name)[0] or "application/octet-stream")
    try:
        content = base64.b64decode(str(item.get("base64", "")), validate=True)
    except binascii.Error as error:
        raise ValueError(f"{name}: base64 is not valid") from error
    if len(content) > FILE_LIMIT:
        raise ValueError(f"{name} is over {FILE_LIMIT} bytes")
    family = kind.partition("/")[0]
    return Attachment(
        id=cloud.core.new_id().replace("-", "")[:24],
        name=name,
        kind=family if family in ("image", "audio", "video") else "attachment",
        content_type=kind,
        content=content or b"An empty file of the sandbox.\n",
    )
