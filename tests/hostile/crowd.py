"""The users and agents of a house, and the history that they remember.

A user's next hook is sent when the one before is answered, to any process that takes the connection, as through a load balancer.
Two users of three are with an agent.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import aiohttp

from botkit.testing.payloads import Payloads, User
from tests.faults.history import Violations, violations
from tests.hostile.clouds import Clouds, email_of, user_id
from tests.hostile.members import BOT_ID, Member

AT_ONCE = 32
"""Hand-offs that are under way at the same time. Hooks are acknowledged long before: thousands of calls would then wait for the
emulated sides longer than their time limit, be repeated, and wait even longer."""
UNDER_WAY_SECONDS = 60.0
"""A hand-off that takes longer does not keep the next ones waiting."""
HOOK_SECONDS = 15.0
RUN = 3
"""So many messages one after the other, without a pause, are a run."""
RUN_SHARE = 0.25
_LOOK_SECONDS = 0.05


@dataclass
class Person:
    """A user of the bot, with what was sent since the histories began."""

    number: int
    with_agent: bool
    typed: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    """What the agent has sent."""
    unconfirmed: set[str] = field(default_factory=set)
    """What was typed and not acknowledged."""
    leaving: bool = False
    """Its agent says nothing more."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a hook is being answered."""


class Crowd:
    """Everybody who takes part.

    Args:
        clouds: both emulated sides.
        members: the processes.
        session: for the hooks.
        origin: where the hooks say that the platform is.
        count: of the users.
        per_second: how many users send a message each second; an agent answers each.
        chance: decides who, when and where.
        open_seconds: until everybody must have an agent.
    """

    def __init__(
        self,
        clouds: Clouds,
        members: Sequence[Member],
        session: aiohttp.ClientSession,
        *,
        origin: str,
        count: int,
        per_second: float,
        chance: random.Random,
        open_seconds: float,
    ) -> None:
        self.people = [Person(number, with_agent=number % 3 > 0) for number in range(count)]
        self.repeated_hooks = 0.0
        """The platform posts so many of all hooks a second time."""
        self.injected = 0
        """How many hooks were posted a second time."""
        self._clouds = clouds
        self._members = members
        self._session = session
        self._pause_seconds = count / per_second
        self._chance = chance
        self._open_seconds = open_seconds
        self._tokens = {member.name: member.token() for member in members}
        self._payloads = Payloads(bot=BOT_ID, origin=origin, first_request_id=int(time.time() * 1000))
        self._number = 0
        self._silent = asyncio.Event()

    async def arrive(self) -> None:
        """Hand those over who want an agent and have none, and wait until all are listened to."""
        await self.arrive_again()
        self._clouds.forget()

    async def arrive_again(self, at_most: int | None = None) -> None:
        """The same, and keep the histories; with `at_most`, only for so many."""
        alone = [one for one in self.people if one.with_agent and not self.is_helped(one)][:at_most]
        waiting = iter(alone)

        async def hand_over() -> None:
            for person in waiting:
                # A message that overtakes its transfer finds no session, and ends the agent mode.
                async with person.turn:
                    self._clouds.given_back.discard(person.number)
                    body = self._payloads.agent_transfer(user=_user(person.number))
                    taken = await self._post("on_agent_transfer", body, self._members)
                if taken:
                    await self.until_listened_to([person.number], UNDER_WAY_SECONDS)

        await asyncio.gather(*(hand_over() for _ in range(AT_ONCE)))
        took = await self.until_listened_to([one.number for one in alone], self._open_seconds)
        if took >= self._open_seconds:
            raise RuntimeError("not everybody has got an agent")
        for one in self.people:
            one.leaving = False

    def is_helped(self, person: Person) -> bool:
        """Whether an agent is with this user, as both sides know."""
        return person.number not in self._clouds.given_back and self._clouds.helped(person.number)

    async def chat(self) -> None:
        """Everybody sends messages at random times, until cancelled or `fall_silent`."""
        self._silent.clear()
        async with asyncio.TaskGroup() as group:
            for person in self.people:
                group.create_task(self._chat(person))

    def fall_silent(self) -> None:
        """Let everybody stop; hooks that were sent are waited for."""
        self._silent.set()

    async def _chat(self, person: Person) -> None:
        await self._pause(self._chance.uniform(0, self._pause_seconds))
        while not self._silent.is_set():
            run = RUN if self._chance.random() < RUN_SHARE else 1
            for _ in range(run):
                await self.types(person)
                self.is_answered(person)
            await self._pause(self._chance.uniform(0.5, 1.5) * run * self._pause_seconds)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._silent.wait(), seconds)

    async def types(self, person: Person, *, members: Sequence[Member] = ()) -> str:
        """The user sends a message, which is answered or not, to one of these members (default: any)."""
        async with person.turn:
            self._number += 1
            text = f"{person.number} typed {self._number}."
            with_agent = person.with_agent and person.number not in self._clouds.given_back
            body = self._payloads.user_message(text, user=_user(person.number), agent_transfer=with_agent)
            person.typed.append(text)
            person.unconfirmed.add(text)
            if await self._post("on_user_message", body, members or self._members):
                person.unconfirmed.discard(text)
            if self.repeated_hooks and self._chance.random() < self.repeated_hooks:
                self.injected += 1
                if await self._post("on_user_message", body, members or self._members):
                    person.unconfirmed.discard(text)
            return text

    async def is_heard(self, person: Person, since: float, seconds: float) -> float | None:
        """Send a message that nothing but the fault delays: the agent's, or the user's if there is no agent.

        Returns:
            The seconds from `since` (epoch) until it arrived, at most about so many; None if its hook was not acknowledged.
        """
        # A process that cannot reach the store is not ready, and answers the hook no earlier than it can.
        ready = [member for member in self._members if not member.cut_off]
        text = self.is_answered(person) or await self.types(person, members=ready)
        if text in person.unconfirmed:
            return None
        return await self._clouds.arrival(person.number, text, since + seconds) - since

    def is_answered(self, person: Person) -> str:
        """The user's agent sends a message, if there is one."""
        if not person.with_agent or person.leaving or not self.is_helped(person):
            return ""
        text = self.next_text(person)
        self._number += 1
        person.said.append(text)
        self._clouds.say(person.number, text)
        return text

    def next_text(self, person: Person) -> str:
        """What this user's agent will say if that is the next message of all."""
        return f"{person.number} was told {self._number + 1}."

    async def _post(self, event: str, body: object, members: Sequence[Member]) -> bool:
        """Whether the hook was acknowledged. As a load balancer does, it leaves processes out that do not answer."""
        data = json.dumps(body)
        awake = [member for member in members if not member.frozen]
        for member in self._chance.sample(awake, len(awake)):
            headers = {"token": self._tokens[member.name], "Content-Type": "application/json"}
            component = "/components/default" if event == "on_agent_transfer" else ""
            url = f"{member.door_url}/sdk/bots/{BOT_ID}{component}/{event}"
            try:
                async with self._session.post(url, data=data, headers=headers) as response:
                    await response.read()
                    return response.status == 200
            except aiohttp.ClientConnectorError:
                continue
            except (aiohttp.ClientError, TimeoutError):
                return False
        return False

    # --- waiting and checking --------------------------------------------------------------------------------------------

    async def until_listened_to(
        self, numbers: Sequence[int], seconds: float, *, since: float | None = None
    ) -> float:
        """Wait until the conversations have an event stream.

        Args:
            numbers: of the users.
            seconds: no longer than this.
            since: the streams were opened after this time (epoch), from which the seconds count; by default now, with any stream.

        Returns:
            The seconds that it took.
        """
        began = time.time() if since is None else since
        left = list(numbers)
        while (took := time.time() - began) < seconds:
            left = [number for number in left if not self._clouds.listened_to(number, since or 0.0)]
            if not left:
                break
            await asyncio.sleep(_LOOK_SECONDS)
        return took

    async def until_quiet(self, seconds: float) -> None:
        """Wait until everything has arrived; what has not after this time is lost."""
        deadline = time.monotonic() + seconds
        left = list(self.people)
        while left and time.monotonic() < deadline:
            left = [one for one in left if self.history(one).lost]
            await asyncio.sleep(_LOOK_SECONDS * 4)
        # What is shown twice comes after what is shown late.
        await asyncio.sleep(1.0)

    def history(self, person: Person) -> Violations:
        """What went wrong with the messages of both directions."""
        clouds, number = self._clouds, person.number
        if not person.with_agent:
            return self._of_user(person, clouds.passed[number])
        to_agent = self._of_user(person, clouds.arrived(number))
        to_user = violations(person.said, clouds.shown[number])
        return Violations(
            lost=to_agent.lost + to_user.lost,
            repeated=to_agent.repeated + to_user.repeated,
            out_of_order=to_agent.out_of_order + to_user.out_of_order,
        )

    def accounted(self, person: Person) -> Violations:
        """The same if the agent session may have ended: what was typed reached the agents or the bot, or was quoted back."""
        clouds, number = self._clouds, person.number
        arrived, passed, quoted = clouds.arrived(number), clouds.passed[number], clouds.quoted_back(number)
        known = {*arrived, *passed, *(line for text in quoted for line in text.split("\n"))}
        to_agent, to_bot = (self._of_user(person, seen) for seen in (arrived, passed))
        to_user = violations(person.said, clouds.shown[number])
        return Violations(
            lost=tuple(text for text in person.typed if text not in known and text not in person.unconfirmed)
            + to_user.lost,
            repeated=to_agent.repeated + to_bot.repeated + to_user.repeated,
            out_of_order=to_agent.out_of_order + to_bot.out_of_order + to_user.out_of_order,
        )

    def _of_user(self, person: Person, seen: Sequence[str]) -> Violations:
        """A hook that was not acknowledged may arrive later than the next one, which was sent without knowing."""
        doubtful = person.unconfirmed
        found = violations(person.typed, seen, unconfirmed=doubtful)
        sure = violations(person.typed, [text for text in seen if text not in doubtful], unconfirmed=doubtful)
        return replace(found, out_of_order=sure.out_of_order)

    def messages(self) -> int:
        """How many were sent in both directions."""
        return sum(len(one.typed) + len(one.said) for one in self.people)

    def ended(self) -> int:
        """How many are with no agent any more."""
        return sum(one.with_agent and one.number in self._clouds.given_back for one in self.people)

    def forget(self) -> None:
        """Begin new histories."""
        for one in self.people:
            one.typed.clear()
            one.said.clear()
            one.unconfirmed.clear()
        self._clouds.forget()


def _user(number: int) -> User:
    return User(id=user_id(number), email=email_of(number))
