"""Outbound effects: one strictly ordered lane per conversation and side, retries, circuit breakers."""
