"""Statements that are executed for every hook, by libpq directly.

psycopg looks at every parameter and every column anew to find their types. Here the types stand in the statement: reading a hook
takes 40 µs of processor time instead of 105. And psycopg waits by a generator and a loop around it; here the wait is one `poll`:
a statement takes 26 µs instead of 52.
"""

from __future__ import annotations

import math
import re
import select
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import OperationalError
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGconn, PGresult

from botkit.ledger.postgresql.binary import DECODERS, ENCODERS, Encoder

_PARAMETER = re.compile(r"%(?:\((\w+)\))?b::(\w+\[\]|text)")
_GOOD = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)
_STEP_SECONDS = 0.05
"""libpq is asked so often at least. An older one may have decrypted what it has not read yet, which the file does not show: seen
with libpq 15 and TLS records larger than 8 KB."""


class NoAnswer(OperationalError):
    """The server did not answer in time. The connection is of no use any more: the answer may come later."""


class Server:
    """What answers on a connection: what it has prepared, and how its answers are waited for.

    libpq's connection has to be in its non-blocking mode, as psycopg's are.

    Args:
        pgconn: the connection.
    """

    def __init__(self, pgconn: PGconn) -> None:
        self.pgconn = pgconn
        self.prepared: set[Statement] = set()
        """What it knows by name."""
        self._readable, self._ready = select.poll(), select.poll()
        self._readable.register(pgconn.socket, select.POLLIN)
        self._ready.register(pgconn.socket, select.POLLIN | select.POLLOUT)

    def answer(self, until: float) -> PGresult:
        """What it answers to the statement that was sent last; until then by the monotonic clock.

        Notifications that come with it stay in libpq.

        Raises:
            NoAnswer: it did not answer in time.
            psycopg.Error: it refused the statement, or the connection is lost.
        """
        pgconn, result = self.pgconn, None
        while pgconn.flush():
            # The server may take no more of this before its own output is read.
            if _waited(self._ready, until) != select.POLLOUT:
                pgconn.consume_input()
        while True:
            while pgconn.is_busy():
                _waited(self._readable, until)
                try:
                    pgconn.consume_input()
                except OperationalError:
                    if result is not None:
                        _checked(result)  # It may have said why it ends the session.
                    raise  # It commits after a good result: that is in doubt.
            one = pgconn.get_result()
            if one is None:
                break
            result = one
        if result is None:
            raise OperationalError("the server has not answered the statement")
        return _checked(result)


def _checked(result: PGresult) -> PGresult:
    if result.status not in _GOOD:
        raise error_from_result(result, "utf-8")
    return result


def _waited(poll: select.poll, until: float) -> int:
    """The events of the connection's socket (`select.POLLIN` …); 0 if there was none for `_STEP_SECONDS`. Raises: NoAnswer."""
    left = until - time.monotonic()
    came = poll.poll(math.ceil(max(0.0, min(left, _STEP_SECONDS)) * 1000))
    if came:
        return came[0][1]
    if left <= _STEP_SECONDS:
        raise NoAnswer("the server does not answer")
    return 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server has answered. It has the methods of a cursor that are used of such statements."""

    rows: Sequence[tuple[Any, ...]]
    rowcount: int

    def fetchone(self) -> tuple[Any, ...] | None:
        """The first row."""
        return self.rows[0] if self.rows else None

    def fetchall(self) -> Sequence[tuple[Any, ...]]:
        """All rows."""
        return self.rows


class Statement:
    """A statement with placeholders of psycopg, each with ``b`` as its format and with a cast to its type.

    Args:
        query: its text.
        number: unique among the statements.
    """

    def __init__(self, query: str, number: int) -> None:
        self._name = f"botkit_{number}".encode()
        self._names: list[str | int] = []
        """Of the parameters in their order: their names, or their places if they have none."""
        self._encoders: list[Encoder] = []
        self._text = _PARAMETER.sub(self._place, query).replace("%%", "%").encode()
        if re.search(r"%[(bs]", self._text.decode()):
            raise ValueError(f"a parameter has no format or type: {query}")
        self._formats = [Format.BINARY] * len(self._names)

    def _place(self, found: re.Match[str]) -> str:
        name, type_ = found.groups()
        if name is None or name not in self._names:
            self._names.append(len(self._names) if name is None else name)
            self._encoders.append(ENCODERS[type_])
            return f"${len(self._names)}::{type_}"
        return f"${self._names.index(name) + 1}::{type_}"

    def executed(self, server: Server, values: Any, *, until: float = math.inf) -> Answer:
        """Execute it, and prepare it before that if the server does not know it. Raises: see `Server.answer`."""
        given = [encode(values[name]) for name, encode in zip(self._names, self._encoders, strict=True)]
        if self not in server.prepared:
            server.pgconn.send_prepare(self._name, self._text)
            server.answer(until)
            server.prepared.add(self)
        server.pgconn.send_query_prepared(self._name, given, self._formats, Format.BINARY)
        result = server.answer(until)
        decoders = [DECODERS[result.ftype(column)] for column in range(result.nfields)]
        rows = [
            tuple([_decoded(result.get_value(row, column), decode) for column, decode in enumerate(decoders)])
            for row in range(result.ntuples)
        ]
        return Answer(rows, result.command_tuples or 0)


def statements(queries: Sequence[str]) -> Mapping[str, Statement]:
    """The statements by their texts."""
    return {query: Statement(query, number) for number, query in enumerate(queries)}


def _decoded(data: bytes | None, decode: Any) -> Any:
    return None if data is None else decode(data)
