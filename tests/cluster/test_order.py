"""The order of each user's hooks over two doors: see `order`."""

from __future__ import annotations

import pytest

from tests.cluster.order import Order, own_hooks_handed_over_directly, play
from tests.postgresql import Server

pytestmark = pytest.mark.cluster

USERS, HOOKS = 200, 6_000


def test_hooks_are_decided_in_the_order_in_which_their_user_sent_them(postgresql: Server) -> None:
    found = play(postgresql.empty(), users=USERS, hooks=HOOKS)
    assert found == Order(HOOKS, out_of_order=0, missing=0, twice=0)


def test_a_door_that_hands_its_own_hooks_over_directly_is_found(postgresql: Server) -> None:
    rounds = (play(postgresql.empty(), users=USERS, hooks=HOOKS, seed=seed) for seed in range(20))
    with own_hooks_handed_over_directly():
        # Each has about five hooks out of order, and now and then none.
        assert any(found.out_of_order for found in rounds)


def test_hooks_stay_in_order_while_shards_move_between_processes(postgresql: Server) -> None:
    found = play(postgresql.empty(), users=USERS, hooks=HOOKS, guests=1)
    assert (found.out_of_order, found.missing) == (0, 0)
