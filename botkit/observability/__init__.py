"""Metrics and safe tracebacks."""
