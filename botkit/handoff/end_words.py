"""The words with which a user ends a hand-off: the single word that they are told, and further ones by language.

A message counts if it is such a word and nothing else; a leading slash, punctuation at the end, upper case and blanks do not
matter.
"""

from __future__ import annotations

from botkit.handoff.conversation import AgentSession
from botkit.handoff.events import UserMessage
from botkit.handoff.languages import closest
from botkit.handoff.rules import Rules
from botkit.handoff.text import as_compared

MAX_LENGTH = 200
"""A longer message is no end word."""


def is_end_word(rules: Rules, session: AgentSession, event: UserMessage) -> bool:
    """Whether this message ends the hand-off: what the user saw or wrote, or the payload behind the choice they clicked."""
    said = {plain(text) for text in (event.text, event.payload) if text and len(text) <= MAX_LENGTH} - {""}
    return bool(said) and not said.isdisjoint(map(plain, _words(rules, session)))


def plain(text: str) -> str:
    """The text as it is compared: also without a leading slash, as people write commands."""
    return as_compared(text.strip().lstrip("/")) or as_compared(text)


def _words(rules: Rules, session: AgentSession) -> list[str]:
    """The single word, the words of every language, and those of the user's language or else of the bot's."""
    words = [session.end_word] if session.end_word else []
    listed = rules.end_chat_words
    if not listed:
        return words
    languages = [language for language in listed if language]
    own = closest(session.language, languages) or closest(rules.default_language, languages)
    return [*words, *(word for language in ("", *own) for word in listed.get(language, ()))]
