"""The agenda: who needs a look now, without asking everybody."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from botkit.relay.inbound.agenda import Agenda


@dataclass(eq=False)
class Connection:
    calm_until: float = 0.0
    listed_at: float = float("inf")


@pytest.fixture
def agenda() -> Agenda[Connection]:
    return Agenda()


def test_nobody_needs_a_look_who_has_not_asked_for_one(agenda: Agenda[Connection]) -> None:
    assert agenda.due(1e9) == []


def test_each_is_due_from_its_time_on_and_once(agenda: Agenda[Connection]) -> None:
    early, late = Connection(), Connection()
    agenda.look_at(late, 20)
    agenda.look_at(early, 10)
    assert agenda.due(9.9) == []
    assert agenda.due(10) == [early]
    assert agenda.due(19.9) == []
    assert agenda.due(30) == [late]
    assert agenda.due(1e9) == []


def test_who_is_calm_for_longer_than_it_said_is_due_later(agenda: Agenda[Connection]) -> None:
    connection = Connection()
    agenda.look_at(connection, 10)
    connection.calm_until = 40
    assert agenda.due(10) == []
    assert agenda.due(39) == []
    assert agenda.due(40) == [connection]


def test_an_earlier_look_counts_and_the_later_one_is_forgotten(agenda: Agenda[Connection]) -> None:
    connection = Connection()
    agenda.look_at(connection, 10)
    agenda.look_at(connection, 0)
    assert agenda.due(1) == [connection]
    assert agenda.due(10) == []


def test_who_asks_again_and_again_is_due_once(agenda: Agenda[Connection]) -> None:
    connection = Connection()
    for _ in range(3):
        agenda.look_at(connection, 0)
    assert agenda.due(1) == [connection]
    agenda.look_at(connection, 0)
    assert agenda.due(2) == [connection]
