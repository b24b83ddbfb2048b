"""Reads a user verification keyset from a file: a JSON web key set with the name of its issuer.

See docs/protocols/salesforce-miaw.md, 1.2.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from botkit_sandbox.errors import KeysetInvalid
from botkit_sandbox.salesforce.tokens import Keyset


class _Key(msgspec.Struct):
    kid: str
    n: str
    e: str
    kty: str = "RSA"


class _File(msgspec.Struct):
    issuer: str
    keys: list[_Key]
    name: str = ""
    audience: str = ""


def read_keyset(path: Path) -> Keyset:
    """The keyset of a file such as ``{"issuer": "https://shop.example", "keys": [{"kty": "RSA", "kid", "n", "e"}]}``.

    Without `name`, the keyset is named after the file; `audience` is optional.

    Raises:
        KeysetInvalid: the file cannot be read, is not such a set, or has no RSA key.
    """
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_File)
    except (OSError, msgspec.DecodeError) as error:
        raise KeysetInvalid(f"{path}: {error}") from error
    keys = tuple({"kid": key.kid, "n": key.n, "e": key.e} for key in found.keys if key.kty == "RSA")
    if not keys:
        raise KeysetInvalid(f"{path}: no key has kty RSA")
    return Keyset(name=found.name or path.stem, issuer=found.issuer, keys=keys, audience=found.audience)
