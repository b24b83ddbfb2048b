"""The auth token."""

from __future__ import annotations

import jwt
import pytest

from botkit.config.settings import Secret
from botkit.kore.signing import Signer
from botkit.testing.clock import ManualClock

SECRET = "a secret of sixty-four characters, as long as HS256 and HS512 want it"


def claims(token: str, algorithm: str = "HS256") -> dict[str, object]:
    return jwt.decode(token, SECRET, algorithms=[algorithm], options={"verify_exp": False})


@pytest.mark.parametrize("algorithm", ["HS256", "HS512"])
def test_the_token_carries_app_id_and_expiry_signed_as_configured(algorithm: str) -> None:
    token = Signer("cs-1", Secret(SECRET), algorithm=algorithm, clock=ManualClock(1_700_000_000.0)).token()
    assert claims(token, algorithm) == {"appId": "cs-1", "exp": 1_700_000_060}
    assert jwt.get_unverified_header(token)["alg"] == algorithm


def test_a_token_is_used_again_while_half_of_its_time_remains() -> None:
    clock = ManualClock(1_700_000_000.0)
    signer = Signer("cs-1", Secret(SECRET), algorithm="HS256", clock=clock)
    first = signer.token()
    clock.pass_seconds(30)
    assert signer.token() == first
    clock.pass_seconds(0.5)
    assert claims(signer.token())["exp"] == 1_700_000_090


def test_a_clock_that_was_set_back_gives_a_new_token() -> None:
    clock = ManualClock(1_700_000_000.0)
    signer = Signer("cs-1", Secret(SECRET), algorithm="HS256", clock=clock)
    signer.token()
    clock.pass_seconds(-3_600)
    assert claims(signer.token())["exp"] == 1_699_996_460


def test_a_secret_of_kores_length_signs_without_a_warning() -> None:
    assert Signer("cs-1", Secret("s" * 44), algorithm="HS512", clock=ManualClock(1_700_000_000.0)).token()


def test_the_repr_has_no_secret() -> None:
    signer = Signer("cs-1", Secret(SECRET), algorithm="HS256", clock=ManualClock(1_700_000_000.0))
    assert signer.token() not in repr(signer)
    assert SECRET not in repr(signer)


def test_a_refused_token_is_not_sent_again() -> None:
    clock = ManualClock(1_700_000_000.0)
    signer = Signer("cs-1", Secret(SECRET), algorithm="HS256", clock=clock)
    first = signer.token()
    clock.pass_seconds(1)
    signer.forget()
    assert signer.token() != first
