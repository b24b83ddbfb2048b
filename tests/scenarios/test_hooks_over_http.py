"""Hooks over HTTP, as the platform posts them: status codes, bodies and headers of `botkit serve` as a process.

docs/protocols/kore-xo-botkit.md, 2.1, 2.2, 2.7 and 3.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jwt
import pytest

from botkit.testing.process import ServiceProcess, write_configuration
from botkit.testing.serving import free_ports

BOT = "st-11111111-1111-5111-8111-111111111111"
OTHER_BOT = "st-22222222-2222-5222-8222-222222222222"
CLIENT_ID, SECRET = (
    "cs-hooks",
    "a secret of the hook tests that is long enough, even for the longest of the hashes",
)
ACK = b'{"headers":{"supportsMessageAck":true}}'
UNAUTHORIZED = b'{"errors":[{"msg":"Invalid apikey","code":4002}]}'
MAX_BYTES = 2 * 1024 * 1024
NOBODY_LISTENS = "http://127.0.0.1:9"


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: dict[str, str]

    def error(self) -> tuple[int, str, Any]:
        """The status, message and code of a refusal."""
        (only,) = json.loads(self.body)["errors"]
        assert self.headers["content-type"] == "application/json"
        return self.status, only["msg"], only["code"]


@dataclass(frozen=True)
class Platform:
    port: int
    prefix: str = "/desk/api"

    def sends(
        self,
        path: str = f"/sdk/bots/{BOT}/on_user_message",
        *,
        body: bytes | None = None,
        method: str = "POST",
        headers: dict[str, str] | None = None,
        chunked: bool = False,
        prefix: str | None = None,
    ) -> Answer:
        """One request on its own connection, with a valid token unless headers are given."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            # A refusal may arrive before the whole body was sent; it can be read nevertheless.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.request(
                    method,
                    (self.prefix if prefix is None else prefix) + path,
                    body=iter(_pieces(body or b"")) if chunked else body,
                    headers={"token": token()} if headers is None else headers,
                    encode_chunked=chunked,
                )
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, response.read(), found)
        finally:
            connection.close()


def _pieces(body: bytes) -> list[bytes]:
    return [body[start : start + 100_000] for start in range(0, len(body), 100_000)]


def token(*, secret: str = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    content = {"appId": CLIENT_ID, "exp": int(time.time()) + 60} | claims
    return jwt.encode(
        {name: value for name, value in content.items() if value is not None}, secret, algorithm
    )


def hook(**more: Any) -> bytes:
    """A user's message; its URLs lead to a port where nothing listens."""
    base = f"{NOBODY_LISTENS}/api/botsdk/stream/{BOT}"
    payload = {
        "requestId": time.time_ns() // 1000,
        "botId": BOT,
        "message": "hello",
        "agent_transfer": False,
        "channel": {"type": "rtm", "from": "u-1"},
        "context": {"session": {"UserContext": {"_id": "u-1"}}},
        "baseUrl": base,
        "sendBotMessageUrl": f"{base}/sendBotMessage/1",
        "sendUserMessageUrl": f"{base}/sendUserMessage/1",
    }
    return json.dumps({name: value for name, value in (payload | more).items() if value is not None}).encode()


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    port = free_ports(1)
    addresses = {
        "bot_id": BOT,
        "client_id": CLIENT_ID,
        "client_secret": SECRET,
        "organization_id": "00D000000000001",
        "salesforce_url": NOBODY_LISTENS,
        "live_agent_url": NOBODY_LISTENS,
        "developer_name": "Nobody",
        "deployment_id": "572000000000001",
        "button_id": "573000000000001",
    }
    path = write_configuration(tmp_path_factory.mktemp("hooks"), addresses, port=port)
    path.write_text(
        path.read_text(encoding="utf-8").replace("  port:", "  prefix: /desk/api\n  port:"), encoding="utf-8"
    )
    # Readiness is under the prefix too.
    service = ServiceProcess(path, port=port)
    service.url += "/desk/api"
    with service:
        yield Platform(port)


def test_a_hook_is_acknowledged_like_the_sdk_does_although_no_call_back_is_possible(
    platform: Platform,
) -> None:
    answer = platform.sends(body=hook())
    assert (answer.status, answer.body) == (200, ACK)
    assert answer.headers["supportsmessageack"] == "true"
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "event",
    [
        "on_user_message",
        "on_bot_message",
        "on_agent_transfer",
        "on_event",
        "on_alert",
        "on_variable_update",
        "on_client_event",
        "on_something_new",
    ],
)
@pytest.mark.parametrize("component", ["", "components/dc-1a2b/"])
def test_every_event_is_acknowledged_on_both_routes(platform: Platform, event: str, component: str) -> None:
    answer = platform.sends(f"/sdk/bots/{BOT}/{component}{event}", body=hook())
    assert (answer.status, answer.body) == (200, ACK)


