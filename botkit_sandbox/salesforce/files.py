"""Attachments: kept in memory, newest first to stay, fetched by an address nobody can guess (protocol section 3.3)."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

KEPT_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One attachment. `owner` is the subject of the end user in whose conversation it lies."""

    name: str
    mime_type: str
    data: bytes
    owner: str


@dataclass(slots=True)
class FileStore:
    """Files by id; the oldest go when there are more than `KEPT_BYTES` of them."""

    _files: OrderedDict[str, StoredFile] = field(default_factory=OrderedDict)
    _size: int = 0

    def put(self, file_id: str, file: StoredFile) -> None:
        """Keep a file."""
        self._files[file_id] = file
        self._size += len(file.data)
        while self._size > KEPT_BYTES and len(self._files) > 1:
            _, oldest = self._files.popitem(last=False)
            self._size -= len(oldest.data)

    def get(self, file_id: str) -> StoredFile | None:
        """The file, if it is still kept."""
        return self._files.get(file_id)
