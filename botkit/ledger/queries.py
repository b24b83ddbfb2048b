"""Reads SQL from files: named queries, and the numbered scripts of migrations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_COMMENT = re.compile(r"^\s*--.*$", re.MULTILINE)


def named_queries(package: str) -> Mapping[str, str]:
    """The queries in the package's `queries.sql`, each under the name in the line ``-- name: …`` above it.

    Other lines that begin with ``--`` are comments. The text of a query is one line.
    """
    text = resources.files(package).joinpath("queries.sql").read_text(encoding="utf-8")
    _, *parts = _NAME.split(text)
    bodies = [" ".join(_COMMENT.sub("", body).split()) for body in parts[1::2]]
    return dict(zip(parts[::2], bodies, strict=True))


def numbered_scripts(package: str) -> tuple[str, ...]:
    """The ``.sql`` files beside the package's modules, in the order of their names."""
    files = sorted(resources.files(package).iterdir(), key=lambda file: file.name)
    return tuple(file.read_text(encoding="utf-8") for file in files if file.name.endswith(".sql"))
