# Run it:   .venv/bin/python examples/webhook_node.py             beside `.venv/bin/botkit sandbox`
# Watch it: .venv/bin/python examples/rehearse.py webhook_node    plays a conversation with it and prints it
"""Webhook nodes of a dialog: one is answered at once, one later, by a background job.

A dialog's Webhook node waits for changes to its context. Later nodes use them: "We are open {{context.openingHours}}." The
sandbox's bot has no such node; its control API simulates one: `POST /sandbox/kore/users/{id}/webhook` (docs/sandbox-kore.md).
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from threading import Timer

from flask import Flask

from botkit import BotKit
from botkit.handlers import Answer, Defer, WebhookContext

BOOKING_SECONDS = 1.0

kit = BotKit.from_config(Path(__file__).parent / "config" / "botkit.yaml")


@kit.on_webhook("OpeningHours")
def opening_hours(ctx: WebhookContext) -> Answer:
    """Answer at once: the platform waits about 20 seconds, the kit 15."""
    return ctx.respond({"openingHours": "from 9 to 5"})


@kit.on_webhook("BookRepair")
def book_repair(ctx: WebhookContext) -> Defer:
    """Answer later. The job needs only the request's id; the store keeps the deferred hook, also after a restart."""
    Timer(BOOKING_SECONDS, booked, [ctx.request_id]).start()
    return ctx.defer(within=timedelta(minutes=2), otherwise={"visit": "as soon as we know more"})


def booked(request_id: str) -> None:
    """A slow system that has found a date. Any process with this configuration can answer."""
    kit.respond_to_hook(request_id, {"visit": "on Tuesday at 10"})


app = Flask(__name__)
kit.init_app(app)


if __name__ == "__main__":
    server = kit.settings.server
    app.run(server.host, server.port)
