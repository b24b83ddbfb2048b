"""A kit: where it comes from, where it is mounted, and what it can be asked outside a hook."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, assert_type

from flask import Flask
from starlette.applications import Starlette

from botkit import BotKit, create_app
from botkit.asgi.middleware import BotKitAsgi
from botkit.config.load import load
from botkit.handlers import ConversationHandle, Sent
from botkit.wsgi.middleware import BotKitMiddleware

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

kit = BotKit.from_config("config/botkit.yaml", handler_seconds=3)
assert_type(kit, BotKit)
assert_type(BotKit.from_config(Path("config/botkit.yaml")), BotKit)
assert_type(BotKit(load("config/botkit.yaml")), BotKit)
assert_type(create_app(load("config/botkit.yaml")), Flask)


def mounted(app: Flask, application: WSGIApplication) -> WSGIApplication:
    kit.init_app(app)
    kit.init_app(app, "config/botkit.yaml")
    kit.init_app(app, Path("config/botkit.yaml"))
    assert_type(kit.middleware(application), BotKitMiddleware)
    return kit.middleware(application)


def mounted_in_asgi(application: Starlette) -> None:
    assert_type(kit.asgi(application), BotKitAsgi)
    assert_type(kit.asgi(application, "config/botkit.yaml"), BotKitAsgi)
    assert_type(kit.asgi(kit.asgi_pages(application)), BotKitAsgi)
    application.mount("/bot", kit.asgi(application))


def run() -> None:
    kit.start()
    assert_type(kit.ready(), dict[str, bool])
    kit.close()


def outside_a_hook() -> None:
    assert_type(kit.conversation("st-1", "u-1"), ConversationHandle)
    assert_type(kit.conversation("st-1", "u-1", channel="whatsapp").channel, str)
    assert_type(kit.respond_to_hook("1501244156289", context={"order": "shipped"}), Sent)
    assert_type(kit.respond_to_hook("1501244156289", {}, replace=True, bot_id="st-1"), Sent)


async def outside_a_hook_on_an_event_loop() -> None:
    assert_type(await kit.respond_to_hook("1501244156289"), None)


def refused(app: Flask) -> None:
    BotKit("config/botkit.yaml")  # type: ignore[arg-type]
    BotKit.from_config(5)  # type: ignore[arg-type]
    kit.middleware(app="app")  # type: ignore[call-arg]
    kit.middleware(5)  # type: ignore[arg-type]
    kit.asgi(app.wsgi_app)  # type: ignore[arg-type]
    kit.conversation("st-1")  # type: ignore[call-arg]
    kit.conversation(bot_id="st-1", user_id=5)  # type: ignore[arg-type]
    kit.respond_to_hook(1501244156289)  # type: ignore[arg-type]
    kit.respond_to_hook("1501244156289", "shipped")  # type: ignore[arg-type]
    kit.handlers = ()  # type: ignore[misc]
