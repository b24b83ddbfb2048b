"""The transcript: the conversation before the hand-off, as one message that the agent reads first.

It is one message, because Salesforce accepts only 22 messages a minute from a user (docs/protocols/salesforce-miaw.md, 9.17)
and because live text must not land between its lines. Its speakers cannot be forged: a line begins with a speaker's name only
if BotKit wrote it.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from botkit.handoff.channels import heading
from botkit.handoff.conversation import AgentSession, HeldMessage
from botkit.handoff.ending import END_MESSAGES
from botkit.handoff.events import TranscriptLine
from botkit.handoff.languages import LAST_RESORT, negotiate
from botkit.handoff.reference import ANY, with_any_reference
from botkit.handoff.responses import Responses
from botkit.handoff.text import cut, length
from botkit.handoff.translations import WORDS

_NEXT_LINE = "\n  | "
"""The beginning of a continuation line. The bar is visible even if a console swallows indentation."""

_MAX_NAME = 80
_ELLIPSIS = "…"
_LOOKED_AT = 4
"""Of a text, this many times as much is looked at as fits: control characters and blanks are taken out of it."""
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")
"""All but the tab."""
_COLONS = re.compile(r"[:：﹕∶꞉]")


def before_handoff(
    responses: Responses,
    session: AgentSession,
    typed: tuple[HeldMessage, ...],
    lines: tuple[TranscriptLine, ...],
    channel: str,
) -> tuple[TranscriptLine, ...]:
    """The lines up to the hand-off, which is on this channel (as `ConversationId` has it).

    The platform's history may already contain BotKit's own messages and the user's messages since then. The former concern no
    agent; the latter are delivered live. Lines of other channels stay: there may be a hand-off of its own.
    """
    here = [index for index, line in enumerate(lines) if line.channel.lower() in ("", channel)]
    if not (channel and here):
        here = list(range(len(lines)))  # The channel is not known, or the history spells it in another way.
    end = _end_before(responses, session, typed, tuple(lines[index] for index in here))
    since = set(here[end:])
    return tuple(line for index, line in enumerate(lines) if index not in since)


def _end_before(
    responses: Responses,
    session: AgentSession,
    typed: tuple[HeldMessage, ...],
    lines: tuple[TranscriptLine, ...],
) -> int:
    """The number of lines up to the hand-off.

    It began with BotKit's last "looking for an agent" message, unless a message that ends a hand-off follows: then that belongs
    to an earlier hand-off.
    """
    looking = responses.text("lookingForAgentMessage", session.language)
    own = {
        looking,
        responses.text("endChatFromUserInstruction", session.language, command=session.end_word or ""),
    }
    live = Counter(held.text.strip() for held in typed)
    endings = {responses.text(key, session.language, reference=ANY) for key in END_MESSAGES}
    for index in reversed(range(len(lines))):
        if _is(lines[index], "bot", endings):
            break
        if _is(lines[index], "bot", {looking}):
            # A quick user's message may be stored before it.
            after = Counter(line.text.strip() for line in lines[index:] if line.speaker == "user")
            return _end_without(lines[:index], own, live - after)
    return _end_without(lines, own, live)


def _is(line: TranscriptLine, speaker: str, texts: set[str | None]) -> bool:
    if line.speaker != speaker:
        return False
    said, wanted = line.text.strip(), {text.strip() for text in texts if text}
    # References are all of one length. Of another text, which may be very long, they are not looked for.
    return any(len(text) == len(said) for text in wanted) and with_any_reference(said) in wanted


def _end_without(lines: tuple[TranscriptLine, ...], own: set[str | None], live: Counter[str]) -> int:
    """The number of lines up to the hand-off, without BotKit's own messages and those that are delivered live."""
    live = live.copy()
    end = len(lines)
    while end:
        line = lines[end - 1]
        text = line.text.strip()
        if line.speaker == "user" and live[text] > 0:
            live[text] -= 1
        elif line.speaker != "bot" or text not in own:
            break
        end -= 1
    return end


