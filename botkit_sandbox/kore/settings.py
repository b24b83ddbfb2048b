"""How the emulated platform behaves where the real one can be set, is not documented, or differs between versions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

SubscriptionName = Literal["onMessage", "onHook", "onEvent", "onAlert", "onVariableUpdate", "onAgentTransfer"]
SUBSCRIPTIONS: tuple[SubscriptionName, ...] = (
    "onMessage",
    "onHook",
    "onEvent",
    "onAlert",
    "onVariableUpdate",
    "onAgentTransfer",
)


@dataclass(frozen=True, slots=True)
class KoreSandboxSettings:
    """Switches of the emulator; `docs/sandbox-kore.md` gives the evidence for each."""

    algorithm: Literal["HS256", "HS512"] = "HS256"
    """What the JWT app signs with; a callback signed otherwise is refused."""
    require_expiry: bool = True
    """Refuse callbacks whose token has no exp (very old BotKit versions sent none)."""
    token_lifetime: timedelta = timedelta(seconds=60)
    """exp of a hook's token."""
    hook_credential: Literal["token", "apikey", "both"] = "token"
    """Which header proves that a hook is the platform's."""
    request_id: Literal["number", "text"] = "number"
    """How requestId is written in a hook's body; in URLs it is text anyway."""
    hook_timeout: timedelta = timedelta(seconds=15)
    """How long a hook may take to be answered."""
    follow_up_timeout: timedelta = timedelta(seconds=30)
    """How long the platform waits for BotKit's call after a message hook before it goes on without."""
    webhook_timeout: timedelta = timedelta(seconds=120)
    """How long a Webhook node that was answered with 202 waits for its serviceCallback."""
    when_hook_fails: Literal["silent", "bypass"] = "silent"
    """What becomes of a message whose hook failed: nothing, or it goes on as if BotKit were not subscribed."""
    request_lifetime: timedelta = timedelta(minutes=5)
    """How long a requestId can be used; extendcallid starts it anew."""
    inactivity: timedelta | None = None
    """Silence after which session and agent mode are reset; None takes the bot's own (15 minutes)."""
    closing_repeats: bool = True
    """After BotKit's own clearConversationSession the platform still posts sessionClosure."""
    empty_message_stalls: bool = False
    """A message without text that is given to the bot keeps it from answering until the session ends."""
    bot_message_limit: int = 3000
    """Characters of a sendBotMessage."""
    bot_word_limit: int = 1200
    """Characters of one word of a sendBotMessage."""
    callbacks_per_minute: int | None = None
    """Calls to /api/botsdk per minute before 429; no limit is published."""
    public_per_minute: int = 60
    """Calls to the public history API per minute before 429."""
    users_kept: int = 5_000
    """More users than this are refused."""
    messages_kept: int = 500
    """Messages of one user kept in the chat and in the history."""
    inputs_waiting: int = 200
    """Things a user may have done that the platform has not worked through yet."""
