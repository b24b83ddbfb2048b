"""Finds hand-offs in the store by what an operator has at hand, and tells their stories."""

from __future__ import annotations

import re

from botkit.config.settings import Settings
from botkit.handoff.reference import number_in
from botkit.ledger.stores import stories_in
from botkit.ledger.stories import StoryReader
from botkit.observability.user_hashes import UserHashes
from botkit.operate.story import Told, told

MAX_STORIES = 50
"""Max stories of one user, the newest."""
_RECORD = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")


def explain(settings: Settings, wanted: str) -> list[Told]:
    """The stories of the hand-offs that are meant, the oldest first; none if the store has none.

    Args:
        settings: the configuration, which names the store.
        wanted: a reference, the id of the conversation, that of the agents' side's record (a MessagingSession's), the hash of a
            user from the log, or the platform's id of a user.

    Raises:
        LedgerError: the store cannot be read.
    """
    secrets = {bot_id: bot.kore.client_secret.reveal() for bot_id, bot in settings.bots.items()}
    hashes = UserHashes(secrets)
    with stories_in(settings.store.url) as reader:
        stories = (reader.story(number) for number in _numbers(reader, hashes, wanted.strip()))
        return [told(story, user_hash=hashes.of) for story in stories if story is not None]


def _numbers(reader: StoryReader, hashes: UserHashes, wanted: str) -> list[int]:
    number = number_in(wanted)
    if number is not None and reader.story(number) is not None:
        return [number]
    if _RECORD.fullmatch(wanted) and (found := reader.with_record(wanted)):
        return found
    of_user = [
        number
        for number, facts in reader.beginnings()
        if wanted
        and wanted in (facts.get("user"), hashes.of(str(facts.get("bot", "")), str(facts.get("user", ""))))
    ]
    return of_user[-MAX_STORIES:]
