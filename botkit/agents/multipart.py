"""A form with files in it, as bytes: multipart/form-data (RFC 7578)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

_MAX_NAME = 200
_NOT_IN_A_NAME = re.compile(r'[\x00-\x1f\x7f"\\/]')
_MIME_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,100}/[A-Za-z0-9!#$&^_.+-]{1,100}")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a form; with a file name it is a file."""

    name: str
    mime_type: str
    data: bytes = field(repr=False)
    file_name: str | None = None


def multipart(parts: Sequence[Part]) -> tuple[str, bytes]:
    """The content type and the body.

    File names and types are somebody else's: what could break out of a header is replaced. The boundary comes from the
    content, which therefore cannot hold it but by design.
    """
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(part.data)
    boundary = f"botkit-{digest.hexdigest()}"
    pieces: list[bytes] = []
    for part in parts:
        disposition = f'form-data; name="{part.name}"'
        if part.file_name is not None:
            plain = _NOT_IN_A_NAME.sub("_", part.file_name)[:_MAX_NAME] or "file"
            disposition += f'; filename="{plain}"'
        kind = part.mime_type if _MIME_TYPE.fullmatch(part.mime_type) else "application/octet-stream"
        head = f"--{boundary}\r\nContent-Disposition: {disposition}\r\nContent-Type: {kind}\r\n\r\n"
        pieces += [head.encode(errors="replace"), part.data, b"\r\n"]
    pieces.append(f"--{boundary}--\r\n".encode())
    return f"multipart/form-data; boundary={boundary}", b"".join(pieces)
