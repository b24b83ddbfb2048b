"""A running configuration, and this process' role in its store: leader or follower."""
