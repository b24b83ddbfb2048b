"""Sensitive-data rules: what the organisation does not want to read, masked before it leaves us.

The client has to apply them (protocols/salesforce-live-chat.md 7, ChatRequestSuccess) and report which ones it applied
(2.20). Their patterns are regular expressions that somebody else wrote, and matching one may take for ever: our process has
one loop for all conversations. So patterns are told apart by their looks. One without unbounded repetition, without
repeated groups and with few choices is matched here, because its cost is bounded by the length of the text. Every other one
is matched in a process of its own, which is killed when its time is over (`isolated`). A text that could not be masked does
not leave at all.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import msgspec

from botkit.agents.miaw.wire import items, text

MAX_RULES = 50
MAX_PATTERN = 1_000
_MAX_CHOICES = 512
"""Ways to match at one place: with texts of 10,000 characters a tenth of a second at the very worst."""


class Rule(msgspec.Struct, frozen=True, array_like=True):
    """One rule; a `replacement` for everything its pattern matches, empty to remove it."""

    id: str
    name: str
    pattern: str
    replacement: str


@dataclass(frozen=True, slots=True)
class Masked:
    """A text as it may leave, and the rules that changed it."""

    text: str = field(repr=False)
    triggered: tuple[Rule, ...] = ()


class NotMaskable(Exception):
    """The rules could not be applied: a pattern that is none, or that takes too long for this text."""


Masker = Callable[[str, Sequence[Rule]], Awaitable[Masked]]
"""Applies rules to a text. Raises NotMaskable."""


def read_rules(value: object) -> tuple[Rule, ...]:
    """The rules of `sensitiveDataRules`; an action other than Replace removes what matches.

    A rule over the limits is kept with an impossible pattern: nothing may leave unmasked because a rule is odd.
    """
    rules = []
    for item in items(value)[: MAX_RULES + 1]:
        pattern = text(item.get("pattern"))
        if not pattern:
            continue
        replaces = text(item.get("actionType")).lower() in ("replace", "")
        rules.append(
            Rule(
                text(item.get("id"))[:18],
                text(item.get("name"))[:80],
                pattern if len(pattern) <= MAX_PATTERN else _IMPOSSIBLE,
                text(item.get("replacement"))[:200] if replaces else "",
            )
        )
    if len(rules) > MAX_RULES:
        rules[MAX_RULES] = Rule("", "too many rules", _IMPOSSIBLE, "")
    return tuple(rules)


_IMPOSSIBLE = "("


def needs_isolation(pattern: str) -> bool:
    """Whether matching the pattern may take long: it repeats without bound, repeats a group, or has many choices."""
    plain = _ATOMS.sub("x", pattern)
    if _UNBOUNDED.search(plain) or _REPEATED_GROUP.search(plain):
        return True
    choices = 1
    for match in _CHOICE.finditer(plain):
        low, high = match["low"], match["high"]
        choices *= 2 if match["low"] is None else max(1, int(high or low) - int(low) + 1)
        if choices > _MAX_CHOICES:
            return True
    return False


_ATOMS = re.compile(r"\\(?:[0-9]+|.)|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_UNBOUNDED = re.compile(r"[*+]|\{[0-9]*,\}")
_REPEATED_GROUP = re.compile(r"\)[?{]")
_CHOICE = re.compile(r"\{(?P<low>[0-9]{1,5})(?:,(?P<high>[0-9]{1,5}))?\}|[?|]")


@lru_cache(maxsize=256)
def compiled(pattern: str) -> re.Pattern[str]:
    """A JavaScript regular expression, which is what Salesforce's rules are written in, as Python's.

    Raises:
        NotMaskable: it is none, or uses what Python does not know.
    """
    try:
        # Letters and digits are ASCII's in JavaScript; its named groups lack the P.
        return re.compile(_NAMED_GROUP.sub(r"(?P<", pattern), re.ASCII)
    except (re.error, RecursionError, OverflowError) as error:
        raise NotMaskable("a pattern is not a regular expression that can be used") from error


_NAMED_GROUP = re.compile(r"(?<!\\)\(\?<(?![=!])")


def apply(said: str, rules: Sequence[Rule]) -> Masked:
    """Apply rules in their order, here and now.

    Raises:
        NotMaskable: a pattern cannot be used.
    """
    triggered = []
    for rule in rules:
        changed, times = compiled(rule.pattern).subn(_literally(rule.replacement), said)
        if times and changed != said:
            triggered.append(rule)
            said = changed
    return Masked(said, tuple(triggered))


def _literally(replacement: str) -> Callable[[re.Match[str]], str]:
    """A replacement in which backslashes mean nothing."""
    return lambda _: replacement
