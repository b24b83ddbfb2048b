"""All faults, by the store on which they are injected."""

from __future__ import annotations

from collections.abc import Mapping

from tests.hostile import clock_faults, postgresql_faults, process_faults, sqlite_faults
from tests.hostile.far_side_faults import FAR_SIDE_FAULTS
from tests.hostile.house import StoreName
from tests.hostile.link_faults import KINDS, of_link
from tests.hostile.playing import Fault

_PROCESSES: dict[str, Fault] = {
    "kill -9": process_faults.kills,
    "crash between commit and call": process_faults.crashes,
    "SIGTERM": process_faults.stops,
    "SIGSTOP": process_faults.frozen,
}
WITHOUT_PROXIES = frozenset(_PROCESSES)
"""The faults that need no proxies on the links, and so can strike thousands of conversations."""
_LINKS: dict[str, Fault] = {
    **{f"link of hooks {kind}": of_link("hooks", kind) for kind in KINDS},
    **{f"link to the platform {kind}": of_link("platform", kind) for kind in KINDS},
    **{f"link to Salesforce {kind}": of_link("Salesforce", kind) for kind in KINDS},
}
_CLOCK: dict[str, Fault] = {"wall clock steps": clock_faults.steps}
FAULTS: Mapping[StoreName, Mapping[str, Fault]] = {
    "SQLite": {
        **_PROCESSES,
        "power failure": sqlite_faults.without_power,
        "disk full": sqlite_faults.full,
        "store read-only": sqlite_faults.read_only,
        "store locked": sqlite_faults.locked,
        "store damaged": sqlite_faults.damaged(sqlite_faults.header_overwritten, sqlite_faults.cut_short),
        "write-ahead log removed": sqlite_faults.damaged(sqlite_faults.log_removed),
        **_LINKS,
        **FAR_SIDE_FAULTS,
        **_CLOCK,
    },
    "PostgreSQL": {
        **_PROCESSES,
        "partition": postgresql_faults.parted,
        "cut COMMIT": postgresql_faults.cut,
        "PostgreSQL killed": postgresql_faults.restarts,
        "PostgreSQL read-only": postgresql_faults.read_only,
        **_LINKS,
        **{f"link to PostgreSQL {kind}": of_link("PostgreSQL", kind) for kind in KINDS},
        **FAR_SIDE_FAULTS,
        **_CLOCK,
    },
}
