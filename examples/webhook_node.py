# Run it:   .venv/bin/python examples/webhook_node.py             beside `.venv/bin/botkit sandbox`
# Watch it: .venv/bin/python examples/rehearse.py webhook_node    plays a conversation with it and prints it
"""Webhook nodes of a dialog: one is answered at once, one later, by whoever has the answer then.

A dialog's Webhook node waits for what its context is to be. What a handler puts in is there for the nodes after it:
"We are open {{context.openingHours}}." The sandbox's bot has no such node, so its control API stands for one:
`POST /sandbox/kore/users/{id}/webhook` (docs/sandbox-kore.md).
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
    """At once: the platform waits for about 20 seconds, the kit for 15."""
    return ctx.respond({"openingHours": "from 9 to 5"})


@kit.on_webhook("BookRepair")
def book_repair(ctx: WebhookContext) -> Defer:
    """Later: all that need be kept is the request's id. The debt itself is in the store, and outlives the process."""
    Timer(BOOKING_SECONDS, booked, [ctx.request_id]).start()
    return ctx.defer(within=timedelta(minutes=2), otherwise={"visit": "as soon as we know more"})


def booked(request_id: str) -> None:
    """Stands for a slow system elsewhere that has found a date. Any process with this configuration could answer."""
    kit.respond_to_hook(request_id, {"visit": "on Tuesday at 10"})


app = Flask(__name__)
kit.init_app(app)


if __name__ == "__main__":
    server = kit.settings.server
    app.run(server.host, server.port)
