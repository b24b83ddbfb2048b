"""A running configuration, and this process' role in its store: leader, follower or member."""
