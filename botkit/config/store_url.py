"""The store's URL: which file it names, and which URLs cannot be a store."""

from __future__ import annotations

from pathlib import Path

from botkit.config.validation import Checked

_PLACE = ("store", "url")


def check_store(checked: Checked) -> None:
    """Complain of a URL that no store can be at."""
    url = checked.text(*_PLACE) or ""
    file = store_file(url)
    if url.startswith("postgresql"):
        what = "a PostgreSQL store is not available yet in this version"
        checked.complain(_PLACE, what, "use sqlite:///var/botkit.db")
    elif ":memory:" in url or "mode=memory" in url:
        what = "keeps nothing when the process ends"
        checked.complain(_PLACE, what, "name a file: sqlite:///var/botkit.db")
    elif file is not None and (file.is_dir() or url.partition("?")[0].endswith("/")):
        checked.complain(_PLACE, "names a directory", "name a file in it, such as sqlite:///var/botkit.db")


def store_file(url: str) -> Path | None:
    """The absolute path of an SQLite store; None for any other.

    As SQLAlchemy has it, a path after three slashes is relative to the working directory; four make it absolute.
    """
    scheme, mark, rest = url.partition(":///")
    if not mark or not scheme.startswith("sqlite"):
        return None
    return Path(rest.partition("?")[0]).absolute()


def absolute(url: str) -> str:
    """The URL with a relative SQLite path made absolute, so that it does not move with the process."""
    file = store_file(url)
    if file is None:
        return url
    scheme = url.partition(":///")[0]
    _, mark, query = url.partition("?")
    return f"{scheme}:///{file}{mark}{query}"
