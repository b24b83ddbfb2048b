"""Access tokens, which clients can read but not forge, and identity tokens of verified users.

See docs/protocols/salesforce-miaw.md, 1.6.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
import msgspec

from botkit_sandbox.salesforce.refusal import Refusal

EXPIRED = "Jwt is expired"


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of a token. `serial` counts the organisation's tokens; `org_id` has 15 characters."""

    subject: str
    client_id: str
    org_id: str
    deployment: str
    serial: int
    issued_seconds: int
    expires_seconds: int


def mint(claims: Claims, secret: bytes) -> str:
    """A signed token."""
    payload = {
        "sub": claims.subject,
        "clientId": claims.client_id,
        "orgId": claims.org_id,
        "devName": claims.deployment,
        "jti": str(claims.serial),
        "iat": claims.issued_seconds,
        "exp": claims.expires_seconds,
    }
    return jwt.encode(payload, secret, algorithm="HS256")


def read(authorization: str | None, secret: bytes) -> Claims:
    """The claims of an ``Authorization: Bearer …`` header; `Access` checks whether the token is still valid.

    Raises:
        Refusal: 401, without a header or with a token of another issuer.
    """
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Refusal(401, "Jwt is missing")
    try:
        payload = jwt.decode(
            token.strip(),
            secret,
            algorithms=["HS256"],
            # The expiry is checked with the sandbox's clock, not the machine's.
            options={
                "verify_exp": False,
                "verify_iat": False,
                "require": ["sub", "exp", "orgId", "clientId"],
            },
        )
    except jwt.InvalidTokenError as error:
        raise Refusal(401, "Jwt is not valid") from error
    return Claims(
        subject=payload["sub"],
        client_id=payload["clientId"],
        org_id=payload["orgId"],
        deployment=payload["devName"],
        serial=int(payload["jti"]),
        issued_seconds=payload["iat"],
        expires_seconds=payload["exp"],
    )


# DigestInfo prefixes of RFC 8017, section 9.2, note 1.
_DIGESTS = {
    "RS256": ("sha256", bytes.fromhex("3031300d060960864801650304020105000420")),
    "RS512": ("sha512", bytes.fromhex("3051300d060960864801650304020305000440")),
}


class IdentityRefused(Exception):
    """The identity token does not verify against any keyset."""


@dataclass(frozen=True, slots=True)
class Keyset:
    """A keyset of the channel: JSON web keys (``kid``, ``n``, ``e``) of one issuer."""

    name: str
    issuer: str
    keys: tuple[Mapping[str, str], ...]
    audience: str = ""


def verify_identity(token: str, keysets: tuple[Keyset, ...], *, now_seconds: float) -> tuple[str, str]:
    """The keyset's name and the user's `sub`.

    Raises:
        IdentityRefused: malformed, unknown key, wrong signature, issuer or audience, or out of date.
    """
    try:
        head, body, signature = token.split(".")
        header = msgspec.json.decode(_unbase64(head), type=dict[str, Any])
        claims = msgspec.json.decode(_unbase64(body), type=dict[str, Any])
        signed = _unbase64(signature)
    except (ValueError, binascii.Error, msgspec.DecodeError) as error:
        raise IdentityRefused("not a JWT") from error
    for keyset in keysets:
        for key in keyset.keys:
            if key.get("kid") != header.get("kid"):
                continue
            if not _signature_is_good(str(header.get("alg")), key, f"{head}.{body}".encode(), signed):
                raise IdentityRefused("wrong signature")
            return keyset.name, _subject(claims, keyset, now_seconds)
    raise IdentityRefused("unknown key id")


def _subject(claims: Mapping[str, Any], keyset: Keyset, now_seconds: float) -> str:
    if claims.get("iss") != keyset.issuer:
        raise IdentityRefused("wrong issuer")
    audience = claims.get("aud")
    if keyset.audience and keyset.audience not in (audience if isinstance(audience, list) else [audience]):
        raise IdentityRefused("wrong audience")
    expires = claims.get("exp")
    if not isinstance(expires, int | float) or expires <= now_seconds:
        raise IdentityRefused("expired")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject:
        raise IdentityRefused("no subject")
    return subject


def _signature_is_good(algorithm: str, key: Mapping[str, str], message: bytes, signature: bytes) -> bool:
    if algorithm not in _DIGESTS:
        return False
    name, prefix = _DIGESTS[algorithm]
    modulus = int.from_bytes(_unbase64(key["n"]))
    size = (modulus.bit_length() + 7) // 8
    digest = prefix + hashlib.new(name, message).digest()
    if len(signature) != size or size < len(digest) + 11:
        return False
    expected = b"\x00\x01" + b"\xff" * (size - len(digest) - 3) + b"\x00" + digest
    opened = pow(int.from_bytes(signature), int.from_bytes(_unbase64(key["e"])), modulus).to_bytes(size)
    return hmac.compare_digest(opened, expected)


def _unbase64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
