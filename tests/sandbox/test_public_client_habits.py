"""Habits of public clients: how they frame requests, name headers and read errors.

The clients are Salesforce's own browser sample, server-side bridges, HTTP libraries of several languages, and BotKits on Node.
Section numbers are those of docs/protocols/salesforce-miaw.md and docs/protocols/kore-xo-botkit.md.
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import Queue
from typing import Any
from urllib.parse import urlsplit

import jwt
import pytest
import requests

from botkit_sandbox.server import running_sandbox

BASE = "/iamessage/api/v2"
GUEST = f"{BASE}/authorization/unauthenticated/access-token"
STREAM = "/eventrouter/v1/sse"
SECONDS = 30.0

# The headers of a request, and whether its body is chunked.
FRAMINGS = {
    "as usual": ("1.1", "Content-Type: application/json", False),
    "a browser's simple request": ("1.1", "Content-Type: text/plain;charset=UTF-8", False),
    "no content type": ("1.1", "", False),
    "header names in upper case": ("1.1", "CONTENT-TYPE: application/json\r\nACCEPT: */*", False),
    "compressed answers welcome": (
        "1.1",
        "Content-Type: application/json\r\nAccept-Encoding: gzip, deflate, br, zstd",
        False,
    ),
    "HTTP/1.0": ("1.0", "Content-Type: application/json", False),
    "chunked": ("1.1", "Content-Type: application/json", True),
    "waiting for 100 Continue": ("1.1", "Content-Type: application/json\r\nExpect: 100-continue", False),
}


class HookTaker(BaseHTTPRequestHandler):
    """A BotKit that acknowledges hooks and does nothing else."""

    taken: Queue[dict[str, Any]] = Queue()

    def do_POST(self) -> None:
        self.taken.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Mapping[str, str]]:
    with HTTPServer(("127.0.0.1", 0), HookTaker) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        with running_sandbox(botkit_url=f"http://127.0.0.1:{server.server_port}") as addresses:
            yield addresses
        server.shutdown()
        thread.join(SECONDS)


@pytest.fixture(scope="module")
def guest(sandbox: Mapping[str, str]) -> str:
    """An access token."""
    answer = requests.post(
        sandbox["salesforce_url"] + GUEST, data=json.dumps(token_request(sandbox)), timeout=SECONDS
    )
    return str(answer.json()["accessToken"])


@pytest.fixture
def conversation(sandbox: Mapping[str, str], guest: str) -> str:
    """The path of an open conversation."""
    named = str(uuid.uuid4())
    wanted = {"conversationId": named, "esDeveloperName": sandbox["developer_name"], "routingAttributes": {}}
    url = f"{sandbox['salesforce_url']}{BASE}/conversation"
    assert requests.post(url, json=wanted, headers=bearer(guest), timeout=SECONDS).status_code == 201
    return f"{BASE}/conversation/{named}"


def token_request(sandbox: Mapping[str, str]) -> dict[str, str]:
    return {
        "orgId": sandbox["organization_id"],
        "esDeveloperName": sandbox["developer_name"],
        "capabilitiesVersion": "1",
        "platform": "Web",
    }


def message(sandbox: Mapping[str, str], text: str) -> bytes:
    said = {
        "id": str(uuid.uuid4()),
        "messageType": "StaticContentMessage",
        "staticContent": {"formatType": "Text", "text": text},
    }
    return json.dumps({"message": said, "esDeveloperName": sandbox["developer_name"]}).encode()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def framed(path: str, body: bytes, framing: str, *headers: str) -> bytes:
    """A POST as one of the `FRAMINGS`."""
    version, given, chunked = FRAMINGS[framing]
    if chunked:
        length = "Transfer-Encoding: chunked"
        pieces = [body[start : start + 50] for start in range(0, len(body), 50)]
        body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in [*pieces, b""])
    else:
        length = f"Content-Length: {len(body)}"
    head = [f"POST {path} HTTP/{version}", "Host: example.org", *headers, length, *filter(None, [given])]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def spoken(url: str, request: bytes, until: bytes) -> bytes:
    """Send bytes, and read until these bytes arrive, the connection ends or the time is up."""
    address = urlsplit(url)
    assert address.hostname
    heard = b""
    with socket.create_connection((address.hostname, address.port or 80), SECONDS) as connection:
        connection.sendall(request)
        while until not in heard and (chunk := connection.recv(65_536)):
            heard += chunk
    return heard


@pytest.mark.parametrize("framing", FRAMINGS)
def test_salesforce_takes_a_body_however_it_is_framed(sandbox: Mapping[str, str], framing: str) -> None:
    body = json.dumps(token_request(sandbox)).encode()
    heard = spoken(sandbox["salesforce_url"], framed(GUEST, body, framing), b"accessToken")
    assert b" 200 OK\r\n" in heard


def test_the_organization_id_as_printed_opens_an_event_stream(sandbox: Mapping[str, str], guest: str) -> None:
    """Clients use one id for the token and for X-Org-Id; the stream refuses 18 characters (section 9, pitfall 1)."""
    headers = bearer(guest) | {"X-Org-Id": sandbox["organization_id"], "Accept": "text/event-stream"}
    with requests.get(
        sandbox["salesforce_url"] + STREAM, headers=headers, stream=True, timeout=SECONDS
    ) as answer:
        assert answer.status_code == 200


@pytest.mark.parametrize(
    ("version", "path", "last_event_id"),
    [
        ("1.1", STREAM, ""),
        ("1.1", STREAM, "Last-Event-Id: 0\r\n"),
        ("1.1", f"{STREAM}?_ts=1760000000000&lastEventId=1", "last-event-id: undefined\r\n"),
        ("1.0", STREAM, ""),
    ],
    ids=["no id", "id 0", "a polyfill's address and no sensible id", "HTTP/1.0"],
)
def test_a_stream_replays_for_clients_without_an_event_id(
    sandbox: Mapping[str, str], guest: str, conversation: str, version: str, path: str, last_event_id: str
) -> None:
    head = f"GET {path} HTTP/{version}\r\nHost: x\r\nauthorization: bearer {guest}\r\nx-org-id: {sandbox['organization_id']}\r\n"
    named = conversation.rpartition("/")[2].encode()
    heard = spoken(sandbox["salesforce_url"], f"{head}{last_event_id}\r\n".encode(), named)
    assert heard.split(b"\r\n")[0].endswith(b" 200 OK")
    assert named in heard


def test_requests_sent_ahead_on_one_connection_are_answered_in_order(
    sandbox: Mapping[str, str], guest: str, conversation: str
) -> None:
    texts = ("first", "second", "third")
    ahead = [
        framed(
            f"{conversation}/message", message(sandbox, text), "as usual", f"Authorization: Bearer {guest}"
        )
        for text in texts
    ]
    last = json.loads(ahead[-1].partition(b"\r\n\r\n")[2])["message"]["id"].encode()
    assert spoken(sandbox["salesforce_url"], b"".join(ahead), last).count(b" 202 Accepted\r\n") == 3
    query = {"direction": "FromStart", "entryTypeFilter": "Message", "limit": "50"}
    url = sandbox["salesforce_url"] + conversation + "/entries"
    listed = requests.get(url, params=query, headers=bearer(guest), timeout=SECONDS).json()
    said = [
        entry["entryPayload"]["abstractMessage"]["staticContent"]["text"]
        for entry in listed["conversationEntries"]
    ]
    assert said == list(texts)


def test_a_get_with_a_body_is_answered_as_one_without(sandbox: Mapping[str, str], guest: str) -> None:
    url = f"{sandbox['salesforce_url']}{BASE}/conversation/list?inclClosedConvs=true&limit=50"
    headers = bearer(guest) | {"Content-Type": "application/json"}
    assert requests.get(url, data=b"{}", headers=headers, timeout=SECONDS).status_code == 200


def test_a_delete_needs_neither_length_nor_content_type(
    sandbox: Mapping[str, str], guest: str, conversation: str
) -> None:
    line = f"DELETE {conversation}?esDeveloperName={sandbox['developer_name']} HTTP/1.1"
    heard = spoken(
        sandbox["salesforce_url"],
        f"{line}\r\nHost: x\r\nAuthorization: Bearer {guest}\r\n\r\n".encode(),
        b"\r\n\r\n",
    )
    assert heard.startswith(b"HTTP/1.1 204 ")


def test_a_file_of_no_particular_type_is_known_by_its_name(
    sandbox: Mapping[str, str], guest: str, conversation: str
) -> None:
    entry = {
        "esDeveloperName": sandbox["developer_name"],
        "message": {"id": str(uuid.uuid4()), "fileId": str(uuid.uuid4()), "text": ""},
    }
    parts: dict[str, tuple[str | None, bytes, str]] = {
        "messageEntry": (None, json.dumps(entry).encode(), "application/json"),
        "fileData": ("photo.png", b"png", "application/octet-stream"),
    }
    url = f"{sandbox['salesforce_url']}{conversation}/file"
    answer = requests.post(url, files=parts, headers=bearer(guest), timeout=SECONDS)
    assert answer.status_code == 202


def test_the_event_routers_refusal_has_the_text_that_bridges_search_for(sandbox: Mapping[str, str]) -> None:
    """Bridges match the raw text: members in this order, without blanks (MIAW 1.6)."""
    answer = requests.get(sandbox["salesforce_url"] + STREAM, headers=bearer("nobody"), timeout=SECONDS)
    assert f'"status":401,"error":"Unauthorized","path":"{STREAM}"' in answer.text


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", f"{BASE}/conversation/list"), ("GET", STREAM), ("POST", GUEST), ("GET", "/nowhere")],
)
def test_a_page_of_another_origin_can_read_refusals(
    sandbox: Mapping[str, str], method: str, path: str
) -> None:
    origin = "http://127.0.0.1:65000"
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,cache-control,content-type,last-event-id,x-org-id",
    }
    preflight = requests.options(sandbox["salesforce_url"] + path, headers=asked, timeout=SECONDS)
    assert preflight.ok
    assert preflight.headers["Access-Control-Allow-Headers"] == asked["Access-Control-Request-Headers"]
    refused = requests.request(
        method, sandbox["salesforce_url"] + path, headers={"Origin": origin}, timeout=SECONDS
    )
    assert refused.status_code >= 400
    assert refused.headers["Access-Control-Allow-Origin"] == origin
    assert "Retry-After" in refused.headers["Access-Control-Expose-Headers"]


@pytest.fixture(scope="module")
def hook(sandbox: Mapping[str, str]) -> dict[str, Any]:
    """The hook of a user's message."""
    users = sandbox["kore_url"] + "/sandbox/kore/users"
    user = requests.post(users, json={"name": "Ada"}, timeout=SECONDS).json()["id"]
    requests.post(f"{users}/{user}/say", json={"text": "hello"}, timeout=SECONDS)
    return HookTaker.taken.get(timeout=SECONDS)


