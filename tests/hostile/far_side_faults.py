"""The platform and Salesforce refuse, fail, act without answering, end sessions, and disorder their events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from tests.hostile.crowd import Person
from tests.hostile.desk import Disorder
from tests.hostile.findings import HEARD_SECONDS, Amounts, Findings, some_heard, wait_for
from tests.hostile.house import House
from tests.hostile.misdeeds import Misdeed, always, sometimes
from tests.hostile.scale import CALL_SECONDS

Fault = Callable[[House, Findings, Amounts], Awaitable[None]]
SHARE_OF_CALLS = 0.3
BURST_SECONDS = 1.5
SHARE_OF_EVENTS = 0.3
HOOKS_REPEATED = 0.5
ENDS_AT_ONCE = 10


def refused(*misdeeds: Misdeed) -> Fault:
    """Both sides do one of these to some calls all the time."""

    async def fault(house: House, found: Findings, amounts: Amounts) -> None:
        choose = sometimes(house.chance, SHARE_OF_CALLS, misdeeds)
        house.clouds.platform.choose = house.clouds.salesforce.choose = choose
        await asyncio.sleep(amounts.seconds)
        house.clouds.calm()
        await some_heard(house, found, time.time())

    return fault


async def bursts(house: House, found: Findings, amounts: Amounts) -> None:
    """Both sides answer everything with a 5xx for a moment, again and again, in turn and together."""
    clouds = house.clouds
    choose = always(*(Misdeed(status=status) for status in (500, 502, 503, 504)), chance=house.chance)
    for number in range(max(3, round(amounts.seconds / (2 * BURST_SECONDS)))):
        clouds.platform.choose = choose if number % 3 != 1 else None
        clouds.salesforce.choose = choose if number % 3 != 0 else None
        await asyncio.sleep(BURST_SECONDS)
        clouds.calm()
        await asyncio.sleep(BURST_SECONDS)
    await some_heard(house, found, time.time())


async def unanswered(house: House, found: Findings, amounts: Amounts) -> None:
    """Some calls are taken, and the connection breaks without an answer."""
    misdeed = Misdeed(breaks="after")
    house.clouds.platform.choose = sometimes(house.chance, 0.1, [misdeed])
    house.clouds.salesforce.choose = sometimes(house.chance, 0.2, [misdeed])
    await asyncio.sleep(amounts.seconds)
    house.clouds.calm()
    await some_heard(house, found, time.time())


async def slow_platform(house: House, found: Findings, amounts: Amounts) -> None:
    """The platform takes some calls and answers later than BotKit waits."""
    late = Misdeed(delay_seconds=CALL_SECONDS + 1.0)
    house.clouds.platform.choose = sometimes(house.chance, 0.1, [late])
    await asyncio.sleep(amounts.seconds)
    house.clouds.calm()
    await some_heard(house, found, time.time())


async def outage(house: House, found: Findings, amounts: Amounts) -> None:
    """Both sides are gone for so long that every circuit breaker is open: they refuse, break connections or stay silent."""
    clouds = house.clouds
    clouds.platform.choose = clouds.salesforce.choose = always(
        Misdeed(status=503),
        Misdeed(breaks="before"),
        Misdeed(status=429, retry_after="1"),
        Misdeed(status=500),
        chance=house.chance,
    )
    for link in house.salesforce_links:
        link.reset_peer()
    await asyncio.sleep(amounts.outage_seconds)
    clouds.calm()
    await some_heard(house, found, time.time())


def disordered(*disorders: Disorder) -> Fault:
    """The event stream does one of these to some agents' messages."""

    async def fault(house: House, found: Findings, amounts: Amounts) -> None:
        house.clouds.desk.disturb(disorders, SHARE_OF_EVENTS)
        await asyncio.sleep(amounts.seconds)
        house.clouds.calm()
        await some_heard(house, found, time.time())

    return fault


async def hooks_repeated(house: House, found: Findings, amounts: Amounts) -> None:
    """The platform posts hooks a second time, to any process."""
    house.crowd.repeated_hooks = HOOKS_REPEATED
    await asyncio.sleep(amounts.seconds)
    house.crowd.repeated_hooks = 0.0


async def ends(house: House, found: Findings, amounts: Amounts) -> None:
    """Access ends in the middle of a chat: 401, 403, or a token that expires. The user is told, and given back to the bot."""
    found.ends_expected = True
    people = iter([one for one in house.crowd.people if one.with_agent])

    async def each() -> None:
        for person in people:
            await _end(house, found, person)

    await asyncio.gather(*(each() for _ in range(ENDS_AT_ONCE)))
    await house.crowd.arrive_again()


async def _end(house: House, found: Findings, person: Person) -> None:
    """End one agent session, and see that the user is told and the bot gets what is typed next."""
    clouds, number = house.clouds, person.number
    if not house.crowd.is_helped(person):
        return
    person.leaving = True  # Its agent says nothing more: it could not be read.
    await wait_for(lambda: not house.crowd.history(person).lost, HEARD_SECONDS)
    if status := house.chance.choice([0, 401, 403]):
        clouds.refused_users[number] = status
    else:
        clouds.expire_token(number)
        found.injected += 1
    since = time.time()
    await house.crowd.types(person)
    given_back = await wait_for(lambda: number in clouds.given_back, HEARD_SECONDS)
    clouds.refused_users.pop(number, None)
    if given_back:
        found.recoveries.append(time.time() - since)
    else:
        found.broken.append(f"user {number} was not given back to the bot")


FAR_SIDE_FAULTS: dict[str, Fault] = {
    "429": refused(Misdeed(status=429)),
    "429 with Retry-After": refused(Misdeed(status=429, retry_after="1")),
    "bursts of 5xx": bursts,
    "no answer after the act": unanswered,
    "platform slower than the limit": slow_platform,
    "401, 403 and expiry in mid-chat": ends,
    "events repeated": disordered("repeated"),
    "events delayed": disordered("delayed"),
    "events swapped": disordered("swapped"),
    "events missed": disordered("lost"),
    "events of unknown kinds": disordered("unknown"),
    "hooks repeated": hooks_repeated,
    "outage of both sides": outage,
}
