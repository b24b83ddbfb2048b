"""The clocks of a store's times of day: the relay learns them, and keeps for the next process how its own was set."""

from __future__ import annotations

from functools import partial

from botkit.errors import LedgerError
from botkit.ledger.interface import Ledger
from botkit.observability.events import get_logger
from botkit.relay.heartbeat import Heartbeat
from botkit.relay.ledger_client import LedgerClient

_log = get_logger("botkit.relay")


async def recall_clocks(ledger: Ledger, client: LedgerClient, heartbeat: Heartbeat) -> bool:
    """Compare this machine's clock with those that the store knows; whether it could be read. If not, the next sweep does it."""
    try:
        heartbeat.recall(await client.in_thread(ledger.clocks))
    except LedgerError as error:
        _log.debug("clocks_not_compared", code=error.code)
        return False
    return True


async def note_clocks(ledger: Ledger, client: LedgerClient, heartbeat: Heartbeat) -> None:
    """Keep how the clock was set. If the store fails, the heartbeat still has news."""
    eras = heartbeat.eras()
    heartbeat.has_news = False
    try:
        await client.in_thread(partial(ledger.note_clocks, eras))
    except LedgerError as error:
        heartbeat.has_news = True
        _log.debug("clocks_not_noted", code=error.code)
