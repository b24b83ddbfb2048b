"""Sequence numbers of requests."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from botkit.agents.live_chat.chat import FAR_AHEAD, Sequence


def begun() -> Sequence:
    sequence = Sequence()
    sequence.begin()
    return sequence


def test_the_first_number_is_1_and_each_new_request_has_the_next() -> None:
    sequence = begun()
    numbers = []
    for key in "abc":
        numbers.append(sequence.number(key))
        sequence.accepted()
    assert numbers == [1, 2, 3]


def test_a_repeated_request_keeps_its_number() -> None:
    sequence = begun()
    first = sequence.number("a")
    sequence.unsure()
    assert sequence.number("a") == first


def test_a_new_request_after_one_that_may_have_arrived_takes_the_number_after_it() -> None:
    sequence = begun()
    sequence.number("a")
    sequence.unsure()
    assert sequence.number("b") == 2


def test_a_refused_number_is_followed_by_the_one_the_server_wants() -> None:
    sequence = begun()
    sequence.number("a")
    sequence.unsure()
    sequence.number("b")
    assert not sequence.refused(0)
    assert sequence.number("b") == 1


def test_a_repeated_request_that_the_server_had_is_done() -> None:
    sequence = begun()
    sequence.number("a")
    sequence.unsure()
    assert sequence.refused(1)
    assert sequence.number("b") == 2


def test_without_the_servers_number_the_header_is_left_out() -> None:
    sequence = begun()
    sequence.number("a")
    assert not sequence.refused(None)
    assert sequence.number("a") is None


def test_after_a_restart_the_first_guess_cannot_be_an_old_number() -> None:
    sequence = Sequence()
    assert sequence.number("a") == FAR_AHEAD
    assert not sequence.refused(7)
    assert sequence.number("a") == 8


@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from(["ok", "lost-before", "lost-after"])), max_size=40),
    st.booleans(),
)
def test_a_checking_server_takes_every_message_exactly_once(
    steps: list[tuple[bool, str]], restarted: bool
) -> None:
    """A request is repeated until it gets an answer, or given up after its first failure."""
    last, taken = 5 if restarted else 0, []
    sequence = Sequence() if restarted else begun()

    def ask(key: str, fate: str) -> str:
        nonlocal last
        number = sequence.number(key)
        assert number is not None
        if fate == "lost-before":
            return "lost"
        if number == last + 1:
            last = number
            taken.append(key)
        elif number != last:
            return "409"
        return "lost" if fate == "lost-after" else "ok"

    settled = []
    for n, (patient, fate) in enumerate(steps):
        key = f"m{n}"
        for attempt in range(6):
            outcome = ask(key, fate if attempt == 0 else "ok")
            if outcome == "409":
                if sequence.refused(last):
                    settled.append(key)
                    break
                continue
            if outcome == "ok":
                sequence.accepted()
                settled.append(key)
                break
            sequence.unsure()
            if not patient:
                break
    assert len(set(taken)) == len(taken)
    assert [key for key in taken if key in settled] == settled
