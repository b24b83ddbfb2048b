"""An application with a kit, as servers with several workers load it."""

from __future__ import annotations

import os

from flask import Flask

from botkit import BotKit
from botkit.handlers import Defer, Sent, UserMessageContext, WebhookContext

kit = BotKit.from_config(os.environ["BOTKIT_CONFIG"])


@kit.on_user_message
def who(ctx: UserMessageContext) -> Sent | None:
    return ctx.send_user_message(f"worker {os.getpid()}") if ctx.message == "who?" else None


@kit.on_webhook("Stock")
def stock(ctx: WebhookContext) -> Defer:
    ctx.send_user_message(f"looking: {ctx.request_id}")
    return ctx.defer()


app = Flask(__name__)
kit.init_app(app)


@app.get("/worker")
def worker() -> str:
    kit.start()
    return str(os.getpid())
