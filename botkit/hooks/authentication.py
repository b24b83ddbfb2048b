"""Authentication of hooks: the platform's signed token, checked per bot.

docs/protocols/kore-xo-botkit.md, 2.2: the header ``token`` is a JWT ``{appId, exp}`` signed with the bot's client secret. The
deprecated header ``apikey`` (the secret itself) is accepted only if the configuration allows it.
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING

import jwt

from botkit.config.settings import KoreSettings
from botkit.errors import HookUnauthorized

if TYPE_CHECKING:
    from jwt.types import Options

MAX_REMEMBERED = 1024
MAX_TOKEN_CHARACTERS = 4096

_OPTIONS: Options = {
    "require": ["exp"],
    "verify_exp": False,
    "verify_aud": False,
    "verify_iat": False,
    "verify_iss": False,
    "verify_jti": False,
    "verify_nbf": False,
    "verify_sub": False,
}
"""The platform's tokens are `{appId, exp}` (2.2), so other claims are ignored. `exp` is compared below, with the clock that was
passed in."""


class Authentication:
    """Checks the callers of one bot.

    A token contains only the bot and a whole second, so many hooks have the same token. A verified token is remembered until
    it expires.
    """

    def __init__(self, kore: KoreSettings) -> None:
        self._kore = kore
        self._remembered: OrderedDict[str, float] = OrderedDict()
        self._lock = Lock()

    def check(self, *, token: str | None, apikey: str | None, now: float) -> None:
        """Return if the caller is the platform.

        Args:
            token: the header ``token``, if there is one.
            apikey: the header ``apikey``, if there is one.
            now: seconds since the epoch.

        Raises:
            HookUnauthorized: the caller is not the platform. The error does not name the reason, as in the platform's SDK.
        """
        if token is not None:
            valid_until = self._remembered.get(token)
            if valid_until is not None and now < valid_until:
                return
            self._remember(token, self._verify(token, now), now)
            return
        if self._kore.accept_apikey and apikey is not None and self._is_secret(apikey):
            return
        raise HookUnauthorized

    def _verify(self, token: str, now: float) -> float:
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise HookUnauthorized
        try:
            claims = jwt.decode(
                token, self._kore.client_secret.reveal(), algorithms=[self._kore.algorithm], options=_OPTIONS
            )
            expires = float(claims["exp"])
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
            raise HookUnauthorized from error
        app_id = claims.get("appId")
        if not isinstance(app_id, str) or not _same(app_id, self._kore.client_id):
            raise HookUnauthorized
        valid_until = expires + self._kore.clock_leeway.total_seconds()
        if not now < valid_until:
            raise HookUnauthorized
        return valid_until

    def _remember(self, token: str, valid_until: float, now: float) -> None:
        with self._lock:
            remembered = self._remembered
            remembered[token] = valid_until
            while len(remembered) > MAX_REMEMBERED:
                remembered.popitem(last=False)
            oldest = next(iter(remembered))
            if remembered[oldest] <= now:
                del remembered[oldest]

    def _is_secret(self, apikey: str) -> bool:
        return _same(apikey, self._kore.client_secret.reveal())


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))
