"""Who owned which shard when, as the database itself has it; and the attempts of those who did not."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise

import psycopg

from botkit.handoff.conversation import ConversationId
from botkit.ledger.postgresql.ownership import LOCK
from botkit.ledger.postgresql.shards import shard_of
from tests.hostile.clouds import Attempt, user_id
from tests.hostile.members import BOT_ID, Member

Term = tuple[float, str]
"""Epoch seconds, and the member who owned a shard from then on."""
NOTICES_SECONDS = 0.5
"""A session that the server has ended, which frees the locks at once, is noticed within this time on a busy machine."""
_LOG = """
CREATE TABLE owners_log (shard smallint, owner text, clean boolean, at double precision);
CREATE FUNCTION log_owner() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO owners_log VALUES (NEW.shard, NEW.owner, NEW.clean, extract(epoch FROM clock_timestamp()));
    RETURN NULL;
END $$;
CREATE TRIGGER log_owner AFTER INSERT OR UPDATE ON shards FOR EACH ROW EXECUTE FUNCTION log_owner();
INSERT INTO owners_log SELECT shard, owner, clean, 0 FROM shards
"""
_HELD = f"""
SELECT l.objid::int, a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.classid = {LOCK} AND l.granted AND a.application_name LIKE 'botkit owner %'
"""


def shard_of_user(number: int) -> int:
    """The shard of user `number`."""
    return shard_of(ConversationId(BOT_ID, user_id(number)))


class Owners:
    """The owners of the shards of one database.

    Args:
        url: of the database.
        members: the processes.
    """

    def __init__(self, url: str, members: Sequence[Member]) -> None:
        self._url = url
        self._members = members

    def keep_log(self) -> None:
        """From now on, every change of an owner is logged in the database."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(_LOG)

    def now(self) -> Mapping[int, str]:
        """The members that hold the locks of the shards."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            rows = connection.execute(_HELD).fetchall()
        return {shard: self._name(application.removeprefix("botkit owner ")) for shard, application in rows}

    def terms(self) -> Mapping[int, Sequence[Term]]:
        """Who owned each shard from when on, as far as it is logged."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            rows = connection.execute(
                "SELECT shard, owner, at FROM owners_log WHERE NOT clean ORDER BY at"
            ).fetchall()
        found: defaultdict[int, list[Term]] = defaultdict(list)
        for shard, owner, at in rows:
            found[shard].append((at, self._name(owner)))
        return found

    def _name(self, owner: str) -> str:
        pid = int(owner.split("/")[1])
        return next((one.name for one in self._members if pid in one.pids), owner)


def attempts_of_others(
    terms: Mapping[int, Sequence[Term]], attempts: Mapping[int, Sequence[Attempt]]
) -> list[str]:
    """The attempts for users that a member began when another owned their shard.

    Args:
        terms: the owners of the shards.
        attempts: by user.
    """
    found = []
    for number, made in attempts.items():
        of_shard = terms.get(shard_of_user(number), ())
        for at, member, what in made:
            place = bisect_right(of_shard, at, key=lambda term: term[0])
            if not place:
                continue
            since, owner = of_shard[place - 1]
            if owner != member and at - since > NOTICES_SECONDS:
                found.append(
                    f"{what} by {member} for user {number} {at - since:.2f} s after {owner} owned it"
                )
    return found


def moves_since(terms: Mapping[int, Sequence[Term]], at: float) -> list[str]:
    """The shards that came to another member after this time."""
    return [
        f"{shard} from {before[1]} to {after[1]}"
        for shard, of_shard in terms.items()
        for before, after in pairwise(of_shard)
        if after[0] > at and after[1] != before[1]
    ]
