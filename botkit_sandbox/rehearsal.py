"""A scripted hand-off from beginning to end, without a browser. Both transcripts are compared line by line.

It uses only the control API of the sandbox (actions and views of a user and an agent) and the sample bot, so it works with any
middleware between the two clouds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import zip_longest
from typing import Any

import requests

DEADLINE_SECONDS = 20.0
END_WORD = "endagentchat"
PRE_CHAT = {"Pincode": "500081", "City": "Hyderabad", "Country": "India"}
USER, BOT, JANE, OMAR, NOTICE = "Ada Lovelace", "Acme Assistant", "Jane Doe", "Omar Haddad", "botkit"


class Mismatch(Exception):
    """A user or an agent did not see what was expected."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a transcript: the speaker and the text."""

    who: str
    text: str

    def __str__(self) -> str:
        return f"{self.who:>12}  {self.text}"


_GREETING = (
    Line(USER, "hi"),
    Line(BOT, "Hello Ada! I am the Acme Assistant."),
    Line(BOT, 'Ask me for your order status, or say "talk to an agent" to reach a person.'),
)
_BEFORE_THE_HANDOFF = (
    *_GREETING,
    Line(USER, "talk to an agent"),
    Line(BOT, "I am handing you over to one of my human colleagues."),
)
_EXPECTED_BY_USER = (
    *_BEFORE_THE_HANDOFF,
    Line(NOTICE, "looking for an agent"),
    Line(NOTICE, END_WORD),
    Line(USER, "Is anybody there?"),
    Line(NOTICE, JANE),
    Line(USER, "User's message 1"),
    Line(JANE, "Agent's message 1"),
    Line(USER, "User's message 2"),
    Line(JANE, "Agent's message 2"),
    Line(USER, "User's message 3"),
    Line(JANE, "Agent's message 3"),
    Line(NOTICE, JANE),
    Line(NOTICE, OMAR),
    Line(OMAR, "Omar here, I took over."),
    Line(USER, END_WORD),
    Line(NOTICE, "has ended"),
    *_GREETING,
)
"""The expected chat of the user. A notice must only contain the text."""
PLACE = Line(NOTICE, "position in the queue: 1")
_EXPECTED_BY_AGENTS = (
    Line("User", "Is anybody there?"),
    Line("User", "User's message 1"),
    Line(JANE, "Agent's message 1"),
    Line("User", "User's message 2"),
    Line(JANE, "Agent's message 2"),
    Line("User", "User's message 3"),
    Line(JANE, "Agent's message 3"),
    Line(OMAR, "Omar here, I took over."),
)
"""The expected lines of people in the agents' console, after the transcript."""


@dataclass(frozen=True, slots=True)
class Desk:
    """An agent system: its name in the control API, and its differences from MIAW.

    Attributes:
        name: in the paths of the control API.
        takes_text_early: whether agents get messages that were written before one of them accepted.
        tells_places: whether users are told their place in the queue.
    """

    name: str
    takes_text_early: bool = True
    tells_places: bool = False


MIAW = Desk("salesforce")
LIVE_CHAT = Desk("live-chat", takes_text_early=False, tells_places=True)


@dataclass(slots=True)
class Clouds:
    """The sandbox, through its control API."""

    url: str
    http: requests.Session = field(default_factory=requests.Session)

    def get(self, path: str) -> Any:
        """GET a path of the control API."""
        answer = self.http.get(f"{self.url}/sandbox/{path}", timeout=10)
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, **body: Any) -> Any:
        """POST an action of a user or an agent."""
        answer = self.http.post(f"{self.url}/sandbox/{path}", json=body, timeout=10)
        if not answer.ok:
            raise Mismatch(f"The sandbox refused {path}: HTTP {answer.status_code} {answer.text[:300]}")
        return answer.json() if answer.content else None

    def user(self, user_id: str) -> Mapping[str, Any]:
        """One user of the bot, with the chat."""
        users = self.get("kore/state")["users"]
        return next(user for user in users if user["id"] == user_id)

    def conversations(self, desk: Desk) -> list[Mapping[str, Any]]:
        """The conversations in the agents' console."""
        return list(self.get(f"{desk.name}/state")["conversations"])

    def agents(self, desk: Desk) -> Mapping[str, str]:
        """Agent name → agent id."""
        return {agent["name"]: agent["id"] for agent in self.get(f"{desk.name}/state")["agents"]}

    def break_miaw(self) -> None:
        """Let MIAW answer every request with 503."""
        answer = self.http.put(
            f"{self.url}/sandbox/salesforce/faults", json={"kind": "status", "status": 503}, timeout=10
        )
        answer.raise_for_status()


