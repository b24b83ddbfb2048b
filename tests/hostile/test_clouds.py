"""What both emulated sides know of event streams."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator

import aiohttp
import pytest

from botkit_sandbox.salesforce import tokens
from botkit_sandbox.salesforce.stream import PATH as STREAM_PATH
from tests.hostile.clouds import Clouds, email_of

API = "/iamessage/api/v2"
USER = 1
MEMBER = "one"


class Client:
    """A user's client of MIAW, with a conversation."""

    def __init__(self, clouds: Clouds, http: aiohttp.ClientSession) -> None:
        self._clouds, self._http = clouds, http
        self._url = clouds.salesforce_urls[MEMBER]
        self._token = ""
        self._streams: list[aiohttp.ClientResponse] = []

    async def open(self) -> None:
        settings = self._clouds.desk.settings
        asked = {
            "orgId": settings.organization_id,
            "esDeveloperName": settings.developer_name,
            "capabilitiesVersion": "1",
            "platform": "Web",
        }
        path = f"{API}/authorization/unauthenticated/access-token"
        async with self._http.post(f"{self._url}{path}", json=asked) as response:
            self._token = (await response.json())["accessToken"]
        conversation = {
            "conversationId": str(uuid.uuid4()),
            "esDeveloperName": settings.developer_name,
            "routingAttributes": {"_email": email_of(USER)},
            "language": "en_US",
        }
        url = f"{self._url}{API}/conversation"
        async with self._http.post(url, json=conversation, headers=self._headers) as response:
            assert response.status == 201, await response.text()

    async def listen(self) -> int:
        """The status of the answer, whose stream stays open."""
        headers = {**self._headers, "X-Org-Id": self._clouds.desk.settings.organization_id}
        self._streams.append(await self._http.get(f"{self._url}{STREAM_PATH}", headers=headers))
        return self._streams[-1].status

    def close(self) -> None:
        for stream in self._streams:
            stream.close()

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}


@pytest.fixture
async def clouds() -> AsyncIterator[Clouds]:
    clouds = Clouds(ping_seconds=15.0)
    await clouds.start([MEMBER])
    yield clouds
    await clouds.close()


@pytest.fixture
async def client(clouds: Clouds) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as http:
        client = Client(clouds, http)
        await client.open()
        yield client
        client.close()


async def test_a_stream_of_a_process_that_has_just_been_killed_is_not_taken_for_a_new_one(
    clouds: Clouds, client: Client
) -> None:
    assert await client.listen() == 200
    killed_at = time.time()
    assert clouds.listened_to(USER)
    assert not clouds.listened_to(USER, killed_at)
    assert await client.listen() == 200
    assert clouds.listened_to(USER, killed_at)


async def test_a_token_that_expires_is_refused_although_it_was_verified_before(
    clouds: Clouds, client: Client
) -> None:
    assert await client.listen() == 200
    clouds.expire_token(USER)
    assert await client.listen() == 401


async def test_the_signature_of_a_token_is_verified_once(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await client.listen() == 200

    def never(*_: object) -> None:
        raise AssertionError("it was verified before")

    monkeypatch.setattr(tokens, "read", never)
    assert await client.listen() == 200
