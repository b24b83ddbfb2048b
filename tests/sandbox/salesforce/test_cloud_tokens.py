"""Access tokens (docs/protocols/salesforce-miaw.md, 1)."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from typing import Any

import jwt
import pytest

from botkit_sandbox.salesforce.tokens import IdentityRefused, Keyset, verify_identity
from tests.sandbox.salesforce.conftest import MakeSalesforce, Salesforce

GUEST = "/authorization/unauthenticated/access-token"
VERIFIED = "/authorization/authenticated/access-token"
CONTINUE = "/authorization/continuation-access-token"

# A 1024 bit RSA key made for these tests: primes p and q, public exponent 65537.
P = 2**607 - 1
Q = 2**521 - 1
N, E = P * Q, 65537
D = pow(E, -1, (P - 1) * (Q - 1))


def claims_of(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int) -> str:
    return encoded(value.to_bytes((value.bit_length() + 7) // 8))


def identity(*, alg: str = "RS256", kid: str = "key-1", **changes: Any) -> str:
    body = {
        "iss": "https://idp.example",
        "sub": "ada",
        "aud": "https://acme",
        "exp": time.time() + 60,
    } | changes
    signed = ".".join(
        encoded(json.dumps(part).encode()) for part in ({"alg": alg, "typ": "JWT", "kid": kid}, body)
    )
    name, prefix = {
        "RS256": ("sha256", "3031300d060960864801650304020105000420"),
        "RS512": ("sha512", "3051300d060960864801650304020305000440"),
    }[alg]
    digest = bytes.fromhex(prefix) + hashlib.new(name, signed.encode()).digest()
    size = (N.bit_length() + 7) // 8
    padded = b"\x00\x01" + b"\xff" * (size - len(digest) - 3) + b"\x00" + digest
    return f"{signed}.{encoded(pow(int.from_bytes(padded), D, N).to_bytes(size))}"


KEYSET = Keyset(
    "Kore_Users", "https://idp.example", ({"kid": "key-1", "n": number(N), "e": number(E)},), "https://acme"
)


async def test_a_guest_token_names_its_subject_organization_client_and_end(salesforce: Salesforce) -> None:
    client = await salesforce.client().sign_in()
    claims = claims_of(client.token)
    assert claims["sub"] == client.granted["context"]["endUser"]["subject"]
    assert claims["sub"].startswith("v2/iamessage/UNAUTH/NA/uid:")
    assert claims["orgId"] == "00DSB0000000001"
    assert claims["clientId"]
    assert claims["exp"] - claims["iat"] == 360 * 60


async def test_the_last_event_id_is_a_decimal_string(salesforce: Salesforce) -> None:
    client = await salesforce.client().sign_in()
    assert isinstance(client.granted["lastEventId"], str)
    assert client.granted["lastEventId"].isdecimal()


async def test_the_configuration_tells_a_browser_client_its_forms_and_deployment(
    salesforce: Salesforce,
) -> None:
    client = await salesforce.client().sign_in()
    service = client.granted["context"]["configuration"]["embeddedServiceConfig"]
    assert (service["name"], service["deploymentType"]) == ("Kore_Custom_Client", "api")
    assert service["forms"][0]["displayContext"] == "Conversation"
    assert [each["name"] for each in service["forms"][0]["formFields"]] == [
        "_firstName",
        "_lastName",
        "_email",
        "_subject",
    ]


async def test_the_token_call_takes_an_organization_id_of_18_characters(salesforce: Salesforce) -> None:
    client = salesforce.client()
    body = client.token_request(orgId="00DSB00000000012AA")
    status, _ = await client.call("POST", GUEST, body, token=None)
    assert status == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"orgId": None},
        {"orgId": "00DXX0000000001"},
        {"orgId": 5},
        {"esDeveloperName": None},
        {"esDeveloperName": "Nobody"},
        {"capabilitiesVersion": None},
        {"capabilitiesVersion": 1},
        {"platform": None},
        {"platform": "Fax"},
    ],
    ids=str,
)
async def test_a_token_request_with_a_missing_or_wrong_field_is_a_400(
    salesforce: Salesforce, wrong: dict[str, Any]
) -> None:
    client = salesforce.client()
    status, body = await client.call("POST", GUEST, client.token_request(**wrong), token=None)
    assert status == 400
    assert body["errorCode"] == "BAD_REQUEST"
    assert body["message"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe"])
async def test_a_token_request_that_is_not_a_json_object_is_a_400(
    salesforce: Salesforce, body: bytes
) -> None:
    status, answer = await salesforce.client().call("POST", GUEST, body, token=None)
    assert (status, answer["errorCode"]) == (400, "BAD_REQUEST")


async def test_a_deployment_of_type_web_is_refused_and_told_what_to_set(salesforce: Salesforce) -> None:
    client = salesforce.client()
    body = client.token_request(esDeveloperName="Kore_Web_Chat")
    status, answer = await client.call("POST", GUEST, body, token=None)
    assert status == 400
    assert "deploymentType is api" in answer["message"]


async def test_a_continuation_token_is_another_string_for_the_same_subject_with_the_same_end(
    make_salesforce: MakeSalesforce,
) -> None:
    now = [1_760_000_000_000]
    salesforce = await make_salesforce(clock=lambda: now[0])
    client = await salesforce.client().sign_in()
    now[0] += 60_000
    status, again = await client.call("GET", CONTINUE)
    assert status == 200
    assert again["accessToken"] != client.token
    assert again["lastEventId"].isdecimal()
    before, after = claims_of(client.token), claims_of(again["accessToken"])
    assert (before["sub"], before["exp"]) == (after["sub"], after["exp"])
    assert before["clientId"] != after["clientId"]


async def test_a_continuation_token_opens_the_same_conversations(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    _, again = await client.call("GET", CONTINUE)
    status, _ = await client.call("GET", client.path, token=again["accessToken"])
    assert status == 200


async def test_a_fresh_guest_token_is_a_new_user_who_may_not_touch_the_old_conversation(
    salesforce: Salesforce,
) -> None:
    client = await salesforce.opened()
    await client.sign_in()
    status, body = await client.say("still me")
    assert (status, body["errorCode"]) == (403, "FORBIDDEN")


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer nonsense", "Basic abc"])
async def test_rest_without_a_good_bearer_token_is_a_401(salesforce: Salesforce, header: str | None) -> None:
    client = salesforce.client()
    headers = {} if header is None else {"Authorization": header}
    status, body = await client.call("GET", "/conversation/list", headers=headers, token=None)
    assert (status, body["errorCode"]) == (401, "UNAUTHORIZED")


async def test_a_token_of_another_signer_is_a_401(salesforce: Salesforce) -> None:
    client = await salesforce.client().sign_in()
    forged = jwt.encode(claims_of(client.token), "x" * 32, algorithm="HS256")
    status, _ = await client.call("GET", "/conversation/list", token=forged)
    assert status == 401


async def test_an_expired_token_is_a_401_that_says_so(make_salesforce: MakeSalesforce) -> None:
    now = [1_760_000_000_000]
    salesforce = await make_salesforce(clock=lambda: now[0])
    client = await salesforce.opened()
    now[0] += 360 * 60_000
    status, body = await client.call("GET", client.path)
    assert status == 401
    assert "Jwt is expired" in body["message"]


async def test_a_good_identity_token_gives_a_verified_subject_that_stays_the_same(
    make_salesforce: MakeSalesforce,
) -> None:
    salesforce = await make_salesforce(keysets=(KEYSET,))
    client = salesforce.client()
    subjects = []
    for alg in ("RS256", "RS512"):
        body = client.token_request(authorizationType="JWT", customerIdentityToken=identity(alg=alg))
        status, granted = await client.call("POST", VERIFIED, body, token=None)
        assert status == 200
        subjects.append(granted["context"]["endUser"]["subject"])
    assert subjects == ["v2/iamessage/AUTH/Kore_Users/uid:ada"] * 2
    assert claims_of(granted["accessToken"])["exp"] - claims_of(granted["accessToken"])["iat"] == 3600


async def test_a_bad_identity_token_is_silently_downgraded_to_a_guest(
    make_salesforce: MakeSalesforce,
) -> None:
    salesforce = await make_salesforce(keysets=(KEYSET,))
    client = salesforce.client()
    body = client.token_request(authorizationType="JWT", customerIdentityToken=identity(iss="https://evil"))
    status, granted = await client.call("POST", VERIFIED, body, token=None)
    assert status == 200
    assert "/UNAUTH/NA/" in granted["context"]["endUser"]["subject"]


async def test_with_the_downgrade_switched_off_a_bad_identity_token_is_a_401(
    make_salesforce: MakeSalesforce,
) -> None:
    salesforce = await make_salesforce(keysets=(KEYSET,), silent_downgrade=False)
    client = salesforce.client()
    body = client.token_request(authorizationType="JWT", customerIdentityToken="a.b.c")
    status, _ = await client.call("POST", VERIFIED, body, token=None)
    assert status == 401


async def test_a_token_request_without_context_can_be_refused(make_salesforce: MakeSalesforce) -> None:
    client = (await make_salesforce(context_required=True)).client()
    status, body = await client.call("POST", GUEST, client.token_request(), token=None)
    assert (status, body["message"]) == (400, "context must not be null")
    told = client.token_request(context={"appName": "botkit", "clientVersion": "1"})
    assert (await client.call("POST", GUEST, told, token=None))[0] == 200


async def test_the_authenticated_call_without_an_identity_is_a_400(salesforce: Salesforce) -> None:
    client = salesforce.client()
    status, _ = await client.call("POST", VERIFIED, client.token_request(), token=None)
    assert status == 400


@pytest.mark.parametrize(
    "wrong",
    [{"exp": 5}, {"exp": None}, {"iss": "other"}, {"aud": "other"}, {"sub": ""}, {"kid": "other"}],
    ids=str,
)
def test_an_identity_token_with_a_wrong_claim_does_not_verify(wrong: dict[str, Any]) -> None:
    with pytest.raises(IdentityRefused):
        verify_identity(identity(**wrong), (KEYSET,), now_seconds=time.time())


def test_an_identity_token_whose_claims_were_changed_after_signing_does_not_verify() -> None:
    head, _, signature = identity().split(".")
    _, body, _ = identity(sub="mallory").split(".")
    with pytest.raises(IdentityRefused, match="signature"):
        verify_identity(f"{head}.{body}.{signature}", (KEYSET,), now_seconds=time.time())


async def test_a_revoked_token_of_a_verified_user_is_a_401_from_then_on(
    make_salesforce: MakeSalesforce,
) -> None:
    salesforce = await make_salesforce(keysets=(KEYSET,))
    client = salesforce.client()
    body = client.token_request(authorizationType="JWT", customerIdentityToken=identity())
    _, granted = await client.call("POST", VERIFIED, body, token=None)
    client.token = granted["accessToken"]
    assert await client.call("DELETE", VERIFIED) == (204, None)
    status, _ = await client.call("GET", "/conversation/list")
    assert status == 401


async def test_a_guest_token_cannot_be_revoked(salesforce: Salesforce) -> None:
    client = await salesforce.client().sign_in()
    status, _ = await client.call("DELETE", VERIFIED)
    assert status == 403


async def test_the_rate_of_token_requests_can_be_limited(make_salesforce: MakeSalesforce) -> None:
    salesforce = await make_salesforce(tokens_per_minute=2, retry_after_seconds=7)
    client = salesforce.client()
    answers = [await client.raw("POST", GUEST, client.token_request(), token=None) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[2].headers["Retry-After"] == "7"
