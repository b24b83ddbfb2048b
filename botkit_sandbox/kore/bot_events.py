"""Event handlers of a bot: what it does when a user connects, writes first, is not understood, or a task fails.

docs/protocols/kore-xo-botkit.md, 7.9.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botkit_sandbox.kore.decoding import decoded
from botkit_sandbox.kore.prompts import Prompt, prompts_of
from botkit_sandbox.kore.reading import objects, text_of

ON_CONNECT = "ON_CONNECT_EVENT"
WELCOME = "WELCOME_MESSAGE_EVENT"
NOT_UNDERSTOOD = "INTENT_UNIDENTIFIED"
TASK_FAILURE = "TASK_FAILURE_EVENT"
CHANNEL_WELCOMES = {
    "telegram": "TELEGRAM_WELCOME_EVENT",
    "facebook": "FACEBOOK_WELCOME_EVENT",
    "ivr": "TELEPHONY_WELCOME_EVENT",
    "ivrVoice": "TELEPHONY_WELCOME_EVENT",
}
"""What a channel has in place of ON_CONNECT_EVENT."""
PLAYED = frozenset({ON_CONNECT, WELCOME, NOT_UNDERSTOOD, TASK_FAILURE, *CHANNEL_WELCOMES.values()})
_KINDS = ("greetings", "faq", "task")


@dataclass(frozen=True, slots=True)
class BotEvent:
    """An enabled event handler: it starts a dialog, runs a script, or shows a message.

    `answers_first_message` are the kinds of first messages that the bot answers instead of its welcome: greetings, faq, task.
    """

    dialog_id: str
    script: str
    prompts: tuple[Prompt, ...]
    answers_first_message: frozenset[str]


def events_of(definition: Mapping[str, Any], dialogs: Mapping[str, str]) -> dict[str, BotEvent]:
    """The enabled event handlers of an export, by name.

    Args:
        definition: the bot definition.
        dialogs: the id of each dialog by every name that a reference to it may use.
    """
    raw = definition.get("botEvents")
    found: dict[str, BotEvent] = {}
    for name, event in (raw if isinstance(raw, dict) else {}).items():
        if isinstance(event, dict) and event.get("enabled"):
            # Exports have triggerDialog and showMsg; how the third action is written is not known.
            action = text_of(event.get("action")).casefold()
            first = event.get("manageFirstMessage")
            found[name] = BotEvent(
                dialog_id=dialogs.get(text_of(event.get("task")), "") if "dialog" in action else "",
                script=decoded(text_of(event.get("script"))) if "script" in action else "",
                prompts=tuple(prompts_of(event.get("msg"))) if "msg" in action or "message" in action else (),
                answers_first_message=frozenset(
                    kind
                    for kind in _KINDS
                    if not isinstance(first, dict) or first.get(kind) == "respondToUserInput"
                ),
            )
    return found


def standard_not_understood(definition: Mapping[str, Any]) -> tuple[Prompt, ...]:
    """The bot's own standard response to a message that it does not understand."""
    found = []
    for response in objects(definition.get("koraResponses")):
        if "couldn't understand" not in text_of(response.get("Key")):
            continue
        for override in objects(response.get("channelUXMaps")):
            wording = override.get("botUXMap")
            text = decoded(text_of(wording.get("uXMap"))) if isinstance(wording, dict) else ""
            if text:
                channel = text_of(override.get("channel")) or "default"
                language = text_of(response.get("language")) or "en"
                found.append(Prompt(channel, language, text, scripted="print(" in text))
    return tuple(found)
