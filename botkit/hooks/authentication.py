"""Who is calling: the platform's signed token, checked per bot.

protocols/kore-xo-botkit.md, 2.2: header ``token``, a JWT ``{appId, exp}`` signed with the bot's client secret. The deprecated
``apikey`` header (the secret itself) counts only where the configuration says so.
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
"""Other claims are not the platform's: its tokens are `{appId, exp}` (protocols/kore-xo-botkit.md, 2.2). `exp` is compared
below, with the clock that was passed in."""


class Authentication:
    """Checks the callers of one bot.

    Tokens carry whole seconds and nothing else, so the same one comes with many hooks: a verified one is remembered until it
    expires.
    """

    def __init__(self, kore: KoreSettings) -> None:
        self._kore = kore
        self._remembered: OrderedDict[str, float] = OrderedDict()
        self._lock = Lock()

    def check(self, *, token: str | None, apikey: str | None, now: float) -> None:
        """Return if the caller is the platform.

        Args:
            token: the header ``token``, if it came.
            apikey: the header ``apikey``, if it came.
            now: seconds since the epoch.

        Raises:
            HookUnauthorized: without saying what was wrong; the platform's SDK does not either.
        """
        if token is not None:
            good_until = self._remembered.get(token)
            if good_until is not None and now < good_until:
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
                token,
                self._kore.client_secret.reveal(),
                algorithms=[self._kore.algorithm],
                options=_OPTIONS,
            )
            expires = float(claims["exp"])
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
            raise HookUnauthorized from error
        app_id = claims.get("appId")
        if not isinstance(app_id, str) or not _same(app_id, self._kore.client_id):
            raise HookUnauthorized
        good_until = expires + self._kore.clock_leeway.total_seconds()
        if not now < good_until:
            raise HookUnauthorized
        return good_until

    def _remember(self, token: str, good_until: float, now: float) -> None:
        with self._lock:
            remembered = self._remembered
            remembered[token] = good_until
            while len(remembered) > MAX_REMEMBERED:
                remembered.popitem(last=False)
            oldest = next(iter(remembered))
            if remembered[oldest] <= now:
                del remembered[oldest]

    def _is_secret(self, apikey: str) -> bool:
        return _same(apikey, self._kore.client_secret.reveal())


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))
