"""The stage of the tests of faults: `botkit.testing`'s, with users who remember what they typed and what agents said."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import botkit.testing.stage
from botkit.testing.clouds import Clouds
from botkit.testing.waiting import until

JANE, OMAR = "Jane Doe", "Omar Haddad"
END_WORD = "endagentchat"
CLOSED = "Your conversation with the agent has ended."
UNREACHABLE = "our agents cannot be reached"
EXPIRED = "has timed out"


@dataclass
class Stage(botkit.testing.stage.Stage):
    """A pair of clouds, and users with a `Talk` each."""

    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1), kw_only=True)

    def kore_recovers(self) -> None:
        """End all faults at Kore."""
        self.clouds.do(self.clouds.kore.set_faults, [])

    def salesforce_recovers(self) -> None:
        """End all faults at MIAW."""
        self.clouds.do(self.clouds.salesforce.faults.clear)

    def requests(self, label: str, *, target: str = "salesforce") -> list[Any]:
        """Exchanges with this label, oldest first."""
        return [entry for entry in self.wire(label) if entry.target == target]

    def answers_to(self, text: str) -> list[int | None]:
        """The status of each on_user_message with this text; None: no answer."""
        return [
            hook.status
            for hook in self.requests("on_user_message", target="botkit")
            if json.dumps(text, ensure_ascii=False) in hook.request_body
            and json.loads(hook.request_body).get("message") == text
        ]

    def new_user(self, *, language: str = "en") -> Talk:
        """A user of the bot whom no other test knows."""
        number = next(self._numbers)
        email = f"ada.{number}.{id(self)}@example.com"
        user = self._user(name=f"Ada Lovelace{number}", email=email, language=language)
        return Talk(self, user.id, email)


@dataclass
class Talk:
    """One user of the bot, and the user's conversation with agents, if there is one."""

    stage: Stage
    user_id: str
    email: str
    conversation_id: str = ""
    typed: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    # --- doing

    def types(self, text: str) -> None:
        """The user sends a message. Returns when the hook is answered."""
        kore = self.stage.clouds.kore
        self.stage.clouds.do(lambda: kore.say(kore.user(self.user_id), text))
        self.typed.append(text)
        until(lambda: self.stage.answers_to(text), f"until the hook of {text!r} is answered")

    def acknowledged(self, text: str) -> bool:
        """Whether every hook with this text was answered with 200."""
        return set(self.stage.answers_to(text)) <= {200}

    def asks_for_an_agent(self) -> None:
        """Ask for an agent, and wait until the platform has posted the transfer. A refused hand-off may be over by then."""
        self.types("talk to an agent")
        self.typed.clear()
        until(self.transfers, "until the transfer is posted")

    def reaches_the_agents(self) -> None:
        """Wait until the agents have the conversation and its transcript."""
        self.conversation_id = until(self.found, "until a conversation reaches the agents")
        until(self.everything_from_the_user, "until the transcript arrives")

    def waits(self) -> None:
        self.asks_for_an_agent()
        self.reaches_the_agents()

    def talks(self) -> None:
        """Wait until an agent has accepted, and the user knows."""
        self.waits()
        self.accepted()

    def accepted(self, agent: str = JANE) -> None:
        self.agents("accept", agent)
        self.hears(f"{agent} has joined")

    def both_say_something(self) -> None:
        """Both sides say something, three times in turns, and hear it."""
        for number in range(3):
            self.types(f"typed {number}")
            self.agent_says(f"said {number}")
        self.both_sides_have_everything()

    def agents(self, what: str, *args: Any, **more: Any) -> Any:
        """Call an agent's action in the emulated MIAW."""
        method = getattr(self.stage.clouds.salesforce, what)
        return self.stage.clouds.do(lambda: method(self.conversation_id, *args, **more))

    def agent_says(self, text: str, agent: str = JANE) -> None:
        self.agents("agent_says", agent, text)
        self.said.append(text)

    # --- seeing

    @property
    def user(self) -> Any:
        kore = self.stage.clouds.kore
        return self.stage.clouds.do(lambda: kore.user_snapshot(kore.user(self.user_id)))

    def transfers(self) -> bool:
        """Whether the platform has posted a transfer of this user."""
        hooks = self.stage.requests("on_agent_transfer", target="botkit")
        return any(self.user_id in hook.request_body for hook in hooks)

    @property
    def agent_mode(self) -> bool:
        return bool(self.user["agentMode"])

    @property
    def conversation(self) -> Any:
        salesforce = self.stage.clouds.salesforce
        shown = self.stage.clouds.do(lambda: salesforce.state()["conversations"])
        return next(one for one in shown if one["id"] == self.conversation_id)

    @property
    def status(self) -> str:
        return str(self.conversation["status"])

    def shown(self) -> list[str]:
        """Agents' messages that the user saw, in order."""
        return [one["text"] for one in self.user["messages"] if one["from"] == "agent"]

    def told(self) -> list[str]:
        """BotKit's own messages that the user saw, in order."""
        return [one["text"] for one in self.user["messages"] if one["from"] == "botkit"]

    def arrived(self) -> list[str]:
        """The user's messages that the agents received, in order, without the transcript."""
        return self.everything_from_the_user()[1:]

    def hears(self, part: str, *, seconds: float | None = None) -> None:
        """Wait until BotKit has told the user this."""
        until(
            lambda: any(part in text for text in self.told()),
            f"until the user is told {part!r}",
            seconds=seconds,
        )

    def both_sides_have_everything(self, *, seconds: float | None = None) -> None:
        """Wait until all messages of both sides have arrived, each once and in order."""
        until(
            lambda: len(self.arrived()) >= len(self.typed),
            "until all that was typed arrives",
            seconds=seconds,
        )
        until(
            lambda: len(self.shown()) >= len(self.said), "until all that was said is shown", seconds=seconds
        )
        assert self.arrived() == self.typed
        assert self.shown() == self.said

    def last_words_have_arrived(self) -> None:
        """Wait until the newest message of each side has reached the other."""
        until(lambda: self.typed[-1] in self.arrived(), "until the last word arrives")
        until(lambda: self.said[-1] in self.shown(), "until the last word is shown")

    def is_the_bots_again(self, *, seconds: float | None = None) -> None:
        until(lambda: not self.agent_mode, "until the user is given back to the bot", seconds=seconds)

    def found(self) -> str:
        """The id of the user's conversation with agents; empty: there is none yet."""
        mine = self.stage.clouds.do(
            lambda: [
                one.id
                for one in self.stage.clouds.salesforce.conversations.values()
                if one.attributes.get("_email") == self.email and one.live
            ]
        )
        assert len(mine) < 2, "a second conversation was opened beside the first"
        return mine[0] if mine else ""

    def everything_from_the_user(self) -> list[str]:
        """The transcript, and the user's messages since."""
        return [entry["text"] for entry in self.conversation["transcript"] if entry["role"] == "EndUser"]


@contextmanager
def running_stage() -> Iterator[Stage]:
    clouds = Clouds()
    try:
        yield Stage(clouds)
    finally:
        clouds.close()
