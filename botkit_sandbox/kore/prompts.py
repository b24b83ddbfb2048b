"""The wordings of a message: by channel and language, and with the platform's buttons for a choice."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botkit_sandbox.kore.decoding import decoded
from botkit_sandbox.kore.reading import entries, in_language, objects, text_of
from botkit_sandbox.kore.templates import RENDERED_ON


@dataclass(frozen=True, slots=True)
class Prompt:
    """One wording of a message. A `scripted` one is JavaScript that prints the message."""

    channel: str
    language: str
    text: str
    scripted: bool


def prompts_of(messages: object) -> Iterator[Prompt]:
    """The wordings in a list of messages, such as `message` or `errorMessage` of a component."""
    for message in objects(messages):
        for language, entry in entries(message.get("localeData")):
            if isinstance(entry.get("text"), str):
                text = decoded(entry["text"])
                yield Prompt(
                    channel=text_of(message.get("channel")) or "default",
                    language=language,
                    text=text,
                    scripted=entry.get("type", "basic") != "basic" and "print(" in text,
                )


def chosen(prompts: Sequence[Prompt], *, channel: str, language: str, default_language: str) -> Prompt | None:
    """The wording for a user: of their channel, else of every channel; in their language, else in the bot's."""
    fitting = [p for p in prompts if p.channel == channel] or [p for p in prompts if p.channel == "default"]
    return in_language({p.language: p for p in reversed(fitting)}, language, default_language)


def with_buttons(text: str, options: Sequence[tuple[str, str]], *, channel: str) -> str:
    """A plain question with the platform's default rendering of its options, as (title, payload).

    The web client shows quick replies; other channels list the titles. A text that is a template already is unchanged.
    """
    if not options or text.lstrip().startswith("{"):
        return text
    if channel not in RENDERED_ON:
        return "\n".join([text, *(title for title, _ in options)])
    replies: list[Mapping[str, Any]] = [
        {"content_type": "text", "title": title, "payload": payload} for title, payload in options
    ]
    payload = {"template_type": "quick_replies", "text": text, "quick_replies": replies}
    return json.dumps({"type": "template", "payload": payload}, ensure_ascii=False)
