# Run it: .venv/bin/python examples/rehearse.py plain [PORT]     or flask_factory, existing_wsgi, webhook_node, alert
"""An example at work without any account: started as its first lines say, between the two emulated clouds.

A user, and where it comes to that an agent, say a few lines to each other. What each of them saw is printed, and what the bot
got. The clouds listen on PORT (8001) and the next, the example on the one after.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from os import environ
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests

from botkit_sandbox.rehearsal import MIAW, Clouds
from botkit_sandbox.server import running_sandbox

ROOT = Path(__file__).parents[1]
LOCK_TIMEOUT_SECONDS = 40.0


class NotAsExpected(Exception):
    """Something did not happen in time."""


@dataclass
class Person:
    """A user of the bot, in front of a chat window."""

    clouds: Clouds
    channel: str = "rtm"
    id: str = field(init=False)

    def __post_init__(self) -> None:
        self.id = self.clouds.post("kore/users", name="Ada Lovelace", channel=self.channel)["id"]

    def says(self, text: str) -> None:
        self.meets("say", text=text)

    def meets(self, what: str, **more: str) -> None:
        """Something happens to this user: see docs/sandbox-kore.md, Control API."""
        self.clouds.post(f"kore/users/{self.id}/{what}", **more)

    def hears(self, part: str) -> None:
        _until(f"Ada hears {part!r}", lambda: any(part in line for line in self.chat()))

    def chat(self) -> list[str]:
        """Her window, line by line."""
        return [
            f"{message['name'] or message['from']:>14}  {message['text']}{_buttons(message['template'])}"
            for message in self.clouds.user(self.id)["messages"]
        ]


@dataclass
class Agent:
    """Jane, at her console, with the conversation that came in for her."""

    clouds: Clouds
    conversation: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        (self.conversation,) = _until("the agents are asked", lambda: self.clouds.conversations(MIAW))
        self._does("accept")

    def says(self, text: str) -> None:
        self._does("say", text=text)

    def chat(self) -> list[str]:
        """Her console, line by line; first what she is told of the user."""
        (seen,) = self.clouds.conversations(MIAW)
        told = [f"{name:>14}: {value}" for name, value in sorted(seen["attributes"].items())]
        said = [entry for entry in seen["transcript"] if entry.get("text")]
        return [*told, *(f"{entry.get('name') or entry['role']:>14}  {entry['text']}" for entry in said)]

    def _does(self, what: str, **more: str) -> None:
        jane = self.clouds.agents(MIAW)["Jane Doe"]
        self.clouds.post(f"salesforce/conversations/{self.conversation['id']}/{what}", agent=jane, **more)


# --- what is played ----------------------------------------------------------------------------------------------------


def plain(clouds: Clouds, url: str) -> None:
    ada = Person(clouds)
    ada.says("Are you open on Sunday?")
    ada.hears("We are open from 9 to 5")
    ada.says("👋")
    ada.hears("I am a robot")
    ada.says("I want to complain")
    jane = Agent(clouds)
    ada.hears("Jane Doe has joined")
    jane.says("What can I do for you, Ada?")
    ada.hears("What can I do for you")
    ada.says("Be open on Sundays.")
    _until("Jane hears Ada", lambda: any("Be open on Sundays." in line for line in jane.chat()))
    ada.says("goodbye")
    ada.hears("has ended")
    _show(clouds, ada, jane)


def flask_factory(clouds: Clouds, url: str) -> None:
    ada = Person(clouds)
    ada.says("When are you open?")
    ada.hears("We are open from 9 to 5")
    ada.says("how are you")
    ada.hears("Thank you for asking Acme")
    _show(clouds, ada)
    print(f"Its own page: {requests.get(url, timeout=10).text.strip()}")


def existing_wsgi(clouds: Clouds, url: str) -> None:
    ada = Person(clouds)
    ada.says("I need a cap or a hat")
    ada.hears("We have 3 hats left.")
    ada.says("thanks")
    ada.hears("glad to help")
    _show(clouds, ada)
    print("The shop's own page:", *requests.get(url, timeout=10).text.split("\n"), sep="\n  ")


def webhook_node(clouds: Clouds, url: str) -> None:
    ada = Person(clouds)
    ada.meets("webhook", component="OpeningHours", then="We are open {{context.openingHours}}.")
    ada.hears("We are open from 9 to 5.")
    ada.meets("webhook", component="BookRepair", then="Our technician will come {{context.visit}}.")
    ada.hears("Our technician will come on Tuesday at 10.")
    _show(clouds, ada)


def alert(clouds: Clouds, url: str) -> None:
    ada, by_sms = Person(clouds), Person(clouds, channel="sms")
    for person in (ada, by_sms):
        person.meets("alert", text="An offer: two hats for the price of one.")
        person.says("Tell me when my parcel is here")
        person.meets("alert", text="We move house on Monday.")
        person.hears("We move house")
    ada.hears("Your parcel is here. [Show me] [Not now]")
    by_sms.hears("Your parcel is here. Answer SHOW or NO.")
    _show(clouds, ada)
    print("By SMS:", *by_sms.chat(), sep="\n")


@dataclass(frozen=True)
class Example:
    """What is played, and how the example is started: ``{port}`` is where it listens."""

    play: Callable[[Clouds, str], None]
    command: Sequence[str]


EXAMPLES = {
    "plain": Example(plain, ["examples/plain.py"]),
    "flask_factory": Example(
        flask_factory, ["-m", "flask", "--app", "examples/flask_factory", "run", "--port", "{port}"]
    ),
    "existing_wsgi": Example(existing_wsgi, ["examples/existing_wsgi.py"]),
    "webhook_node": Example(webhook_node, ["examples/webhook_node.py"]),
    "alert": Example(alert, ["examples/alert.py"]),
}


def main(name: str = "", port: str = "8001") -> None:
    if name not in EXAMPLES:
        sys.exit(f"which example? {', '.join(EXAMPLES)}")
    example = EXAMPLES[name]
    first = int(port)
    with running_sandbox(port=first) as addresses, _running(example, addresses, first + 2) as url:
        example.play(Clouds(addresses["kore_url"]), url)


@contextmanager
def _running(example: Example, addresses: Mapping[str, str], port: int) -> Iterator[str]:
    """The example as a process of its own, with a new store. Yields where it is."""
    with TemporaryDirectory(prefix="botkit-example-") as folder, Path(folder, "said").open("w+") as said:
        process = subprocess.Popen(  # noqa: S603 - the table above
            [sys.executable, *(part.format(port=port) for part in example.command)],
            cwd=ROOT,
            env={
                **environ,
                "PORT": str(port),
                "STORE": f"{folder}/botkit.db",
                "SALESFORCE_URL": addresses["salesforce_url"],
            },
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        url = f"http://127.0.0.1:{port}/"
        try:
            _until("the example answers", lambda: _answers(url) or process.poll() is not None)
            yield url
        except BaseException:
            said.seek(0)
            print("The example itself said:", said.read(), sep="\n", file=sys.stderr)
            raise
        finally:
            process.terminate()
            process.wait(LOCK_TIMEOUT_SECONDS)


def _answers(url: str) -> bool:
    try:
        requests.get(url, timeout=5)
    except (requests.ConnectionError, requests.Timeout):
        return False
    return True


def _show(clouds: Clouds, ada: Person, jane: Agent | None = None) -> None:
    print("Ada saw:", *ada.chat(), sep="\n")
    if jane is not None:
        print("Jane saw:", *jane.chat(), sep="\n")
    given = [one["id"] for one in clouds.get("state")["wire"] if one["label"] == "sendBotMessage"]
    bodies = [json.loads(clouds.get(f"wire/{number}")["request_body"]) for number in given]
    print("The bot got:", *(body["message"] for body in bodies), sep="\n" + " " * 16)


def _buttons(template: Mapping[str, Any] | None) -> str:
    return "".join(f" [{button['title']}]" for button in (template or {}).get("buttons", ()))


def _until(what: str, seen: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + LOCK_TIMEOUT_SECONDS
    while not (found := seen()):
        if time.monotonic() > deadline:
            raise NotAsExpected(f"waited {LOCK_TIMEOUT_SECONDS:.0f} s in vain until {what}")
        time.sleep(0.05)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
