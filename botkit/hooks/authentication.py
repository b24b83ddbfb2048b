"""Authentication of hooks: the platform's signed token, checked per bot.

docs/protocols/kore-xo-botkit.md, 2.2: the header ``token`` is a JWT ``{appId, exp}`` signed with the bot's client secret. The
deprecated header ``apikey`` (the secret itself) is accepted only if the configuration allows it.
"""

from __future__ import annotations

import hmac
import re
from collections import OrderedDict
from math import isnan
from threading import Lock
from typing import TYPE_CHECKING

import jwt

from botkit.config.settings import KoreSettings
from botkit.errors import HookUnauthorized

if TYPE_CHECKING:
    from jwt.types import Options

MAX_REMEMBERED = 1024
MAX_TOKEN_CHARACTERS = 4096

_MAX_SHOWN = 64
_MAX_LATE = 10.0**10
_NOT_AN_ID = re.compile(r"[^\w.-]", re.ASCII)
_ALGORITHMS = ("HS256", "HS384", "HS512")
"""Those that sign with a secret, as the platform does."""
_NOT_THE_PLATFORM = "the caller: it is not the platform, or another kind of app was set up there"
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
            HookUnauthorized: the caller is not the platform. Its message does not name the reason, as in the platform's SDK;
                its `reason`, for the log, does.
        """
        if token is not None:
            valid_until = self._remembered.get(token)
            if valid_until is not None and now < valid_until:
                return
            self._remember(token, self._verify(token, now), now)
            return
        if apikey is None:
            raise HookUnauthorized(
                reason="the header token is missing",
                fix="a proxy that removes it, or a caller that is not the platform",
            )
        if not self._kore.accept_apikey:
            raise HookUnauthorized(
                reason="only the deprecated header apikey was sent", fix="kore.accept_apikey"
            )
        if not self._is_secret(apikey):
            raise HookUnauthorized(reason="the header apikey is not the secret", fix="kore.client_secret")

    def _verify(self, token: str, now: float) -> float:
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise HookUnauthorized(
                reason=f"the token is longer than {MAX_TOKEN_CHARACTERS} characters", fix=_NOT_THE_PLATFORM
            )
        try:
            claims = jwt.decode(
                token, self._kore.client_secret.reveal(), algorithms=[self._kore.algorithm], options=_OPTIONS
            )
            expires = float(claims["exp"])
            if isnan(expires):
                raise ValueError
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
            raise self._refusal(token, error) from error
        app_id = claims.get("appId")
        if not isinstance(app_id, str) or not _same(app_id, self._kore.client_id):
            # The token is signed with the secret, so it is the platform's own, and its appId may be quoted.
            named = _NOT_AN_ID.sub("?", app_id[:_MAX_SHOWN]) if isinstance(app_id, str) else "missing"
            raise HookUnauthorized(
                reason=f"the token's appId ({named}) is not the configured client id", fix="kore.client_id"
            )
        valid_until = expires + self._kore.clock_leeway.total_seconds()
        if not now < valid_until:
            late = min(now - expires, _MAX_LATE)
            raise HookUnauthorized(
                reason=f"the token expired {late:.0f} s ago",
                fix="the clock of this machine (NTP); kore.clock_leeway tolerates a small difference",
            )
        return valid_until

    def _refusal(self, token: str, error: Exception) -> HookUnauthorized:
        """The refusal of a token that is not a valid one of this bot."""
        match error:
            case jwt.InvalidAlgorithmError():
                named = _algorithm(token)
                if not named:
                    return HookUnauthorized(
                        reason="the token is not signed with a secret", fix=_NOT_THE_PLATFORM
                    )
                return HookUnauthorized(
                    reason=f"the token is signed with {named}, and {self._kore.algorithm} is configured",
                    fix="kore.algorithm",
                )
            case jwt.InvalidSignatureError():
                return HookUnauthorized(
                    reason="the token is signed with another secret", fix="kore.client_secret"
                )
            case jwt.MissingRequiredClaimError() | ValueError() | TypeError() | OverflowError():
                return HookUnauthorized(reason="the token has no valid exp", fix=_NOT_THE_PLATFORM)
            case _:
                return HookUnauthorized(reason="the header token is no JWT", fix=_NOT_THE_PLATFORM)

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


def _algorithm(token: str) -> str:
    """The algorithm that a token names, if it is one of `_ALGORITHMS`; its sender may be anybody."""
    try:
        named = jwt.get_unverified_header(token).get("alg")
    except (jwt.PyJWTError, ValueError):
        return ""
    return named if named in _ALGORITHMS else ""


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))