@dataclass(slots=True)
class Rehearsal:
    """One scripted hand-off.

    Attributes:
        clouds: the running sandbox.
        between: called in the middle, for example to kill the service.
        desk: the agent system that should get the hand-off.
        channel: the channel of the user.
    """

    clouds: Clouds
    between: Callable[[], None] | None = None
    desk: Desk = MIAW
    channel: str = "rtm"
    user_id: str = ""
    conversation_id: str = ""

    def play(self) -> None:
        """Play the hand-off. Raises Mismatch at the first deviation."""
        agents = self.clouds.agents(self.desk)
        jane, omar = agents["Jane Doe"], agents["Omar Haddad"]
        before = {one["id"] for one in self.clouds.conversations(self.desk)}

        user = self.clouds.post(
            "kore/users", name="Ada Lovelace", email="ada@example.com", language="en", channel=self.channel
        )
        self.user_id = user["id"]
        self._user_says("hi")
        self._until("the bot greets", lambda: self._heard_from("bot") >= 2)
        self._user_says("talk to an agent")
        self.conversation_id = self._until(
            "a conversation reaches the agents",
            lambda: next(
                (one["id"] for one in self.clouds.conversations(self.desk) if one["id"] not in before), None
            ),
        )
        self._until("the user is told", lambda: self._was_told(END_WORD))
        if self.desk.tells_places:
            self._until("the user hears of the queue", lambda: self._was_told(PLACE.text))
        self._check_pre_chat()
        if self.desk.takes_text_early:
            self._until("the transcript arrives", lambda: self._agent_lines())
        self._user_says("Is anybody there?")
        if self.desk.takes_text_early:
            self._until("typed while waiting arrives", lambda: self._agent_got("Is anybody there?"))
        self._accept(jane)
        self._until("the user hears who joined", lambda: self._was_told("Jane Doe"))
        self._until("typed while waiting has arrived", lambda: self._agent_got("Is anybody there?"))
        self._check_story(self._agent_lines()[0].text)
        for number in (1, 2, 3):
            if number == 2 and self.between:
                self.between()
            self._user_says(f"User's message {number}")
            self._until(
                f"message {number} reaches the agent", partial(self._agent_got, f"User's message {number}")
            )
            self._agent_says(jane, f"Agent's message {number}")
            self._until(
                f"answer {number} reaches the user", partial(self._was_told, f"Agent's message {number}")
            )

        self._agent_does("transfer", agent=jane, to=omar)
        self._accept(omar)
        self._until("the user hears of the second agent", lambda: self._was_told("Omar Haddad"))
        self._agent_says(omar, "Omar here, I took over.")
        self._until("the second agent is heard", lambda: self._was_told("Omar here, I took over."))
        self._user_says(END_WORD)
        self._until("Salesforce's conversation is closed", lambda: self._status() in ("closed", "ended"))
        self._until("the platform takes the user back", lambda: not self._user()["agentMode"])
        answered = self._heard_from("bot")
        self._user_says("hi")
        self._until("the bot answers again", lambda: self._heard_from("bot") >= answered + 2)
        self._judge()

    # --- what both sides saw

    def user_transcript(self) -> list[Line]:
        """The user's chat window."""
        return [_user_line(message) for message in self._user()["messages"]]

    def agent_transcript(self) -> list[Line]:
        """The agent's console."""
        return self._agent_lines(everything=True)

    def _judge(self) -> None:
        """Compare both transcripts line by line: speakers, texts and order, without extra lines."""
        self._compare("the user's chat", self._expected_by_user(), self.user_transcript())
        self._compare("the agents' console", _EXPECTED_BY_AGENTS, self._people_at_the_desk())

    def _expected_by_user(self) -> list[Line]:
        lines = list(_EXPECTED_BY_USER)
        if self.desk.tells_places:
            lines.insert(lines.index(Line(NOTICE, END_WORD)) + 1, PLACE)
        if self.channel == "rtm":
            return lines
        # Only the web widget shows the speaker; on other channels an agent's message is plain text.
        return [Line(NOTICE, line.text) if line.who in (JANE, OMAR) else line for line in lines]

    def _compare(self, where: str, expected: Sequence[Line], seen: Sequence[Line]) -> None:
        for number, (wanted, line) in enumerate(zip_longest(expected, seen), start=1):
            right = wanted and line and line.who == wanted.who and _same(wanted, line)
            self._require(right, f"line {number} of {where} is {line}; expected {wanted}")

    def _check_story(self, story: str) -> None:
        """Check the conversation before the hand-off, which agents get as one message: every line with its speaker, in order."""
        expected = [f"{line.who}: {line.text}" for line in _BEFORE_THE_HANDOFF]
        self._require(
            story.splitlines()[1:] == expected, f"the agents got the transcript {story!r}, not {expected}"
        )

    def _check_pre_chat(self) -> None:
        attributes = self._conversation()["attributes"]
        wanted = {**PRE_CHAT, "_firstName": "Ada", "_lastName": "Lovelace", "_email": "ada@example.com"}
        missing = {name: value for name, value in wanted.items() if attributes.get(name) != value}
        self._require(not missing, f"the agents' side lacks the attributes {missing}; it has {attributes}")

    # --- doing

    def _user_says(self, text: str) -> None:
        self.clouds.post(f"kore/users/{self.user_id}/say", text=text)

    def _agent_says(self, agent: str, text: str) -> None:
        self._agent_does("say", agent=agent, text=text)

    def _agent_does(self, what: str, **body: Any) -> None:
        self.clouds.post(f"{self.desk.name}/conversations/{self.conversation_id}/{what}", **body)

    def _accept(self, agent: str) -> None:
        self._agent_does("accept", agent=agent)

    # --- seeing

    def _user(self) -> Mapping[str, Any]:
        return self.clouds.user(self.user_id)

    def _conversation(self) -> Mapping[str, Any]:
        return next(one for one in self.clouds.conversations(self.desk) if one["id"] == self.conversation_id)

    def _status(self) -> str:
        return str(self._conversation()["status"])

    def _heard_from(self, who: str) -> int:
        return sum(message["from"] == who for message in self._user()["messages"])

    def _was_told(self, part: str) -> bool:
        return any(
            part in str(message["text"]) for message in self._user()["messages"] if message["from"] != "user"
        )

    def _agent_lines(self, *, everything: bool = False) -> list[Line]:
        entries = [entry for entry in self._conversation()["transcript"] if entry.get("text")]
        return [
            Line(_agent_side_name(entry), str(entry["text"]))
            for entry in entries
            if everything or entry["role"] == "EndUser"
        ]

    def _people_at_the_desk(self) -> list[Line]:
        """The messages of people in the agents' console, without the transcript of the conversation before."""
        people = {"User", "Jane Doe", "Omar Haddad", "Mei Tanaka"}
        return [line for line in self.agent_transcript() if line.who in people][1:]

    def _agent_got(self, text: str) -> bool:
        return any(line.text == text for line in self._agent_lines())

    def _until(self, what: str, seen: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not (found := seen()):
            if time.monotonic() > deadline:
                raise Mismatch(f"Waited {DEADLINE_SECONDS:.0f} s in vain until {what}.")
            time.sleep(0.05)
        return found

    @staticmethod
    def _require(right: object, otherwise: str) -> None:
        if not right:
            raise Mismatch(otherwise)


def _same(wanted: Line, seen: Line) -> bool:
    """Texts of people and of the bot must be equal; the wording of a notice is up to BotKit."""
    return wanted.text in seen.text if wanted.who == NOTICE else wanted.text == seen.text


def _user_line(message: Mapping[str, Any]) -> Line:
    return Line(str(message.get("name") or message["from"]), str(message["text"]))


def _agent_side_name(entry: Mapping[str, Any]) -> str:
    return "User" if entry["role"] == "EndUser" else str(entry.get("name") or entry["role"])
