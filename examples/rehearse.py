# Run it: .venv/bin/python examples/rehearse.py plain [PORT]     or flask_factory, existing_wsgi, webhook_node, alert
"""Runs an example between the two emulated clouds, without any account.

A user, and in some examples an agent, exchange a few messages. Then it prints what the user and the agent saw, and what the bot
received. The clouds listen on PORT (8001) and the next port, the example on the port after.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from os import environ
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests

from botkit.testing.actors import Case, Person
from botkit.testing.clouds import Clouds
from botkit.testing.stage import Stage
from botkit.testing.waiting import until

ROOT = Path(__file__).parents[1]
START_SECONDS = 40.0
JANE = "Jane Doe"


# --- the conversations -------------------------------------------------------------------------------------------------


def plain(stage: Stage, url: str) -> None:
    ada = stage.person()
    ada.says("Are you open on Sunday?")
    ada.hears("We are open from 9 to 5")
    ada.says("👋")
    ada.hears("I am a robot")
    jane = ada.is_helped_by(JANE, "I want to complain")
    jane.told_by(JANE, "What can I do for you, Ada?")
    ada.hears("What can I do for you")
    ada.says("Be open on Sundays.")
    jane.gets("Be open on Sundays.")
    ada.says("goodbye")
    ada.hears("has ended")
    show(stage, ada, jane)


def flask_factory(stage: Stage, url: str) -> None:
    ada = stage.person()
    ada.says("When are you open?")
    ada.hears("We are open from 9 to 5")
    ada.says("how are you")
    ada.hears("Thank you for asking Acme")
    show(stage, ada)
    print(f"Its own page: {requests.get(url, timeout=10).text.strip()}")


def existing_wsgi(stage: Stage, url: str) -> None:
    ada = stage.person()
    ada.says("I need a cap or a hat")
    ada.hears("We have 3 hats left.")
    ada.says("thanks")
    ada.hears("glad to help")
    show(stage, ada)
    print("The shop's own page:", *requests.get(url, timeout=10).text.split("\n"), sep="\n  ")


def webhook_node(stage: Stage, url: str) -> None:
    ada = stage.person()
    ada.reaches_webhook("OpeningHours", "We are open {{context.openingHours}}.")
    ada.hears("We are open from 9 to 5.")
    ada.reaches_webhook("BookRepair", "Our technician will come {{context.visit}}.")
    ada.hears("Our technician will come on Tuesday at 10.")
    show(stage, ada)


def alert(stage: Stage, url: str) -> None:
    ada, by_sms = stage.person(), stage.person(channel="sms")
    for person in (ada, by_sms):
        person.is_alerted("An offer: two hats for the price of one.")
        person.says("Tell me when my parcel is here")
        person.is_alerted("We move house on Monday.")
        person.hears("We move house")
    ada.hears("Your parcel is here.")
    by_sms.hears("Your parcel is here. Answer SHOW or NO.")
    show(stage, ada)
    print("By SMS:", *window(by_sms), sep="\n")


@dataclass(frozen=True)
class Example:
    """The conversation, and the command that starts the example; it listens on ``{port}``."""

    play: Callable[[Stage, str], None]
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
    with closing(Clouds(port=first)) as clouds, running(example, clouds, first + 2) as url:
        example.play(Stage(clouds), url)


@contextmanager
def running(example: Example, clouds: Clouds, port: int) -> Iterator[str]:
    """Start the example as a process with a new store. Yields its URL."""
    with TemporaryDirectory(prefix="botkit-example-") as folder, Path(folder, "output").open("w+") as output:
        process = subprocess.Popen(  # noqa: S603 - the table above
            [sys.executable, *(part.format(port=port) for part in example.command)],
            cwd=ROOT,
            env={
                **environ,
                "PORT": str(port),
                "STORE": f"{folder}/botkit.db",
                "SALESFORCE_URL": clouds.salesforce.base_url,
            },
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        url = f"http://127.0.0.1:{port}/"
        try:
            until(
                lambda: answers(url) or process.poll() is not None,
                "for the example to answer",
                seconds=START_SECONDS,
            )
            yield url
        except BaseException:
            output.seek(0)
            print("The output of the example:", output.read(), sep="\n", file=sys.stderr)
            raise
        finally:
            process.terminate()
            process.wait(START_SECONDS)


def answers(url: str) -> bool:
    try:
        requests.get(url, timeout=5)
    except (requests.ConnectionError, requests.Timeout):
        return False
    return True


# --- what is printed ---------------------------------------------------------------------------------------------------


def show(stage: Stage, ada: Person, jane: Case | None = None) -> None:
    print("Ada saw:", *window(ada), sep="\n")
    if jane is not None:
        print("Jane saw:", *console(jane), sep="\n")
    bodies = [json.loads(entry.request_body) for entry in stage.wire("sendBotMessage")]
    print("The bot got:", *(body["message"] for body in bodies), sep="\n" + " " * 16)


def window(person: Person) -> list[str]:
    """The user's chat window, line by line."""
    return [
        f"{message.name or message.speaker:>14}  {message.text}{buttons(message.template)}"
        for message in person.messages()
    ]


def console(case: Case) -> list[str]:
    """The agent's console, line by line: first the user's attributes."""
    attributes = [f"{name:>14}: {value}" for name, value in sorted(case.attributes().items())]
    entries = [entry for entry in case.transcript() if entry.get("text")]
    return [*attributes, *(f"{entry.get('name') or entry['role']:>14}  {entry['text']}" for entry in entries)]


def buttons(template: Mapping[str, Any] | None) -> str:
    return "".join(f" [{button['title']}]" for button in (template or {}).get("buttons", ()))


if __name__ == "__main__":
    main(*sys.argv[1:])
