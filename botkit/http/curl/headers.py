"""A response's headers, read from libcurl's lines when they are needed: those of most responses never are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence


class ResponseHeaders(Mapping[str, str]):
    """Headers by name in any case; of a name that occurs twice, the first.

    Args:
        lines: the lines of all heads of one response, each with its line end. The last head counts, because those before it
            are interim responses (1xx); lines behind it are trailers, and left out.
    """

    __slots__ = ("_lines",)

    def __init__(self, lines: Sequence[bytes]) -> None:
        # Read at each question: thousands of streams keep theirs, and a dictionary of text takes six times the memory.
        self._lines = b"".join(lines)

    def __getitem__(self, name: str) -> str:
        return self._read()[name.lower()][1]

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._read().values())

    def __len__(self) -> int:
        return len(self._read())

    def _read(self) -> dict[str, tuple[str, str]]:
        return _fields(self._lines.split(b"\n"))


def is_whole(lines: Sequence[bytes]) -> bool:
    """Whether the last head among these lines has its end: libcurl takes one that is cut off for a success."""
    for line in reversed(lines):
        if line in (b"\r\n", b"\n"):
            return True
        if line.startswith(b"HTTP/"):
            break
    return False


def _fields(lines: Sequence[bytes]) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    in_head = False
    for line in lines:
        if line[:5] == b"HTTP/":
            found, in_head = {}, True
        elif not line.strip():
            in_head = False
        elif in_head:
            name, _, value = line.decode("utf-8", "replace").partition(":")
            found.setdefault(name.strip().lower(), (name.strip(), value.strip()))
    return found
