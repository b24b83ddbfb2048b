"""The ledger as the relay's loop sees it: threads of its own for reads."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from botkit.errors import LedgerClosed
from tests.relay.relay_doubles import World


async def test_reads_do_not_wait_for_what_else_is_done_in_threads(world: World) -> None:
    busy = threading.Event()
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(1))
    page = loop.run_in_executor(None, busy.wait, 30)  # It has the only thread from here on.
    try:
        async with asyncio.timeout(10):
            assert await world.engine._ledger_client.read(lambda: "read") == "read"
        assert not page.done()
    finally:
        busy.set()
        await page


async def test_a_closed_client_reads_no_more(world: World) -> None:
    client = world.engine._ledger_client
    await client.close()
    with pytest.raises(LedgerClosed):
        await client.read(lambda: "read")
