"""What was said while a chat was being reconnected: ChasitorSessionData against what we have read ourselves.

After a 503 the other server tells the whole chat once more, without the numbers its messages had before
(protocols/salesforce-live-chat.md 3.9, 7). What we had not read yet is the end of that list; where it begins is found by
content. Of all the places at which our last sayings and the list's can be laid over each other, the one with the longest
run of equal sayings wins; among equals the one that fits the count of what we have read, then the earliest: rather shown
twice than lost. Where nothing fits, nothing was read of what the list tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from botkit.agents.live_chat.position import digest
from botkit.agents.live_chat.wording import read_words
from botkit.agents.miaw.wire import Members, items, text

AGENT = "Agent"
CHASITOR = "Chasitor"
TRANSFERRED = "OperatorTransferred"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the chat as the new server tells it; `number` is its place in the list."""

    number: int
    kind: str
    name: str
    text: str = field(repr=False)


def read_session_data(message: Members) -> tuple[Line, ...]:
    """The lines of a ChasitorSessionData, in the order of their own numbers where they have them."""
    told = items(message.get("chatMessages"))
    numbers = [one.get("sequence") for one in told]
    if all(isinstance(number, int) for number in numbers) and len(set(numbers)) == len(numbers):
        told = sorted(told, key=lambda one: int(text(one.get("sequence"))))
    return tuple(
        Line(
            n, text(one.get("type")), text(one.get("name")), text(one.get("content")) or text(one.get("text"))
        )
        for n, one in enumerate(told)
    )


def unseen(lines: Sequence[Line], *, sayings: Sequence[str], said: int) -> tuple[Line, ...]:
    """The lines after the last one that was read.

    Args:
        lines: the chat as told.
        sayings: digests of the newest messages of agents that were read, oldest first.
        said: how many were read in all.
    """
    spoken = [line for line in lines if line.kind == AGENT]
    digests = [digest(read_words(line.text).text) for line in spoken]
    read = _read(digests, sayings, said)
    if read == 0:
        return tuple(lines)
    last = spoken[read - 1].number
    return tuple(line for line in lines if line.number > last)


def _read(told: Sequence[str], sayings: Sequence[str], said: int) -> int:
    """How many of what is told were read."""
    best = (0, False, 0)
    for boundary in range(1, len(told) + 1):
        run = 0
        while run < min(boundary, len(sayings)) and told[boundary - 1 - run] == sayings[-1 - run]:
            run += 1
        if run:
            best = max(best, (run, boundary == said, -boundary))
    return -best[2]
