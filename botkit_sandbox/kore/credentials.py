"""The sandbox's JWT app: tokens on hooks, tokens on callbacks.

See docs/protocols/kore-xo-botkit.md, 2.2 and 4.1.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import Any, Literal

import jwt

SANDBOX_CLIENT_ID = "cs-5a9d0b0c-0000-5000-8000-5a9d0b0c0001"
# Public on purpose: it protects nothing, and is the same after every start.
SANDBOX_CLIENT_SECRET = "c2FuZGJveC1vbmx5LXRoaXMtc2VjcmV0LXByb3RlY3RzLW5vdGhpbmctYXQtYWxsLTAwMDAwMDAwMDA="  # noqa: S105
_REMEMBERED = 4_096


@dataclass(slots=True)
class JwtApp:
    """A client id and secret, as "Dev Tools › JWT app" of the builder issues them."""

    client_id: str = SANDBOX_CLIENT_ID
    client_secret: str = field(default=SANDBOX_CLIENT_SECRET, repr=False)
    algorithm: Literal["HS256", "HS512"] = "HS256"
    require_expiry: bool = True
    enforce_jti: bool = False
    _good_until: dict[str, float] = field(default_factory=dict, repr=False)

    def sign(self, *, expires: int) -> str:
        """A hook's token. `expires` is in whole seconds since 1970, as the platform writes it."""
        return jwt.encode({"appId": self.client_id, "exp": expires}, self.client_secret, self.algorithm)

    def forged(self, *, expires: int) -> str:
        """A token with valid claims, signed with a wrong secret."""
        other = self.client_secret[::-1]
        return jwt.encode({"appId": self.client_id, "exp": expires}, other, self.algorithm)

    def refusal_reason(self, token: str | None, *, now: float) -> str | None:
        """The reason to refuse a callback's token, or None. BotKit writes exp as a float (4.1)."""
        if not token:
            return "the auth header is missing"
        remembered = self._good_until.get(token)
        if remembered is not None:
            return None if now < remembered else "the token has expired"
        try:
            # `exp` is compared below, with the sandbox's clock; other BotKits may also send aud, iat, nbf or sub.
            claims: dict[str, Any] = jwt.decode(
                token,
                self.client_secret,
                algorithms=[self.algorithm],
                options={
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                    "verify_aud": False,
                    "verify_sub": False,
                    "verify_jti": False,
                },
            )
        except jwt.InvalidTokenError as error:
            return f"the token cannot be verified ({type(error).__name__})"
        if not hmac.compare_digest(str(claims.get("appId")).encode(), self.client_id.encode()):
            return "the token belongs to another app (appId)"
        if self.enforce_jti and not claims.get("jti"):
            return "the token has no jti"
        expires = claims.get("exp")
        if expires is None:
            return "the token has no exp" if self.require_expiry else None
        if isinstance(expires, bool) or not isinstance(expires, int | float):
            return "the token's exp is not a number"
        if now >= expires:
            return "the token has expired"
        if len(self._good_until) >= _REMEMBERED:
            self._good_until.clear()
        self._good_until[token] = float(expires)
        return None
