"""The switches of the emulated platform: behaviour that is configurable, undocumented, or differs between versions."""

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
    """The algorithm of the JWT app; a callback signed with another one is refused."""
    require_expiry: bool = True
    """Refuse callbacks whose token has no exp (very old BotKit versions sent none)."""
    enforce_jti: bool = False
    """The JWT app's "Enforce JTI": calls whose token has no jti are refused."""
    refusal_words: Literal["reason", "uniform"] = "reason"
    """What the refusal of a token says: its reason, or the same of every one."""
    history_scope: bool = True
    """Whether the app may read histories; otherwise 403."""
    agent_integrations: Literal["hidden", "custom", "mixed", "salesforce", "unpublished"] = "hidden"
    """What the mapping of channels tells: nothing, since the app lacks the scope (403); all channels go to BotKit; the web alone
    goes to Kore's Salesforce integration; all go there; all go to BotKit once the bot is published."""
    unknown_user: Literal["refused", "empty"] = "refused"
    """The answer to a getMessages of a user who does not exist: an error, or an empty list."""
    clock_ahead: int = 0
    """Seconds by which the platform's clock, also in its Date headers, is ahead; negative: behind."""
    token_lifetime: timedelta = timedelta(seconds=60)
    """exp of a hook's token."""
    hook_credential: Literal["token", "apikey", "both"] = "token"
    """The header that authenticates a hook."""
    bot_id: Literal["text", "list"] = "text"
    """The type of botId in a hook's body: a list has the bot, then the linked one."""
    linked_bot_in: Literal["both", "path", "body"] = "both"
    """Which part of a hook names the linked bot; the other names the bot itself."""
    channel_type: Literal["same", "differs"] = "same"
    """Whether transfers and webhooks write the channel's type as messages do, or in another way."""
    request_id: Literal["number", "text"] = "number"
    """The type of requestId in a hook's body; in URLs it is always text."""
    request_id_lasts: Literal["message", "session"] = "message"
    """A fresh requestId in the body of every hook, or one for all hooks of a session, as voice channels do with a call."""
    last_message: Literal["current", "previous"] = "current"
    """The message in BotUserSession.lastMessage: the one of the hook, or the one before it."""
    context_of_clear: Literal["taken", "ignored"] = "taken"
    """Whether the variables in BotUserSession.agentHandoffMeta of a clearAgentSession become the session's."""
    label_in_history: bool = True
    """A clicked choice is stored with its label beside its payload."""
    history_without_channel: Literal["all", "rtm"] = "all"
    """The messages in an answer to a getMessages that names no channel: of all channels, or of the web only."""
    mask_personal_data: bool = False
    """E-mail addresses and long numbers of users become tokens between ``#*#``, until the subscription lifts that for agents."""
    hook_timeout: timedelta = timedelta(seconds=15)
    """Time limit of the answer to a hook."""
    follow_up_timeout: timedelta = timedelta(seconds=30)
    """How long the platform waits for BotKit's call after a message hook."""
    webhook_timeout: timedelta = timedelta(seconds=120)
    """How long a Webhook node that was answered with 202 waits for its serviceCallback."""
    when_hook_fails: Literal["silent", "bypass"] = "silent"
    """A message whose hook failed is dropped (silent), or processed as if BotKit were not subscribed (bypass)."""
    request_lifetime: timedelta = timedelta(minutes=5)
    """Lifetime of a requestId; extendcallid restarts it."""
    inactivity: timedelta | None = None
    """Silence after which session and agent mode are reset; None: the duration in the bot's export (15 minutes)."""
    closing_repeats: bool = True
    """After BotKit's own clearConversationSession the platform still posts sessionClosure."""
    welcomes: bool = True
    """The bot's welcome answers the first message of a session, unless the client has connected before."""
    revisited_entity: Literal["ask", "keep"] = "ask"
    """A dialog that comes back to an Entity node asks again, or keeps the value and goes on."""
    absent_value: Literal["nothing", "undefined"] = "nothing"
    """What a placeholder without a value shows."""
    file_url: Literal["absolute", "relative", "named"] = "absolute"
    """Addresses of users' files: with or without the host, or with the file's name in them, unencoded."""
    empty_message_stalls: bool = False
    """After a message without text, the bot does not answer until the session ends."""
    bot_message_limit: int = 3000
    """Maximum characters of a sendBotMessage."""
    bot_word_limit: int = 1200
    """Maximum characters of one word of a sendBotMessage."""
    callbacks_per_minute: int | None = None
    """Calls to /api/botsdk per minute before 429; no limit is published."""
    public_per_minute: int = 60
    """Calls to the public history API per minute before 429."""
    users_kept: int = 5_000
    """Maximum number of users."""
    messages_kept: int = 500
    """Maximum messages of one user in the chat and in the history."""
    inputs_waiting: int = 200
    """Maximum number of waiting actions of one user."""
