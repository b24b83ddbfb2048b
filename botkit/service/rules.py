"""The rules of the hand-off, from a bot's settings."""

from __future__ import annotations

from botkit.agents import registry as agent_systems
from botkit.config.settings import BotSettings
from botkit.handoff.responses import Responses
from botkit.handoff.rules import Rules
from botkit.handoff.text import as_compared
from botkit.http.hosts import AllowedHosts


def rules_for(bot: BotSettings) -> Rules:
    """The rules of a bot, from its settings."""
    handoff = bot.handoff
    return Rules(
        bot_name=bot.name,
        responses=Responses(handoff.responses, handoff.default_language),
        system_for=bot.agents.for_channel,
        systems={
            name: agent_systems.capabilities(system.type, system.settings)
            for name, system in bot.agents.systems.items()
        },
        attributes=handoff.attributes,
        fallback=bot.agents.fallback,
        fallback_after_seconds=bot.agents.fallback_after.total_seconds(),
        end_chat_command=handoff.end_chat_command,
        platform_closing_messages=frozenset(map(as_compared, handoff.platform_closing_messages)) - {""},
        file_message=bot.kore.file_message,
        # By any scheme and port: an agent could open none of them.
        needs_login=AllowedHosts(bot.kore.callback_hosts, insecure_http=True).allows,
        end_chat_words=handoff.end_chat_words,
        default_language=handoff.default_language,
        accept_timeout_seconds=handoff.accept_timeout.total_seconds(),
        transfer_grace_seconds=handoff.transfer_grace.total_seconds(),
    )