def auth(sandbox: Mapping[str, str], **claims: Any) -> str:
    """A BotKit's token; Node's has fractions of a second in its exp."""
    said = {"appId": sandbox["client_id"], "exp": time.time() + 60.25} | claims
    return jwt.encode(said, sandbox["client_secret"], "HS256")


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("header", ["auth", "AUTH"])
def test_kore_takes_a_call_however_it_is_framed(
    sandbox: Mapping[str, str], hook: dict[str, Any], framing: str, header: str
) -> None:
    members = ("requestId", "botId", "sendUserMessageUrl", "sendBotMessageUrl", "context", "channel")
    body = {"__payloadClass": "OnMessagePayload", "componentId": "default", "message": "hi"}
    body |= {name: hook[name] for name in members}
    path = urlsplit(hook["sendUserMessageUrl"]).path
    request = framed(path, json.dumps(body).encode(), framing, f"{header}: {auth(sandbox)}")
    assert b" 200 OK\r\n" in spoken(sandbox["kore_url"], request, b"success")


def test_kore_tells_a_get_with_null_as_its_body_that_this_is_no_json(
    sandbox: Mapping[str, str], hook: dict[str, Any]
) -> None:
    """Some versions of Node's HTTP libraries send it (section 4.2)."""
    address = urlsplit(sandbox["kore_url"])
    connection = http.client.HTTPConnection(address.netloc, timeout=SECONDS)
    path = f"{urlsplit(hook['baseUrl']).path}/getMessages?skip=0&limit=20&userId={hook['channel']['from']}"
    answers = []
    for body in (None, b"null"):
        connection.request("GET", path, body, {"auth": auth(sandbox), "content-type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        answers.append(answer.status)
    connection.close()
    assert answers == [200, 400]
