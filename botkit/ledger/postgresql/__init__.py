"""The ledger on PostgreSQL, for any number of processes. `migrations/` makes its tables.

Whoever takes a hook only writes it down (`door.py`); the owner of its shard decides, and commits the consequences (`owner.py`). A
shard is owned by whoever holds its advisory lock, on the very connection that commits: who has lost it cannot write.
"""
