"""Each link is slow, breaks in the middle of what it carries, is half open, drips, and is a black hole.

The links are that from the platform to the processes, for hooks, and those from the processes to the platform, to Salesforce and
to PostgreSQL.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

from tests.faults.proxy import Disturbance, Proxy
from tests.hostile.findings import Amounts, Findings, some_heard
from tests.hostile.house import House

Link = Literal["hooks", "platform", "Salesforce", "PostgreSQL"]
Disturb = Callable[[House, Sequence[Proxy], Amounts], Awaitable[None]]
LATENCY_SECONDS = 0.4
DRIP_SECONDS = 0.02
DRIP_BYTES = 24
SHARE_OF_PIECES = 0.08
"""So many of all pieces of one side break their connection."""
BLACK_SECONDS = 6.0
"""Longer than the time limit of a call, and than a session of PostgreSQL lives."""


async def slow(house: House, links: Sequence[Proxy], amounts: Amounts) -> None:
    """Everything is under way for a while, in both directions."""
    for link in links:
        link.latency_seconds = LATENCY_SECONDS
    await asyncio.sleep(amounts.seconds)


async def breaks_in_requests(house: House, links: Sequence[Proxy], amounts: Amounts) -> None:
    """Connections break when half of a request has arrived."""
    await _sometimes(house, links, amounts, of_server=False)


async def breaks_in_answers(house: House, links: Sequence[Proxy], amounts: Amounts) -> None:
    """Connections break when half of an answer, or of an event, has arrived."""
    await _sometimes(house, links, amounts, of_server=True)


async def _sometimes(house: House, links: Sequence[Proxy], amounts: Amounts, *, of_server: bool) -> None:
    def disturb(from_server: bool) -> Disturbance | None:
        return "reset" if from_server is of_server and house.chance.random() < SHARE_OF_PIECES else None

    for link in links:
        link.disturb = disturb
    await asyncio.sleep(amounts.seconds)


async def half_open(house: House, links: Sequence[Proxy], amounts: Amounts) -> None:
    """Connections that stand go silent, and nobody closes them; new ones work."""
    for link in links:
        link.timeout()
    await asyncio.sleep(amounts.seconds)


async def drips(house: House, links: Sequence[Proxy], amounts: Amounts) -> None:
    """What the far side says arrives in small pieces with pauses between them."""
    for link in links:
        link.slice_bytes, link.drip_seconds = DRIP_BYTES, DRIP_SECONDS
    await asyncio.sleep(amounts.seconds)


async def black_hole(house: House, links: Sequence[Proxy], amounts: Amounts) -> None:
    """Nothing comes back, neither on connections that stand nor on new ones."""
    for link in links:
        link.silent = True
        link.timeout()
    await asyncio.sleep(BLACK_SECONDS)
    for link in links:
        link.silent = False
        link.reset_peer()


KINDS: dict[str, Disturb] = {
    "slow": slow,
    "breaks in requests": breaks_in_requests,
    "breaks in answers": breaks_in_answers,
    "half open": half_open,
    "drips": drips,
    "black hole": black_hole,
}


def of_link(link: Link, kind: str) -> Callable[[House, Findings, Amounts], Awaitable[None]]:
    """The fault of one link."""

    async def fault(house: House, found: Findings, amounts: Amounts) -> None:
        links = {
            "hooks": house.door_links,
            "platform": [house.platform_link],
            "Salesforce": house.salesforce_links,
            "PostgreSQL": house.store_links,
        }[link]
        await house.settled()
        if link == "hooks":
            for member, one in zip(house.members, links, strict=True):
                member.door_url = one.url
        await KINDS[kind](house, links, amounts)
        house.calm()
        await some_heard(house, found, time.time())
        await house.settled()

    return fault
