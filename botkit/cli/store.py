"""`botkit store`: copy a store."""

from __future__ import annotations

import click

from botkit.config.values import store_file
from botkit.ledger.copying import copy as copy_rows
from botkit.ledger.kinds import is_postgresql
from botkit.ledger.stores import source_at, target_at


@click.group()
def store() -> None:
    """Move the store of a stopped service to another place."""


@store.command()
@click.option("--from", "source", metavar="URL", required=True, help="The store, as in store.url.")
@click.option("--to", "target", metavar="URL", required=True, help="The new one: empty, or not there yet.")
def copy(source: str, target: str) -> None:
    """Copy a stopped store: SQLite to PostgreSQL, back, or SQLite to SQLite.

    \b
      botkit store copy --from sqlite:///var/botkit.db --to postgresql://botkit@db.example/botkit

    Conversations, undelivered effects in their order, newest payloads, keys of hooks and stories are copied in one
    transaction, and counted before it ends: the new store has everything or nothing. The old one is not changed. It refuses
    a store that a process uses, and a target that is not empty. The database itself has to exist; its tables are made.

    A password need not be in a URL: the variable PGPASSWORD and the file ~/.pgpass work, too.
    """
    if is_postgresql(source) and is_postgresql(target):
        raise click.UsageError("both are PostgreSQL; copy the database with pg_dump and pg_restore")
    if not is_postgresql(source) and store_file(source) == store_file(target):
        raise click.UsageError("both are the same store; name two")
    with source_at(source) as old, target_at(target) as new:
        counted = copy_rows(old, new)
        failed = old.failed
    for table, number in counted.items():
        click.echo(f"{table.value:14}{number:10}")
    if failed:
        click.echo(f"{failed} hooks on which the rules have failed stay in the old store; the log names each")
    click.echo("Everything has arrived. Name the new store in store.url, and move the old one away.")
