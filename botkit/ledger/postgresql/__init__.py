"""The ledger on PostgreSQL, for any number of processes. `migrations/` makes its tables.

The process that takes a hook only writes it down (`door.py`); the owner of its shard decides, and commits the consequences
(`owner.py`). The owner is the process that holds the shard's advisory lock, on the same connection that commits: a process that
has lost the lock cannot write.
"""
