"""Several processes on one store: the process that holds the store's lock is the leader, all others are followers.

A follower submits its inputs to the leader over a Unix socket beside the store; the leader replies when they are durable.
When the leader is gone, the followers compete for the lock; the winner is the next leader and resumes the store's contents.
No input is lost: a follower submits unanswered inputs again, and deduplication drops those that had been committed.
"""