def test_a_webhook_is_answered_with_its_own_payload(platform: Platform) -> None:
    body = hook(dialogComponentName="Look up", context={"session": {}, "kept": ["ü", 1.0]})
    answer = platform.sends(f"/sdk/bots/{BOT}/components/dc-1/on_webhook", body=body)
    assert (answer.status, answer.body) == (200, body)
    assert answer.headers["supportsmessageack"] == "true"


@pytest.mark.parametrize(
    "changes",
    [
        {"channel": {"channelInfos": {"from": "u-1", "type": "rtm"}}},
        {"channel": None},
        {"message": None},
        {"message": ""},
        {"message": 42},
        {"message": {"an": "object"}},
        {"message": "\\ud83d half an emoji"},
        {"context": None},
        {"context": "nonsense"},
        {"requestId": None},
        {"requestId": "text"},
        {"agent_transfer": None},
        {"agent_transfer": "true"},
        {"metaInfo": [], "metaTags": 1, "messageObject": "x", "unheard of": {"of": [None]}},
    ],
    ids=lambda changes: json.dumps(changes)[:40],
)
def test_payloads_of_any_shape_are_acknowledged(platform: Platform, changes: dict[str, Any]) -> None:
    answer = platform.sends(body=hook(**changes))
    assert (answer.status, answer.body) == (200, ACK)


# --- who comes in


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"token": ""},
        {"token": "nonsense"},
        {
            "token": token(
                secret="another secret that is also long enough, even for the longest of the hashes"
            )
        },
        {"token": token(appId="cs-other")},
        {"token": token(appId=None)},
        {"token": token(exp=None)},
        {"token": token(exp="soon")},
        {"token": token(exp=int(time.time()) - 3600)},
        {"token": token(algorithm="HS512")},
        {"token": jwt.encode({"appId": CLIENT_ID, "exp": int(time.time()) + 3600}, "", "none")},
        {"apikey": SECRET},
        {"auth": token()},
        {"Authorization": f"Bearer {token()}"},
    ],
    ids=[
        "nothing",
        "empty",
        "nonsense",
        "another secret",
        "another app",
        "no app",
        "no expiry",
        "expiry in words",
        "expired",
        "another algorithm",
        "unsigned",
        "apikey",
        "auth",
        "bearer",
    ],
)
def test_a_hook_without_a_valid_token_is_refused(platform: Platform, headers: dict[str, str]) -> None:
    answer = platform.sends(body=hook(), headers=headers)
    assert (answer.status, answer.body) == (401, UNAUTHORIZED)
    assert answer.headers["response-error-description"] == UNAUTHORIZED.decode()


def test_a_clock_that_is_a_little_off_is_tolerated(platform: Platform) -> None:
    late = {"token": token(exp=int(time.time()) - 1)}
    assert platform.sends(body=hook(), headers=late).status == 200


def test_a_refused_caller_does_not_learn_what_was_wrong_with_the_body(platform: Platform) -> None:
    for body in (b"not json", hook(), b""):
        assert platform.sends(body=body, headers={}).body == UNAUTHORIZED


def test_an_unknown_bot_is_a_404_for_callers_with_a_valid_token(platform: Platform) -> None:
    answer = platform.sends(f"/sdk/bots/{OTHER_BOT}/on_user_message", body=hook())
    status, message, code = answer.error()
    assert (status, code) == (404, "NOT_FOUND")
    assert message.startswith("Bot not found. The token is that of ")


