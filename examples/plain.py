# Run it:   .venv/bin/python examples/plain.py             beside `.venv/bin/botkit sandbox`; talk on http://127.0.0.1:8001/
# Watch it: .venv/bin/python examples/rehearse.py plain    plays a conversation with it and prints it
"""Handlers without an application, served by granian in two processes that share one store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from granian import Granian
from granian.constants import Interfaces
from werkzeug.exceptions import NotFound

from botkit import BotKit
from botkit.handlers import BotMessageContext, Next, UserMessageContext, Verdict

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

kit = BotKit.from_config(Path(__file__).parent / "config" / "botkit.yaml")


@kit.on_user_message
def answer(ctx: UserMessageContext) -> Verdict:
    """Every user message passes here first."""
    said = ctx.message.lower()
    if ctx.agent_transfer:
        return None  # the user talks to an agent
    if "open" in said:  # answer here; the bot does not receive it
        return ctx.send_user_message("We are open from 9 to 5, and never on Sundays.")
    if "complain" in said:  # hand over without the bot
        return ctx.start_agent_session(pre_chat={"Reason": "complaint"}, end_word="goodbye")
    return ctx.next(message=ctx.message.replace("👋", "hello"))  # the bot receives the changed text


@kit.on_bot_message
async def honestly(ctx: BotMessageContext) -> Next:
    """Every bot message passes here: this changes the text that the user sees. A handler may be a coroutine."""
    return ctx.next(message=ctx.message.replace("the Acme Assistant", "a robot"))


def application() -> WSGIApplication:
    """The application of each worker: hooks, and no other pages."""
    kit.start()  # otherwise the first hook would; so undelivered effects are resumed at once
    return kit.middleware(NotFound())


if __name__ == "__main__":
    server = kit.settings.server
    Granian(
        f"{__file__}:application",
        factory=True,
        address=server.host,
        port=server.port,
        interface=Interfaces.WSGI,
        workers=2,
        blocking_threads=16,
        websockets=False,
    ).serve()
