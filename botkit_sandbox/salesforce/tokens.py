"""Access tokens: JWTs a client can read but not forge (protocol section 1.6)."""

from __future__ import annotations

from dataclasses import dataclass

import jwt

from botkit_sandbox.salesforce.refusal import Refusal

EXPIRED = "Jwt is expired"


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says. `serial` counts the organisation's tokens; `org_id` has 15 characters."""

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
    """The claims of an ``Authorization: Bearer …`` header; whether the token is still alive, `Access` decides.

    Raises:
        Refusal: 401, without a header or with a token of somebody else's.
    """
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Refusal(401, "Jwt is missing")
    try:
        payload = jwt.decode(
            token.strip(),
            secret,
            algorithms=["HS256"],
            # The sandbox's own clock decides, not the machine's.
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
