# Run it:   .venv/bin/python examples/alert.py             beside `.venv/bin/botkit sandbox`; talk on http://127.0.0.1:8001/
# Watch it: .venv/bin/python examples/rehearse.py alert    plays a conversation with it and prints it
"""Words that nobody asked for: the bot's alerts on their way to the user, and a job that writes when there is news."""

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
    """Offers get buttons; whatever else the bot has to say is passed on as it is."""
    if "offer" in ctx.message.lower():
        return ctx.send_alert_message(with_buttons(ctx.message))
    return None


@kit.on_user_message
def remember(ctx: UserMessageContext) -> Verdict:
    """Who wants to hear of the parcel is noted: a user's id is enough to write to them later."""
    if "tell me when" in ctx.message.lower() and not ctx.agent_transfer:
        Timer(DELIVERY_SECONDS, delivered, [ctx.bot_id, ctx.user.id]).start()
        return ctx.send_user_message("I will.")
    return None


def delivered(bot_id: str, user_id: str) -> None:
    """Stands for a background job, in this process or in another one with the same configuration.

    With a key of its own the message is sent once, however often the job is run.
    """
    parcel = kit.conversation(bot_id, user_id).once("parcel-17")
    parcel.send(with_buttons("Your parcel is here."))


def with_buttons(text: str) -> Template:
    """Buttons on the web; plain words on channels that have none, shorter ones by SMS."""
    template = button_template(text, ["Show me", "Not now"])
    return template.with_channels({"sms": f"{text} Answer SHOW or NO."})


app = Flask(__name__)
kit.init_app(app)


if __name__ == "__main__":
    server = kit.settings.server
    app.run(server.host, server.port)
