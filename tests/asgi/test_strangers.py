"""Which connections go when there are too many."""

from __future__ import annotations

import pytest

from botkit.asgi.strangers import Strangers, network_of


def test_the_oldest_goes_first() -> None:
    strangers: Strangers[str] = Strangers()
    for name in ("first", "second", "third"):
        strangers.add(name, "192.0.2.1")
    assert strangers.oldest() == "first"
    strangers.remove("first")
    assert strangers.oldest() == "second"
    assert "first" not in strangers


def test_each_address_has_its_own_number_and_its_own_oldest() -> None:
    strangers: Strangers[str] = Strangers()
    assert strangers.add("a1", "192.0.2.1") == 1
    assert strangers.add("b1", "192.0.2.2") == 1
    assert strangers.add("b2", "192.0.2.2") == 2
    assert strangers.oldest_beside("b2") == "b1"
    strangers.remove("b1")
    assert strangers.add("b3", "192.0.2.2") == 2
    assert strangers.oldest_beside("b3") == "b2"


def test_nobody_is_left_of_an_address_without_connections() -> None:
    strangers: Strangers[str] = Strangers()
    for number in range(1_000):
        strangers.add("one", f"192.0.2.{number}")
        strangers.remove("one")
        strangers.remove("one")
    assert strangers.oldest() is None
    assert strangers._of == {}


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("", ""),
        ("a:socket", "a:socket"),
    ],
)
def test_an_ipv6_network_counts_as_one_address(address: str, network: str) -> None:
    assert network_of(address) == network