def render(
    lines: Sequence[TranscriptLine], *, language: str, user_name: str, bot_name: str, limit: int
) -> str:
    """A heading and the messages, oldest first, each as ``Name: text``; if they span channels, each part has a heading.

    Args:
        lines: the messages, oldest first; blank ones are left out.
        language: of the heading and of the words for speakers without a name.
        user_name: may be empty.
        bot_name: may be empty.
        limit: max length of the result, in UTF-16 code units. Beyond it the oldest messages are left out, and a line
            says how many; if even the newest is too long, it is cut at its end.

    Returns:
        The message; empty if there is nothing to tell.
    """
    words = WORDS[negotiate(language, WORDS, fallback=LAST_RESORT)]
    speakers = _speakers(user_name, bot_name, words["user"], words["assistant"])
    lines = [line for line in lines if line.text.strip()]
    if not lines:
        return ""
    told = _told(lines, speakers, limit)
    headings = _headings(lines, language)[-len(told) :]
    whole = "\n".join([words["heading"], *_under(headings, told)])
    if len(told) == len(lines) and length(whole) <= limit:
        return whole
    kept = _newest(told, headings, limit - length(_beginning(words, len(lines))))
    if kept:
        beginning = _beginning(words, len(lines) - kept)
        return "\n".join([beginning, *_under(headings[-kept:], told[-kept:])])
    newest = "\n".join([_beginning(words, len(lines) - 1), *_under(headings[-1:], told[-1:])])
    return cut(newest, limit - 1) + _ELLIPSIS if limit > 0 else ""


def _told(lines: Sequence[TranscriptLine], speakers: dict[str, str], limit: int) -> list[str]:
    """The newest messages with their speakers: those that may fit, and one more."""
    told: list[str] = []
    room = limit
    for line in reversed(lines):
        told.append(f"{speakers[line.speaker]}: {_indented(line.text, limit)}")
        room -= len(told[-1])
        if room < 0:
            break
    return told[::-1]


def _headings(lines: Sequence[TranscriptLine], language: str) -> list[str]:
    """The heading of the part that each line belongs to; empty ones where all lines are of one channel."""
    if len({line.channel for line in lines if line.channel}) <= 1:
        return [""] * len(lines)
    return [heading(line.channel, language) if line.channel else "" for line in lines]


def _under(headings: Sequence[str], told: Sequence[str]) -> list[str]:
    """The messages, with its heading before each part."""
    parts: list[str] = []
    before = ""
    for over, message in zip(headings, told, strict=True):
        parts += [over, message] if over and over != before else [message]
        before = over
    return parts


def _beginning(words: dict[str, str], left_out: int) -> str:
    if not left_out:
        return words["heading"]
    return f"{words['heading']}\n{words['omitted'].replace('{count}', str(left_out))}"


def _newest(told: Sequence[str], headings: Sequence[str], room: int) -> int:
    """The number of newest messages that fit into `room` with their headings, each on a line of its own."""
    kept, after = 0, ""
    for over, message in zip(reversed(headings), reversed(told), strict=True):
        room -= 1 + length(message) + (1 + length(over) if over and over != after else 0)
        if room < 0:
            break
        kept, after = kept + 1, over
    return kept


def _indented(text: str, limit: int) -> str:
    """The text without control characters; every line but the first is marked as a continuation. A text that is much longer than
    the limit is cut."""
    lines = text.strip()[: _LOOKED_AT * max(limit, 1)].splitlines()
    return _NEXT_LINE.join([_CONTROL_CHARACTERS.sub("", line).rstrip() for line in lines])


def _speakers(user_name: str, bot_name: str, user: str, assistant: str) -> dict[str, str]:
    """The name of each side. A user named like the bot is not called by name."""
    names = {"user": _name(user_name) or user, "bot": _name(bot_name) or assistant}
    if _same(names["user"], names["bot"]):
        names = {"user": user, "bot": assistant}
    return names


def _name(name: str) -> str:
    """A name as one short line without colons: a colon would end it early."""
    plain = _CONTROL_CHARACTERS.sub(" ", _COLONS.sub(" ", name))
    return cut(" ".join(plain.split()), _MAX_NAME)


def _same(one: str, other: str) -> bool:
    return unicodedata.normalize("NFKC", one).casefold() == unicodedata.normalize("NFKC", other).casefold()
