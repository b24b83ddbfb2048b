"""What the user is shown more than once is exactly what is counted: message by message, by the request ids of the calls.

Each test plays one fault and then compares what the platform was sent and showed with the metric, and with the log, which names
each message that was counted.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from botkit.testing.waiting import until
from tests.faults.history import Violations, violations
from tests.faults.proxy import Proxy, running_proxy
from tests.faults.services import Process, configuration
from tests.faults.stage import Stage, Talk
from tests.postgresql import Server

SHOWS = "sendUserMessage"
PEOPLE = 3
_COUNTED = re.compile(r"botkit-[\w.+-]+")
_HOW_OFTEN = re.compile(r"count\W+(\d+)")


@dataclass
class House:
    """A service and its users, on one of the stores."""

    stage: Stage
    service: Process
    log: Path
    talks: list[Talk] = field(default_factory=list)
    counted: float = 0.0
    """By the processes that are gone."""

    def everybody_is_told(self, *words: str) -> None:
        for word in words:
            for talk in self.talks:
                talk.agent_says(f"{talk.email} {word}")

    def again(self, end: Callable[[], None]) -> None:
        """End the service, and start it again."""
        self.counted += self.service.metric("botkit_possible_duplicates_total")
        end()
        self.service.start()

    def stops(self) -> None:
        self.service.process.terminate()
        self.service.process.wait(60)

    def is_over(self) -> None:
        """Wait until everything was shown, and every call has ended."""
        self.stage.kore_recovers()
        self.everybody_is_told("at last")
        for talk in self.talks:
            until(partial(self._has_heard, talk), "until the last word is shown")
        until(lambda: not self.service.metric("botkit_outbox_depth"), "until nothing waits")
        self.stage.clouds.exchanges(SHOWS)

    def _has_heard(self, talk: Talk) -> bool:
        return talk.said[-1] in talk.shown()

    def faults_are_over(self) -> None:
        """Wait until every fault has happened as often as it should."""
        until(
            lambda: self.stage.clouds.do(lambda: not self.stage.clouds.kore.core.faults.rules),
            "until every fault has happened",
        )

    def comes_late(self) -> bool:
        """Whether everybody was shown something twice."""
        return all(len(talk.shown()) > len(talk.said) for talk in self.talks)

    def has_heard_all(self) -> bool:
        """Whether everybody was shown the newest message."""
        return all(map(self._has_heard, self.talks))

    # --- the judgement

    def sent(self) -> Counter[str]:
        """How often each message was sent to the platform, by the request ids of the calls."""
        return Counter(self._message(call) for call in self._calls())

    def shown_again(self) -> Counter[str]:
        """How often each message was shown too often."""
        of_text = {self._text(call): self._message(call) for call in self._calls()}
        shown = Counter(text for talk in self.talks for text in [*talk.shown(), *talk.told()])
        return +Counter({of_text[text]: times - 1 for text, times in shown.items() if "ada." in text})

    def counts(self) -> Counter[str]:
        """How often each message was counted, according to the log."""
        found: Counter[str] = Counter()
        for line in self.log.read_text().splitlines():
            if "possible_duplicate" in line and (named := _COUNTED.search(line)):
                often = _HOW_OFTEN.search(line)
                assert often is not None
                found[named[0]] += int(often[1])
        return found

    def judge(self) -> Counter[str]:
        """Nothing is lost or misplaced, and what was shown again was counted. Returns what was shown again."""
        for talk in self.talks:
            found = violations(talk.said, talk.shown())
            assert found == Violations(repeated=found.repeated)
        metric = self.counted + self.service.metric("botkit_possible_duplicates_total")
        # Lines of the log come together for a moment before they are written.
        until(lambda: self.counts().total() >= metric, "until the log says what was counted")
        again, counts, sent = self.shown_again(), self.counts(), self.sent()
        assert again <= counts
        assert metric == counts.total()
        for message in again:
            assert counts[message] < sent[message]
        return again

    def has_repeated_nothing(self) -> None:
        """Everything is over, was shown once, and nothing was counted."""
        self.is_over()
        assert not self.judge()
        assert not self.counts()

    def _calls(self) -> list[Any]:
        return self.stage.requests(SHOWS, target="kore")

    def _message(self, call: Any) -> str:
        headers = {name.lower(): value for name, value in call.request_headers.items()}
        return str(headers["x-request-id"])

    def _text(self, call: Any) -> str:
        body = json.loads(call.request_body) if call.request_body else {}
        return str(body.get("message"))


Open = Callable[..., House]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def house(request: pytest.FixtureRequest, stage: Stage, postgresql: Server, tmp_path: Path) -> Iterator[Open]:
    """Opens a service in which some users talk to agents: `house(timeout="1s")`."""
    with _house(stage, postgresql.empty() if request.param == "postgresql" else "", tmp_path) as opens:
        yield opens


@contextmanager
def _house(stage: Stage, store: str, folder: Path) -> Iterator[Open]:
    running: list[Process] = []

    def opens(*, timeout: str = "1s", people: int = PEOPLE, kore_url: str = "") -> House:
        path = configuration(folder, stage, changes={"kore": {"timeout": timeout}})
        if store:
            path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"store": {"url": store}}))
        service = Process(path, stage)
        running.append(service)
        service.__enter__()
        house = House(stage, service, folder / "serve.log")
        for _ in range(people):
            talk = stage.new_user()
            talk.talks()
            house.talks.append(talk)
        return house

    try:
        yield opens
    finally:
        stage.kore_recovers()
        for service in running:
            service.__exit__()


# --- the platform is slow -----------------------------------------------------------------------------------------------


def test_a_platform_that_is_slower_than_the_time_limit_shows_everything_once(
    stage: Stage, house: Open
) -> None:
    slow = house()
    stage.kore_fails(delay_ms=1_300, path=SHOWS)
    slow.everybody_is_told("slowly")
    until(slow.has_heard_all, "until it is shown")
    slow.has_repeated_nothing()


@pytest.mark.slow
def test_a_platform_that_is_much_slower_shows_a_message_as_often_as_that_is_counted(
    stage: Stage, house: Open
) -> None:
    slow = house()
    stage.kore_fails(delay_ms=3_600, path=SHOWS)
    slow.everybody_is_told("very slowly")
    until(slow.has_heard_all, "until it is shown")
    slow.is_over()
    until(slow.comes_late, "until the second attempts are through")
    again = slow.judge()
    assert again == slow.counts()
    assert max(again.values()) == 1


@pytest.fixture
def dripping(stage: Stage) -> Iterator[Proxy]:
    """The link to the platform, through which its answers come byte by byte."""
    direct = stage.clouds.kore.base_url
    with running_proxy(direct) as link:
        stage.clouds.kore.base_url = link.url
        yield link
        link.calm()
        stage.clouds.kore.base_url = direct


@pytest.mark.slow
def test_a_platform_whose_answers_drip_in_within_the_time_limit_shows_everything_once(
    stage: Stage, dripping: Proxy, house: Open
) -> None:
    drips = house(timeout="15s")
    dripping.slice_bytes, dripping.drip_seconds = 1, 0.002
    drips.everybody_is_told("drop by drop", "and on")
    drips.is_over()
    assert dripping.injected
    assert set(drips.sent().values()) == {1}
    assert not drips.judge()


@pytest.mark.slow
def test_a_platform_whose_answers_drip_for_longer_shows_a_message_as_often_as_that_is_counted(
    stage: Stage, dripping: Proxy, house: Open
) -> None:
    """Its history drips too, so nobody can tell whether a message has arrived."""
    drips = house()
    dripping.slice_bytes, dripping.drip_seconds = 1, 0.01
    drips.everybody_is_told("drop by drop")
    until(drips.comes_late, "until it is shown again")
    dripping.calm()
    drips.is_over()
    assert drips.judge()


# --- answers do not arrive --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["drop_response", "refuse"])
def test_messages_whose_first_call_breaks_are_shown_once(stage: Stage, house: Open, fault: str) -> None:
    """They have arrived, or have not."""
    cut = house()
    stage.kore_fails(path=SHOWS, count=2 * PEOPLE, **{fault: True})
    cut.everybody_is_told("one", "two", "three")
    cut.faults_are_over()
    cut.has_repeated_nothing()


@pytest.mark.slow
def test_without_the_history_every_repetition_is_counted(stage: Stage, house: Open) -> None:
    blind = house()
    core = stage.clouds.kore.core
    core.settings = replace(core.settings, history_scope=False)
    stage.kore_fails(drop_response=True, path=SHOWS, count=2 * PEOPLE)
    blind.everybody_is_told("one", "two")
    blind.faults_are_over()
    blind.is_over()
    again = blind.judge()
    assert again.total() == 2 * PEOPLE
    assert again == blind.counts()


@pytest.mark.slow
def test_the_same_words_twice_are_both_shown(stage: Stage, house: Open) -> None:
    echo = house(people=1)
    (talk,) = echo.talks
    talk.agents("agent_says", "Jane Doe", "ada. yes")
    until(lambda: talk.shown() == ["ada. yes"], "until the first is shown")
    stage.kore_fails(drop_response=True, path=SHOWS, count=1)
    talk.agents("agent_says", "Jane Doe", "ada. yes")
    until(lambda: echo.counts().total() == 1, "until the second is sent again")
    echo.is_over()
    assert talk.shown() == ["ada. yes"] * 3 + [talk.said[-1]]


# --- the service dies or stops --------------------------------------------------------------------------------------------------


def test_a_service_that_is_killed_again_and_again_shows_everything_once(stage: Stage, house: Open) -> None:
    killed = house(timeout="15s")
    for number in range(3):
        stage.kore_fails(delay_ms=150 * number, path=SHOWS)
        killed.everybody_is_told(f"before {number}", f"just before {number}")
        killed.again(killed.service.kill)
        killed.everybody_is_told(f"after {number}")
    killed.has_repeated_nothing()


@pytest.mark.slow
def test_what_a_stop_has_cut_off_is_not_shown_again_when_it_appears_late(stage: Stage, house: Open) -> None:
    stopped = house(timeout="15s")
    stage.kore_fails(delay_ms=7_000, path=SHOWS, count=PEOPLE)
    stopped.everybody_is_told("cut off", "behind it")
    stopped.faults_are_over()
    stopped.again(stopped.stops)
    stopped.has_repeated_nothing()


@pytest.mark.slow
def test_what_waits_for_its_repetition_when_the_service_stops_is_shown_once(
    stage: Stage, house: Open
) -> None:
    stopped = house()
    stage.kore_fails(drop_response=True, path=SHOWS, count=PEOPLE)
    stopped.everybody_is_told("without an answer")
    until(stopped.has_heard_all, "until it is shown")
    stopped.again(stopped.stops)
    stopped.has_repeated_nothing()
