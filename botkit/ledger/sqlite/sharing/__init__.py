"""Several processes on one SQLite store: the process that holds the store's lock is the leader, all others are followers.

A follower writes its inputs down in the store and acknowledges them when they are durable; the leader takes them from there.
When the leader is gone, a follower gets the lock, and goes on with what is in the store.
"""
