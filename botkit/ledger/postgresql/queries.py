"""The queries of `queries.sql`."""

from botkit.ledger.queries import named_queries

SQL = named_queries("botkit.ledger.postgresql")
