"""The queries of `queries.sql`. ``:unless_repeated`` is the condition under which a commit happens: see `insert_new_keys`."""

from collections.abc import Mapping

from botkit.ledger.queries import named_queries

_UNLESS_REPEATED = "current_setting('botkit.repeated', true) IS DISTINCT FROM 'yes'"
SQL: Mapping[str, str] = {
    name: query.replace(":unless_repeated", _UNLESS_REPEATED)
    for name, query in named_queries("botkit.ledger.postgresql").items()
}
