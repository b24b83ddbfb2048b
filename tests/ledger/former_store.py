"""A store as the version before wrote it: without channels (schema version 3)."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from botkit.ledger.sqlite.migrations import MIGRATIONS

FORMER_VERSION = 3


def create_former_store(path: Path, version: int = FORMER_VERSION) -> None:
    """Create the tables of a version, by default of the version before."""
    with closing(sqlite3.connect(path)) as connection:
        for script in MIGRATIONS[:version]:
            connection.executescript(script)
        connection.execute("INSERT INTO meta (name, value) VALUES ('schema_version', ?)", (str(version),))
        connection.commit()


def insert(path: Path, table: str, **row: Any) -> None:
    """Insert a row; values that are no plain ones are stored as JSON."""
    values = {
        name: json.dumps(value).encode() if isinstance(value, dict | list) else value
        for name, value in row.items()
    }
    marks = ", ".join("?" * len(values))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})",
            list(values.values()),
        )
        connection.commit()


def live_state(bot_id: str, user_id: str, session_id: str, **session: Any) -> dict[str, Any]:
    """The state of a conversation with an agent, as the version before encoded it: no channel, no aliases of the session."""
    return {
        "id": {"bot_id": bot_id, "user_id": user_id},
        "session": {
            "id": session_id,
            "system": "salesforce",
            "phase": "active",
            "opened_at": 1000.0,
            "language": "en",
            "user_name": "Ada Lovelace",
            "end_word": "endagentchat",
            "attributes": [],
            "access": {"credentials": "token", "position": "7", "high_water_ms": 5},
            "held": [],
            "in_flight": [],
            "taken": [],
            "agents": [{"subject": "005A", "name": "Jane"}],
            "last_agent": "Jane",
            "flagged": True,
            "transferring": False,
            "accepted": True,
            "timers": [{"name": "extend", "due": 1240.0}],
            "alternatives": [],
            "platform_session_id": "5f75dc854a2e664cfa7dd583",
            "queue_position": 0,
            "wait_minutes": 0,
            "events_url": "",
            "idle_warning_seconds": 0.0,
            "idle_timeout_seconds": 0.0,
            "idle_warned": False,
            "file_request": "",
            "file_upload": "",
            "opening_request": None,
            **session,
        },
        "ended_session": None,
        "ended_at": None,
        "ended_language": "",
        "ended_pending": [],
        "deferred": None,
    }
