"""The `auth` header of every call to the platform: a JWT `{appId, exp}` signed with the client secret.

See docs/protocols/kore-xo-botkit.md, 4.1.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import jwt
from jwt.warnings import InsecureKeyLengthWarning

from botkit.config.settings import Secret

LIFETIME_SECONDS = 60
"""The lifetime that the platform's own SDK gives a token."""

_REUSED_WHILE_SECONDS = 30
"""A token that stays valid for at least this long is used again, because signing is expensive."""


class Signer:
    """Signs for one JWT app of the platform.

    Args:
        client_id: the app's client id, the `appId` claim.
        client_secret: the app's client secret, the HMAC key.
        algorithm: ``HS256`` or ``HS512``, as set on the app.
        clock: epoch seconds.
    """

    def __init__(
        self, client_id: str, client_secret: Secret, *, algorithm: str, clock: Callable[[], float]
    ) -> None:
        self._client_id = client_id
        self._client_secret = client_secret
        self._algorithm = algorithm
        self._clock = clock
        self._token = ""
        self._expires_at = 0

    def token(self) -> str:
        """A token that is valid for the next 30 to 60 seconds."""
        now = self._clock()
        # The upper bound matters if the clock was set back: the platform refuses a token from the future.
        if not now + _REUSED_WHILE_SECONDS <= self._expires_at <= now + LIFETIME_SECONDS:
            self._expires_at = int(now) + LIFETIME_SECONDS
            self._token = self._signed()
        return self._token

    def forget(self) -> None:
        """Drop the last token, which the platform refused; the next call gets a new one."""
        self._expires_at = 0

    def __repr__(self) -> str:
        return f"Signer({self._client_id!r}, {self._algorithm})"

    def _signed(self) -> str:
        with warnings.catch_warnings():
            # Kore chooses the secret's length (44 characters), which is short for HS512.
            warnings.simplefilter("ignore", InsecureKeyLengthWarning)
            return jwt.encode(
                {"appId": self._client_id, "exp": self._expires_at},
                self._client_secret.reveal(),
                algorithm=self._algorithm,
            )
