# Run it:   .venv/bin/python examples/existing_wsgi.py             beside `.venv/bin/botkit sandbox`; talk on http://127.0.0.1:8001/
# Watch it: .venv/bin/python examples/rehearse.py existing_wsgi    plays a conversation with it and prints it
"""A shop that was there before, of whatever framework: BotKit goes in front of it and takes the hooks.

Django's wsgi.py, for one, gets the same three lines at its end:

    from shop.bot import kit  # a module with `kit = BotKit.from_config("config/botkit.yaml")` and its handlers

    application = get_wsgi_application()
    application = kit.middleware(application)

Any WSGI server serves it, with any number of processes, also with preloading. They share the store:

    gunicorn --chdir examples --workers 4 --threads 16 --preload --bind 127.0.0.1:8003 existing_wsgi:application
    granian --working-dir examples --interface wsgi --workers 4 --blocking-threads 16 --port 8003 existing_wsgi:application
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from werkzeug.serving import run_simple

from botkit import BotKit
from botkit.handlers import UserMessageContext, Verdict

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

STOCK = {"hat": 3, "cap": 0}


def shop(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """What was there before."""
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [f"{thing}: {number} left\n".encode() for thing, number in STOCK.items()]


kit = BotKit.from_config(Path(__file__).parent / "config" / "botkit.yaml")


@kit.on_user_message
def stock(ctx: UserMessageContext) -> Verdict:
    """What the shop knows, the bot need not."""
    asked = [thing for thing in STOCK if thing in ctx.message.lower().split()]
    if ctx.agent_transfer or not asked:
        return None
    return ctx.send_user_message(
        "\n".join(f"We have {STOCK[thing] or 'no'} {thing}s left." for thing in asked)
    )


application = kit.middleware(shop)


if __name__ == "__main__":
    server = kit.settings.server
    run_simple(server.host, server.port, application, threaded=True)
