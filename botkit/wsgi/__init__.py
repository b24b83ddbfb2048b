"""The kit as WSGI middleware."""
