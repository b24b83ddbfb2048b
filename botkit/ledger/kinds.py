"""The kind of store that a URL names."""


def is_postgresql(url: str) -> bool:
    """Whether the URL names a PostgreSQL database."""
    return url.partition("://")[0] in ("postgresql", "postgres")
