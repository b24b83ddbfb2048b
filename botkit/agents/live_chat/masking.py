"""Sensitive-data rules: masks texts of the user by the organisation's patterns before they leave BotKit.

The client must apply the rules (docs/protocols/salesforce-live-chat.md, 7, ChatRequestSuccess) and report which ones it applied
(2.20). The patterns are untrusted regular expressions, and matching may never end, while one loop serves all conversations. A
pattern without unbounded repetition, without repeated groups and with few choices takes time in proportion to the text: it is
matched here. Any other pattern is matched in a separate process with a time limit, because Python cannot interrupt a regular
expression. A text that cannot be masked is not sent at all.
"""

from __future__ import annotations

import asyncio
import re
import sys
import warnings
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import msgspec

from botkit.http.lenient_json import items, text

MAX_RULES = 50
MAX_PATTERN = 1_000
_MAX_CHOICES = 512
"""The ways to match at one place. With a text of 10,000 characters, that takes at most a tenth of a second."""


_INVALID = "("


class Rule(msgspec.Struct, frozen=True, array_like=True):
    """One rule: `replacement` replaces every match of its pattern; an empty one removes it."""

    id: str
    name: str
    pattern: str
    replacement: str


@dataclass(frozen=True, slots=True)
class Masked:
    """A text that may be sent, and the rules that changed it."""

    text: str = field(repr=False)
    triggered: tuple[Rule, ...] = ()


class NotMaskable(Exception):
    """The rules could not be applied: a pattern is invalid, or takes too long for this text."""


Masker = Callable[[str, Sequence[Rule]], Awaitable[Masked]]
"""Applies rules to a text. Raises NotMaskable."""


def read_rules(value: object) -> tuple[Rule, ...]:
    """The rules of `sensitiveDataRules`. An action other than Replace removes the match.

    A rule beyond the limits gets an invalid pattern, which stops every text: no text is sent unmasked because of an odd rule.
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
                pattern if len(pattern) <= MAX_PATTERN else _INVALID,
                text(item.get("replacement"))[:200] if replaces else "",
            )
        )
    if len(rules) > MAX_RULES:
        rules[MAX_RULES] = Rule("", "too many rules", _INVALID, "")
    return tuple(rules)


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
    """Compile a pattern of Salesforce's rules, which are JavaScript regular expressions.

    Raises:
        NotMaskable: it is invalid, or uses a feature that Python does not have.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what may mean something else in a later Python
            # In JavaScript, \w and \d are ASCII, and a named group is (?<name>…).
            return re.compile(_NAMED_GROUP.sub(r"(?P<", pattern), re.ASCII)
    except (
        re.error,
        RecursionError,
        OverflowError,
        ValueError,
    ) as error:  # ValueError: flags that exclude each other
        raise NotMaskable("a pattern is not a regular expression that can be used") from error


_NAMED_GROUP = re.compile(r"(?<!\\)\(\?<(?![=!])")


def apply(message: str, rules: Sequence[Rule]) -> Masked:
    """Apply rules in their order, in this process.

    Raises:
        NotMaskable: a pattern cannot be used.
    """
    triggered = []
    for rule in rules:
        changed, times = compiled(rule.pattern).subn(_literally(rule.replacement), message)
        if times and changed != message:
            triggered.append(rule)
            message = changed
    return Masked(message, tuple(triggered))


def _literally(replacement: str) -> Callable[[re.Match[str]], str]:
    """A replacement in which backslashes are literal."""
    return lambda _: replacement


TIMEOUT_SECONDS = 2.0
"""The time limit of the separate process. Starting it takes about 30 ms."""
_AT_ONCE = 2

_PROGRAM = """
import json, re, sys
message, rules = json.loads(sys.stdin.buffer.read())
triggered = []
for number, (pattern, by) in enumerate(rules):
    changed, times = re.compile(pattern, re.ASCII).subn(lambda _: by, message)
    if times and changed != message:
        triggered.append(number)
        message = changed
sys.stdout.write(json.dumps([message, triggered]))
"""


class IsolatedMasker:
    """Applies rules: in this process if no pattern can take long, otherwise in a separate one.

    Args:
        timeout_seconds: the time limit of the separate process.
    """

    def __init__(self, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._timeout = timeout_seconds
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def __call__(self, message: str, rules: Sequence[Rule]) -> Masked:
        """Apply the rules in their order.

        Raises:
            NotMaskable: a pattern cannot be used, or took too long.
        """
        if not any(needs_isolation(rule.pattern) for rule in rules):
            return apply(message, rules)
        patterns = [(compiled(rule.pattern).pattern, rule.replacement) for rule in rules]
        async with self._slots:
            answer = await self._run(msgspec.json.encode((message, patterns)))
        try:
            changed, numbers = msgspec.json.decode(answer, type=tuple[str, list[int]])
            return Masked(changed, tuple(rules[number] for number in numbers))
        except (msgspec.DecodeError, IndexError) as error:
            raise NotMaskable("the process that masks did not answer") from error

    async def _run(self, question: bytes) -> bytes:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", "-c", _PROGRAM,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            async with asyncio.timeout(self._timeout):
                answer, _ = await process.communicate(question)
        except TimeoutError:
            raise NotMaskable("a pattern takes too long for this text") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return answer
