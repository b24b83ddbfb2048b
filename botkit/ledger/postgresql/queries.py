"""The queries of `queries.sql`.

``:unless_repeated`` is the condition under which a commit happens: see `insert_new_keys`. ``:now`` is the server's time of day:
every process judges the age of rows by it, because the clocks of machines may be hours ahead or behind. ``:fsync`` is whether the
server waits for its disk: an administrator can change that while it runs.
"""

from collections.abc import Mapping

from botkit.ledger.queries import named_queries

_NOW = "extract(epoch FROM statement_timestamp())::double precision"
_FSYNC = "current_setting('fsync')::boolean"
_UNLESS_REPEATED = "current_setting('botkit.repeated', true) IS DISTINCT FROM 'yes'"
SQL: Mapping[str, str] = {
    name: query.replace(":unless_repeated", _UNLESS_REPEATED).replace(":now", _NOW).replace(":fsync", _FSYNC)
    for name, query in named_queries("botkit.ledger.postgresql").items()
}
