# Run it:   .venv/bin/flask --app examples/flask_factory run --port 8003    beside `.venv/bin/botkit sandbox`
# Watch it: .venv/bin/python examples/rehearse.py flask_factory             plays a conversation with it and prints it
# Also:     .venv/bin/flask --app examples/flask_factory botkit handlers    and `botkit --help` there
"""A Flask application factory, with a kit as an extension."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from flask import Blueprint, Flask, current_app

from botkit import BotKit
from botkit.handlers import Context, HandoffEndedContext, PlatformEventContext, UserMessageContext, Verdict

kit = BotKit()  # the application has its configuration
pages = Blueprint("pages", __name__)


@kit.on_user_message
@kit.on_event
def count(ctx: Context) -> None:
    """A handler of several hooks. It comes first: after a handler that answers, the rest of the chain does not run."""
    current_app.extensions["counted"][ctx.event] += 1


@kit.on_user_message
def opening_hours(ctx: UserMessageContext) -> Verdict:
    """Handlers run in the application's context, so `current_app` is the application that received the hook."""
    if "open" in ctx.message.lower() and not ctx.agent_transfer:
        return ctx.send_user_message(f"We are open {current_app.config['OPENING_HOURS']}.")
    return None


@kit.on_event("endDialog")
def thanks(ctx: PlatformEventContext) -> Verdict:
    """A dialog of the bot ended."""
    return ctx.send_user_message(f"Thank you for asking {current_app.config['SHOP']}.")


@kit.on_handoff_ended
def note(ctx: HandoffEndedContext) -> None:
    """A hand-off ended. BotKit's own log lines and `botkit explain` have the same reference."""
    agents = ", ".join(ctx.agents) or "nobody"
    current_app.logger.info("hand-off %s with %s ended: %s", ctx.reference, agents, ctx.why)


@pages.get("/")
def home() -> dict[str, int]:
    """A page of the application: the counts of this process. The kit adds `/healthz`, `/readyz` and `/metrics`."""
    counted: Counter[str] = current_app.extensions["counted"]
    return dict(counted)


def create_app(config: str | Path = Path(__file__).parent / "config" / "botkit.yaml") -> Flask:
    """Create an application. One process may have several, each with its own store.

    This opens and starts nothing. The first hook in each process does, so workers may be forked from this process.
    """
    app = Flask(__name__)
    app.config.update(BOTKIT_CONFIG=config, SHOP="Acme", OPENING_HOURS="from 9 to 5")
    app.extensions["counted"] = Counter()
    app.register_blueprint(pages)
    kit.init_app(app)
    return app
