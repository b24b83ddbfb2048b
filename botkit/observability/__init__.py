"""Metrics, log lines and safe tracebacks."""