def test_strangers_do_not_learn_which_bots_there_are(platform: Platform) -> None:
    answer = platform.sends(f"/sdk/bots/{OTHER_BOT}/on_user_message", body=hook(), headers={})
    assert (answer.status, answer.body) == (401, UNAUTHORIZED)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_another_method_than_post_gets_405(platform: Platform, method: str) -> None:
    answer = platform.sends(method=method)
    assert answer.error() == (405, "Use POST", "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize(
    "path",
    [
        "/sdk/bots/not-an-id/on_user_message",
        f"/sdk/bots/{BOT}",
        f"/sdk/bots/{BOT}/components/on_user_message/",
        f"/sdk/bots/{BOT}/a/b/c/d",
        "/gethistory?userId=u-1",
        "/",
    ],
)
def test_other_paths_are_not_found(platform: Platform, path: str) -> None:
    assert platform.sends(path, body=hook()).status == 404


def test_without_the_prefix_there_is_no_hook_path(platform: Platform) -> None:
    assert platform.sends(body=hook(), prefix="").status == 404


# --- what comes in


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b'{"a": ',
        b"[]",
        b'"text"',
        b"null",
        b"42",
        b'{"message": "\xff\xfe"}',
        b'{"a": NaN}',
    ],
    ids=["empty", "words", "cut off", "list", "text", "null", "number", "not UTF-8", "NaN"],
)
def test_a_body_that_is_no_json_object_is_refused(platform: Platform, body: bytes) -> None:
    assert platform.sends(body=body).error() == (412, "Invalid JSON", "VALIDATION_ERROR")


def test_deep_nesting_is_refused_and_harmless(platform: Platform) -> None:
    body = b'{"context": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    assert platform.sends(body=body).status in (200, 412)
    assert platform.sends(body=hook()).status == 200


def test_a_payload_with_a_host_that_is_not_allowed_is_refused(platform: Platform) -> None:
    body = hook(sendBotMessageUrl="https://evil.example/api/botsdk/stream/x/sendBotMessage/1")
    assert platform.sends(body=body).error()[::2] == (400, "INVALID_ARGUMENTS")


def test_a_transfer_without_a_user_is_refused(platform: Platform) -> None:
    body = hook(channel=None, context=None)
    answer = platform.sends(f"/sdk/bots/{BOT}/components/dc-1/on_agent_transfer", body=body)
    assert answer.error()[::2] == (400, "INVALID_ARGUMENTS")


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_body_just_within_the_limit_is_taken(platform: Platform, chunked: bool) -> None:
    body = hook(context={"session": {"UserContext": {"_id": "u-1"}}, "padding": ""})
    body = body.replace(b'"padding": ""', b'"padding": "' + b"x" * (MAX_BYTES - len(body)) + b'"')
    assert len(body) == MAX_BYTES
    assert platform.sends(body=body, chunked=chunked).status == 200


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_body_over_the_limit_is_refused(platform: Platform, chunked: bool) -> None:
    body = b'{"padding": "' + b"x" * MAX_BYTES + b'"}'
    answer = platform.sends(body=body, chunked=chunked)
    assert answer.error() == (413, "Payload too large", "PAYLOAD_TOO_LARGE")
    assert platform.sends(body=hook()).status == 200


def test_a_body_shorter_than_its_length_does_not_block_others(platform: Platform) -> None:
    with socket.create_connection(("127.0.0.1", platform.port)) as half:
        half.sendall(
            f"POST /desk/api/sdk/bots/{BOT}/on_user_message HTTP/1.1\r\nHost: x\r\ntoken: {token()}\r\n"
            "Content-Length: 1000\r\n\r\n{".encode()
        )
        assert platform.sends(body=hook()).status == 200


# --- the other pages


def test_health_readiness_and_metrics_are_under_the_prefix(platform: Platform) -> None:
    assert platform.sends("/healthz", method="GET", headers={}).status == 200
    ready = platform.sends("/readyz", method="GET", headers={})
    assert (ready.status, json.loads(ready.body)) == (200, {"status": "ready", "store": True, "relay": True})
    metrics = platform.sends("/metrics", method="GET", headers={})
    assert metrics.status == 200
    assert b"botkit_" in metrics.body


def test_metrics_count_hooks_and_carry_no_words_and_no_names(platform: Platform) -> None:
    platform.sends(body=hook(message="a very private matter"))
    metrics = platform.sends("/metrics", method="GET", headers={}).body.decode()
    assert "on_user_message" in metrics
    assert "private" not in metrics
    assert "u-1" not in metrics
