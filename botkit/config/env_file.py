"""Reads `env_file`: values for `${NAME}` that are kept in a file beside the configuration, as `.env`.

One ``NAME=value`` a line, as shells and container tools read it: blank lines and lines that begin with ``#`` are skipped,
``export`` may stand in front, a value may stand in single or double quotes, and ``#`` after a blank ends a value without quotes.
Nothing in a value is filled in or executed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from botkit.config.problems import WHOLE_FILE, Problems

MAX_BYTES = 64 * 1024

_LINE = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?P<value>.*)")
_IN_SINGLE_QUOTES = re.compile(r"'([^']*)'\s*(?:#.*)?")
_IN_DOUBLE_QUOTES = re.compile(r'"((?:[^"\\]|\\.)*)"\s*(?:#.*)?')
_COMMENT = re.compile(r"(?:^|\s+)#.*")
_OTHERS = 0o077


class Variables(dict[str, str]):
    """The variables for ``${NAME}``: those of the environment, and those of `env_file` that the environment lacks."""

    def __init__(self, environ: Mapping[str, str], file: Path, problems: Problems) -> None:
        super().__init__({**read_env_file(file, problems), **environ})
        self.env_file = file


def read_env_file(file: Path, problems: Problems) -> dict[str, str]:
    """The values in a file; empty if there is no such file, because the environment may have them all.

    Every line that cannot be read is a problem; a file that other users of the machine can read is a warning. No message has a
    part of a value.
    """
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
            mode = file.stat().st_mode
    except FileNotFoundError:
        return {}
    except OSError as error:
        problems.add(
            file, 1, WHOLE_FILE, f"cannot be read ({error.strerror})", "check its path and permissions"
        )
        return {}
    if len(data) > MAX_BYTES:
        problems.add(
            file, 1, WHOLE_FILE, f"is larger than {MAX_BYTES // 1024} KiB", "keep only NAME=value lines"
        )
        return {}
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        problems.add(file, 1, WHOLE_FILE, "is not UTF-8 text", "save the file as UTF-8")
        return {}
    if mode & _OTHERS:
        problems.warn(file, 1, WHOLE_FILE, "other users of this machine can read it", f"chmod 600 {file}")
    return _values(text, file, problems)


def _values(text: str, file: Path, problems: Problems) -> dict[str, str]:
    values: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = _LINE.fullmatch(stripped)
        if match is None:
            problems.add(
                file, number, WHOLE_FILE, "is not NAME=value", "write NAME=value, or # before a comment"
            )
            continue
        value = _value(match["value"])
        if value is None:
            problems.add(file, number, match["name"], "has a quote that is not closed", "close the quote")
            continue
        values[match["name"]] = value
    return values


def _value(written: str) -> str | None:
    """The value without its quotes; None if a quote is not closed."""
    if written.startswith("'"):
        single = _IN_SINGLE_QUOTES.fullmatch(written)
        return single[1] if single else None
    if written.startswith('"'):
        double = _IN_DOUBLE_QUOTES.fullmatch(written)
        return re.sub(r"\\(.)", r"\1", double[1]) if double else None
    return _COMMENT.sub("", written, count=1)
