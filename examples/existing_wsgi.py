# Run it:   .venv/bin/python examples/existing_wsgi.py             beside `.venv/bin/botkit sandbox`; talk on http://127.0.0.1:8001/
# Watch it: .venv/bin/python examples/rehearse.py existing_wsgi    plays a conversation with it and prints it
"""An existing WSGI application, of any framework: BotKit wraps it and handles the hooks.

For example, Django's wsgi.py ends with these three lines:

    from shop.bot import kit  # a module with `kit = BotKit.from_config("config/botkit.yaml")` and its handlers

    application = get_wsgi_application()
    application = kit.middleware(application)

Any WSGI server serves it, with any number of processes, also with preloading. The processes share the store:

    gunicorn --chdir examples --workers 4 --threads 16 --keep-alive 75 --preload --bind 127.0.0.1:8003 existing_wsgi:application
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
    """The existing application."""
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [f"{thing}: {number} left\n".encode() for thing, number in STOCK.items()]


kit = BotKit.from_config(Path(__file__).parent / "config" / "botkit.yaml")


@kit.on_user_message
def stock(ctx: UserMessageContext) -> Verdict:
    """Answer questions about the stock without the bot."""
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
