"""What goes out: one strictly ordered lane per conversation and side, retries, circuit breakers."""
