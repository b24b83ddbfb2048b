from __future__ import annotations

import base64
import json
from datetime import timedelta

import pytest

from botkit.config.settings import KoreSettings, Secret
from botkit.errors import HookUnauthorized
from botkit.hooks.authentication import MAX_REMEMBERED, Authentication
from tests.hooks.hook_payloads import CLIENT_ID, NOW, SECRET, token


def authentication(**changes: object) -> Authentication:
    return Authentication(KoreSettings(CLIENT_ID, Secret(SECRET), **changes))  # type: ignore[arg-type]


def test_the_platforms_token_is_accepted() -> None:
    authentication().check(token=token(), apikey=None, now=NOW)


def test_other_claims_than_the_platforms_are_ignored() -> None:
    odd = token(nbf=NOW + 3600, iat=NOW + 3600, aud="somebody", sub=7, jti=7)
    authentication().check(token=odd, apikey=None, now=NOW)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "not a token",
        "a.b.c",
        token(secret="another secret that is long enough to be a key of a signature ...................."),
        token(app_id="cs-somebody-else"),
        token(expires=None),
        token(expires=NOW - 11),
        token(algorithm="HS512"),
        token()[:-2],
        "x" * 10_000,
    ],
)
def test_any_other_token_is_refused(wrong: str) -> None:
    with pytest.raises(HookUnauthorized):
        authentication().check(token=wrong, apikey=None, now=NOW)


@pytest.mark.parametrize(
    ("wrong", "reason", "fix"),
    [
        (None, "the header token is missing", "a proxy that removes it"),
        ("x" * 10_000, "the token is longer than 4096 characters", "not the platform"),
        ("a.b.c", "the header token is no JWT", "not the platform"),
        (
            token(
                secret="another secret that is long enough to be a key of a signature ...................."
            ),
            "the token is signed with another secret",
            "kore.client_secret",
        ),
        (
            token(app_id="cs-some\nbody"),
            "the token's appId (cs-some?body) is not the configured client id",
            "kore.client_id",
        ),
        (token(expires=None), "the token has no valid exp", "not the platform"),
        (token(expires=float("nan")), "the token has no valid exp", "not the platform"),
        (token(expires=NOW - 11), "the token expired 11 s ago", "the clock of this machine"),
        (
            token(algorithm="HS512"),
            "the token is signed with HS512, and HS256 is configured",
            "kore.algorithm",
        ),
        ("eyJhbGciOiJub25lIn0.e30.", "the token is not signed with a secret", "not the platform"),
    ],
)
def test_the_operator_learns_why_and_what_to_change(wrong: str | None, reason: str, fix: str) -> None:
    with pytest.raises(HookUnauthorized) as refused:
        authentication().check(token=wrong, apikey=None, now=NOW)
    assert refused.value.reason == reason
    assert fix in refused.value.fix
    assert refused.value.message == "Invalid apikey"


def test_the_reason_names_the_setting_of_the_deprecated_header() -> None:
    with pytest.raises(HookUnauthorized) as refused:
        authentication().check(token=None, apikey=SECRET, now=NOW)
    assert refused.value.fix == "kore.accept_apikey"
    with pytest.raises(HookUnauthorized) as refused:
        authentication(accept_apikey=True).check(token=None, apikey="wrong", now=NOW)
    assert refused.value.fix == "kore.client_secret"


def test_an_unsigned_token_is_refused() -> None:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    unsigned = f"{part({'alg': 'none', 'typ': 'JWT'})}.{part({'appId': CLIENT_ID, 'exp': NOW + 60})}."
    with pytest.raises(HookUnauthorized):
        authentication().check(token=unsigned, apikey=None, now=NOW)


def test_a_configured_hs512_is_the_only_algorithm() -> None:
    checker = authentication(algorithm="HS512")
    checker.check(token=token(algorithm="HS512"), apikey=None, now=NOW)
    with pytest.raises(HookUnauthorized):
        checker.check(token=token(algorithm="HS256"), apikey=None, now=NOW)


def test_the_clocks_may_differ_by_the_leeway() -> None:
    checker = authentication(clock_leeway=timedelta(seconds=30))
    checker.check(token=token(expires=NOW - 29), apikey=None, now=NOW)
    with pytest.raises(HookUnauthorized):
        checker.check(token=token(expires=NOW - 31), apikey=None, now=NOW)


def test_fractions_of_a_second_in_exp_are_understood() -> None:
    authentication().check(token=token(expires=NOW + 59.5), apikey=None, now=NOW)


def test_a_remembered_token_expires_all_the_same() -> None:
    checker = authentication()
    good = token(expires=NOW + 60)
    checker.check(token=good, apikey=None, now=NOW)
    checker.check(token=good, apikey=None, now=NOW + 69)
    with pytest.raises(HookUnauthorized):
        checker.check(token=good, apikey=None, now=NOW + 71)


def test_the_number_of_remembered_tokens_is_bounded() -> None:
    checker = authentication()
    for number in range(MAX_REMEMBERED + 10):
        checker.check(token=token(expires=NOW + 60 + number), apikey=None, now=NOW)
    assert len(checker._remembered) == MAX_REMEMBERED


def test_the_plain_secret_is_accepted_only_if_configured() -> None:
    with pytest.raises(HookUnauthorized):
        authentication().check(token=None, apikey=SECRET, now=NOW)
    authentication(accept_apikey=True).check(token=None, apikey=SECRET, now=NOW)


@pytest.mark.parametrize("apikey", [None, "", "wrong", "ünïcode"])
def test_a_wrong_secret_is_refused(apikey: str | None) -> None:
    with pytest.raises(HookUnauthorized):
        authentication(accept_apikey=True).check(token=None, apikey=apikey, now=NOW)


def test_a_valid_apikey_does_not_make_up_for_an_invalid_token() -> None:
    with pytest.raises(HookUnauthorized):
        authentication(accept_apikey=True).check(token="nonsense", apikey=SECRET, now=NOW)
