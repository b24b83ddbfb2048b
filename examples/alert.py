# Run it:   .venv/bin/python examples/alert.py             beside `.venv/bin/botkit sandbox`; talk on http://127.0.0.1:8001/
# Watch it: .venv/bin/python examples/rehearse.py alert    plays a conversation with it and prints it
"""Messages that no user asked for: alerts of the bot, and a background job that writes to a user."""

from __future__ import annotations

from pathlib import Path
from threading import Timer

from flask import Flask

from botkit import BotKit
from botkit.handlers import AlertContext, UserMessageContext, Verdict
from botkit.templates import Template, button_template

DELIVERY_SECONDS = 0.5

kit = BotKit.from_config(Path(__file__).parent / "config" / "botkit.yaml")


@kit.on_alert
def offers(ctx: AlertContext) -> Verdict:
    """Offers get buttons. All other alerts are passed on unchanged."""
    if "offer" in ctx.message.lower():
        return ctx.send_alert_message(with_buttons(ctx.message))
    return None


@kit.on_user_message
def remember(ctx: UserMessageContext) -> Verdict:
    """Start a job for a user with a parcel on its way. The user's id is enough to write to them later."""
    if "tell me when" in ctx.message.lower() and not ctx.agent_transfer:
        Timer(DELIVERY_SECONDS, delivered, [ctx.bot_id, ctx.user.id]).start()
        return ctx.send_user_message("I will.")
    return None


def delivered(bot_id: str, user_id: str) -> None:
    """A background job. It may run in this process, or in another process with the same configuration.

    `once` sends the message once per key, even if the job runs several times.
    """
    parcel = kit.conversation(bot_id, user_id).once("parcel-17")
    parcel.send(with_buttons("Your parcel is here."))


def with_buttons(text: str) -> Template:
    """Buttons on the web, their text on channels without buttons, and a shorter text by SMS."""
    template = button_template(text, ["Show me", "Not now"])
    return template.with_channels({"sms": f"{text} Answer SHOW or NO."})


app = Flask(__name__)
kit.init_app(app)


if __name__ == "__main__":
    server = kit.settings.server
    app.run(server.host, server.port)
