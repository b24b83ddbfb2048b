"""One store, several processes: the one that holds the store's lock is the host, all others are its guests.

A guest hands its inputs to the host over a Unix socket beside the store and is answered when they are durable. When the host
goes, however it goes, the guests try for the lock: whoever gets it is the next host, and resumes what the one before has left.
Nothing is lost on the way: an input that was not answered is handed in again, and one that had been committed is known by its
key.
"""
