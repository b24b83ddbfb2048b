# Run it:   .venv/bin/flask --app examples/flask_factory run --port 8003    beside `.venv/bin/botkit sandbox`
# Watch it: .venv/bin/python examples/rehearse.py flask_factory             plays a conversation with it and prints it
# Also:     .venv/bin/flask --app examples/flask_factory botkit handlers    and `botkit --help` there
"""A Flask application made by a factory, with a kit as one of its extensions."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from flask import Blueprint, Flask, current_app

from botkit import BotKit
from botkit.handlers import Context, PlatformEventContext, UserMessageContext, Verdict

kit = BotKit()  # its configuration comes with the application
pages = Blueprint("pages", __name__)


@kit.on_user_message
@kit.on_event
def count(ctx: Context) -> None:
    """One function for several hooks. It is the first: where a handler answers, those behind it are not asked."""
    current_app.extensions["counted"][ctx.event] += 1


@kit.on_user_message
def opening_hours(ctx: UserMessageContext) -> Verdict:
    """Handlers run in the application's context, so `current_app` is the application the hook came to."""
    if "open" in ctx.message.lower() and not ctx.agent_transfer:
        return ctx.send_user_message(f"We are open {current_app.config['OPENING_HOURS']}.")
    return None


@kit.on_event("endDialog")
def thanks(ctx: PlatformEventContext) -> Verdict:
    """A dialog of the bot has ended."""
    return ctx.send_user_message(f"Thank you for asking {current_app.config['SHOP']}.")


@pages.get("/")
def home() -> dict[str, int]:
    """A page of the application's own: what this process has counted. `/healthz`, `/readyz` and `/metrics` are beside it."""
    counted: Counter[str] = current_app.extensions["counted"]
    return dict(counted)


def create_app(config: str | Path = Path(__file__).parent / "config" / "botkit.yaml") -> Flask:
    """An application. There may be several in one process, each with a store of its own.

    Nothing is opened or started here, but by the first hook in each process: workers may be forked from this one.
    """
    app = Flask(__name__)
    app.config.update(BOTKIT_CONFIG=config, SHOP="Acme", OPENING_HOURS="from 9 to 5")
    app.extensions["counted"] = Counter()
    app.register_blueprint(pages)
    kit.init_app(app)
    return app
