# Run it:   .venv/bin/python examples/plain.py             beside `.venv/bin/botkit sandbox`; talk on http://127.0.0.1:8001/
# Watch it: .venv/bin/python examples/rehearse.py plain    plays a conversation with it and prints it
"""Handlers beside any ASGI application, of Starlette, FastAPI, Quart or Django."""

from __future__ import annotations

from pathlib import Path

import uvicorn

from botkit import BotKit
from botkit.asgi.interface import Receive, Scope, Send
from botkit.handlers import BotMessageContext, Next, UserMessageContext, Verdict

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


async def shop(scope: Scope, receive: Receive, send: Send) -> None:
    """Stands for your application."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"hat: 3 left"})


application = kit.asgi(
    kit.asgi_pages(shop)
)  # the hooks, then /healthz, /readyz and /metrics, then your own pages

if __name__ == "__main__":
    server = kit.settings.server
    uvicorn.run(application, host=server.host, port=server.port, timeout_keep_alive=75)
