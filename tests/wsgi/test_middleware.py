from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from threading import Barrier, Event, Thread
from typing import Any

import pytest
from structlog.testing import capture_logs

from botkit.errors import LedgerError
from botkit.handlers.endpoint import HookEndpoint
from botkit.handoff.conversation import Conversation
from botkit.hooks.bodies import MAX_BYTES, MAX_CONCURRENT
from botkit.hooks.parser import HookParser
from botkit.ledger.interface import Committed, Input
from botkit.wsgi.middleware import BotKitMiddleware
from tests.hooks.hook_payloads import (
    BOT_ID,
    NOW,
    OTHER_BOT_ID,
    SECRET,
    agent_transfer,
    as_body,
    settings,
    token,
    user_message,
)
from tests.hooks.no_handlers import no_handlers

Answer = tuple[str, dict[str, str], bytes]


class Counted:
    def __init__(self) -> None:
        self.hooks: list[tuple[str, int]] = []
        self.duplicates = 0

    def hook(self, event: str, status: int, seconds: float) -> None:
        self.hooks.append((event, status))

    def duplicate(self) -> None:
        self.duplicates += 1


class Stage:
    """The middleware around an application that echoes the path, with a ledger whose outcome the test chooses."""

    def __init__(self, *, prefix: str = "", linked: tuple[str, ...] = (), **kore: Any) -> None:
        configured = settings(prefix=prefix, **kore)
        self.inputs: list[Input] = []
        self.counted = Counted()
        self.outcome: Callable[[Input], Committed | Exception | None] = lambda input: Committed(
            Conversation(input.conversation_id), (), ()
        )
        parser = HookParser(replace(configured.bots[BOT_ID], linked=linked), insecure_http=False)
        parsers = dict.fromkeys((BOT_ID, *linked), parser)
        endpoint = HookEndpoint(
            parsers=parsers,
            dispatch=no_handlers(),
            submit=self._submit,
            prefix=prefix,
            metrics=self.counted,
            now=lambda: NOW,
            monotonic=lambda: 0.0,
            commit_seconds=0.01,
        )
        self.middleware = BotKitMiddleware(self._wrapped, endpoint)

    def _submit(self, input: Input, /) -> Future[Committed]:
        self.inputs.append(input)
        future: Future[Committed] = Future()
        outcome = self.outcome(input)
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        elif outcome is not None:
            future.set_result(outcome)
        return future

    @staticmethod
    def _wrapped(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("404 NOT FOUND", [])
        return [f"wrapped {environ['PATH_INFO']}".encode()]

    def call(
        self,
        body: bytes = b"",
        *,
        event: str = "on_user_message",
        path: str | None = None,
        method: str = "POST",
        bot_id: str = BOT_ID,
        auth: str | None = "",
        environ: Mapping[str, Any] | None = None,
    ) -> Answer:
        wsgi_environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path if path is not None else f"/sdk/bots/{bot_id}/{event}",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
            **(environ or {}),
        }
        if auth is not None:
            wsgi_environ["HTTP_TOKEN"] = auth or token()
        answer: dict[str, Any] = {}

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
            answer.update(status=status, headers=dict(headers))

        content = b"".join(self.middleware(wsgi_environ, start_response))  # type: ignore[arg-type]
        return answer["status"], answer["headers"], content

    def call_slowly(self, started: Barrier, go_on: Event) -> None:
        """A request whose body arrives only when the test says so."""

        class Waits(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                started.wait(10)
                assert go_on.wait(10)
                return super().read(size)

        body = as_body(user_message())
        assert self.call(body, environ={"wsgi.input": Waits(body)})[0] == "200 OK"


def code_of(answer: Answer) -> tuple[str, str | int]:
    (error,) = json.loads(answer[2])["errors"]
    return error["msg"], error["code"]


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_hook_is_acknowledged_once_it_is_committed(stage: Stage) -> None:
    status, headers, body = stage.call(as_body(user_message()))
    assert status == "200 OK"
    assert headers["supportsMessageAck"] == "true"
    assert headers["Content-Type"] == "application/json"
    assert headers["Content-Length"] == str(len(body))
    assert json.loads(body) == {"headers": {"supportsMessageAck": True}}
    assert [input.conversation_id.bot_id for input in stage.inputs] == [BOT_ID]


@pytest.mark.parametrize(
    "event",
    [
        "on_user_message",
        "on_bot_message",
        "on_event",
        "on_alert",
        "on_variable_update",
        "on_client_event",
        "on_a_name_not_seen_yet",
    ],
)
def test_every_event_name_is_accepted(stage: Stage, event: str) -> None:
    assert stage.call(as_body(user_message()), event=event)[0] == "200 OK"
    assert len(stage.inputs) == 1


def test_a_transfer_arrives_at_the_component_path(stage: Stage) -> None:
    path = f"/sdk/bots/{BOT_ID}/components/dc-9/on_agent_transfer"
    assert stage.call(as_body(agent_transfer()), path=path)[0] == "200 OK"
    (input,) = stage.inputs
    assert input.hook is not None
    assert input.hook.component_id == "dc-9"


def test_a_webhook_is_answered_with_its_own_payload(stage: Stage) -> None:
    body = as_body(user_message(dialogComponentName="Hook"))
    status, headers, answer = stage.call(body, event="on_webhook")
    assert (status, answer) == ("200 OK", body)
    assert headers["supportsMessageAck"] == "true"


def test_the_content_type_does_not_matter(stage: Stage) -> None:
    assert stage.call(as_body(user_message()), environ={"CONTENT_TYPE": "text/plain"})[0] == "200 OK"


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/sdk/bots/acme/on_event", f"/x/sdk/bots/{BOT_ID}/on_event"]
)
def test_other_paths_go_to_the_wrapped_application(stage: Stage, path: str) -> None:
    assert stage.call(path=path, method="GET")[2] == f"wrapped {path}".encode()


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS"])
def test_another_method_than_post_gets_405(stage: Stage, method: str) -> None:
    status, headers, _ = stage.call(method=method)
    assert status.startswith("405 ")
    assert headers["Allow"] == "POST"


# --- who is calling ------------------------------------------------------------------------------------------------


def test_a_caller_without_a_valid_token_gets_the_401_of_the_protocol(stage: Stage) -> None:
    status, headers, body = stage.call(as_body(user_message()), auth=None)
    assert status.startswith("401 ")
    assert json.loads(body) == {"errors": [{"msg": "Invalid apikey", "code": 4002}]}
    assert json.loads(headers["response-error-description"]) == json.loads(body)
    assert stage.inputs == []


def test_hooks_under_a_prefix_are_authenticated() -> None:
    stage = Stage(prefix="/botkit")
    path = f"/botkit/sdk/bots/{BOT_ID}/on_user_message"
    assert stage.call(as_body(user_message()), path=path, auth=None)[0].startswith("401 ")
    assert stage.call(as_body(user_message()), path=path)[0] == "200 OK"


def test_the_caller_is_checked_before_the_body_is_read(stage: Stage) -> None:
    class Unread:
        def read(self, size: int = -1) -> bytes:
            raise AssertionError("read before the caller was known")

    answer = stage.call(
        b"x", auth="nonsense", environ={"wsgi.input": Unread(), "CONTENT_LENGTH": str(MAX_BYTES * 2)}
    )
    assert answer[0].startswith("401 ")


def test_a_caller_without_a_valid_token_does_not_learn_which_bots_exist(stage: Stage) -> None:
    here = stage.call(as_body(user_message()), auth="nonsense")
    elsewhere = stage.call(as_body(user_message()), auth="nonsense", bot_id=OTHER_BOT_ID)
    assert here == elsewhere


def test_the_platform_learns_that_a_bot_is_not_configured(stage: Stage) -> None:
    answer = stage.call(as_body(user_message()), bot_id=OTHER_BOT_ID)
    assert answer[0].startswith("404 ")
    message, code = code_of(answer)
    assert code == "NOT_FOUND"
    assert message == (
        f"Bot not found. The token is that of Acme Assistant. If {OTHER_BOT_ID} is Acme Assistant itself, correct "
        f"bot.id in its file. If {OTHER_BOT_ID} is linked to Acme Assistant, add to its file, under bot: linked: [{OTHER_BOT_ID}]"
    )


def test_an_unknown_bot_is_logged_once_with_what_to_change(stage: Stage) -> None:
    with capture_logs() as lines:
        for _ in range(3):
            stage.call(as_body(user_message()), bot_id=OTHER_BOT_ID)
        stage.call(as_body(user_message()), bot_id=OTHER_BOT_ID.replace("7", "8"), auth=None)
    known, unknown = lines
    assert (known["event"], known["code"], known["bot"]) == ("hook_refused", "BK-2002", OTHER_BOT_ID)
    assert f"linked: [{OTHER_BOT_ID}]" in known["reason"]
    assert known["fix"].startswith("bot.id;")
    assert (unknown["event"], unknown["code"]) == ("hook_refused", "BK-2001")
    assert "no bot file has this bot id" in unknown["reason"]


def test_a_flood_of_unknown_bots_hides_neither_the_configured_one_nor_a_misspelled_one(stage: Stage) -> None:
    with capture_logs() as lines:
        for number in range(100):
            stage.call(b"{}", bot_id=f"{OTHER_BOT_ID[:-3]}{number:03x}", auth="nonsense")
        stage.call(b"{}", auth="nonsense")
        stage.call(as_body(user_message()), bot_id=OTHER_BOT_ID)
    assert len(lines) < 40
    assert [line["bot"] for line in lines[-2:]] == [BOT_ID, OTHER_BOT_ID]


def test_a_host_that_is_not_configured_is_logged_with_the_key_to_change(stage: Stage) -> None:
    elsewhere = as_body(user_message()).replace(b"://bots.kore.example", b"://de-bots.kore.ai")
    with capture_logs() as lines:
        assert stage.call(elsewhere)[0].startswith("400 ")
    (line,) = lines
    assert line["log_level"] == "warning"
    assert "de-bots.kore.ai is not one of the configured hosts" in line["reason"]
    assert line["fix"] == "kore.callback_hosts"


def test_no_log_line_of_a_refused_hook_shows_the_token(stage: Stage) -> None:
    foreign = token(secret=SECRET[::-1])
    with capture_logs() as lines:
        stage.call(as_body(user_message()), auth=foreign)
    (line,) = lines
    assert "signed with another secret" in line["reason"]
    assert foreign[:20] not in str(line)


def test_whoever_is_not_the_platform_learns_nothing_of_the_configured_bots(stage: Stage) -> None:
    for bot_id in (BOT_ID, OTHER_BOT_ID):
        answer = stage.call(as_body(user_message()), bot_id=bot_id, auth=token(secret=SECRET[::-1]))
        assert answer[0].startswith("401 ")
        assert code_of(answer) == ("Invalid apikey", 4002)


def test_hooks_of_a_linked_bot_are_accepted_with_the_keys_of_the_configured_one() -> None:
    stage = Stage(linked=(OTHER_BOT_ID,))
    assert stage.call(as_body(user_message()), bot_id=OTHER_BOT_ID)[0] == "200 OK"
    assert stage.inputs[0].conversation_id.bot_id == BOT_ID


def test_the_apikey_header_is_accepted_only_if_configured(stage: Stage) -> None:
    body = as_body(user_message())
    assert stage.call(body, auth=None, environ={"HTTP_APIKEY": SECRET})[0].startswith("401 ")
    assert Stage(accept_apikey=True).call(body, auth=None, environ={"HTTP_APIKEY": SECRET})[0] == "200 OK"


# --- bodies -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"a": "\xff"}', b"[" * 5000])
def test_a_body_that_is_no_json_object_gets_412(stage: Stage, body: bytes) -> None:
    answer = stage.call(body)
    assert answer[0].startswith("412 ")
    assert code_of(answer)[1] == "VALIDATION_ERROR"
    assert stage.inputs == []


def padded(size: int) -> bytes:
    payload = user_message()
    payload["context"]["padding"] = ""
    payload["context"]["padding"] = "x" * (size - len(as_body(payload)))
    return as_body(payload)


def test_a_body_of_two_megabytes_is_accepted(stage: Stage) -> None:
    body = padded(MAX_BYTES)
    assert len(body) == MAX_BYTES
    assert stage.call(body)[0] == "200 OK"


def test_a_byte_more_gets_413(stage: Stage) -> None:
    answer = stage.call(padded(MAX_BYTES + 1))
    assert answer[0].startswith("413 ")
    assert code_of(answer)[1] == "PAYLOAD_TOO_LARGE"


@pytest.mark.parametrize("length", ["-1", "many", "9" * 30])
def test_an_invalid_length_gets_413(stage: Stage, length: str) -> None:
    assert stage.call(as_body(user_message()), environ={"CONTENT_LENGTH": length})[0].startswith("413 ")


def test_a_chunked_body_is_read_to_its_end(stage: Stage) -> None:
    answer = stage.call(
        as_body(user_message()), environ={"CONTENT_LENGTH": "", "wsgi.input_terminated": True}
    )
    assert answer[0] == "200 OK"


def test_a_chunked_body_is_bounded_too(stage: Stage) -> None:
    class Endless:
        sent = 0

        def read(self, size: int = -1) -> bytes:
            assert 0 <= size <= MAX_BYTES + 1
            self.sent += min(size, 65536)
            assert self.sent <= MAX_BYTES + 65536
            return b"x" * min(size, 65536)

    stream = Endless()
    answer = stage.call(environ={"CONTENT_LENGTH": "", "wsgi.input": stream, "wsgi.input_terminated": True})
    assert answer[0].startswith("413 ")


def test_without_a_length_or_an_end_nothing_is_read(stage: Stage) -> None:
    assert stage.call(as_body(user_message()), environ={"CONTENT_LENGTH": ""})[0].startswith("412 ")


def test_a_body_that_comes_in_pieces_is_put_together(stage: Stage) -> None:
    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(size or 0, 7))

    body = as_body(user_message())
    assert stage.call(body, environ={"wsgi.input": Slow(body)})[0] == "200 OK"
    assert stage.inputs[0].hook is not None
    assert stage.inputs[0].hook.body == body


def test_a_foreign_callback_host_gets_400_with_its_name(stage: Stage) -> None:
    answer = stage.call(as_body(user_message(sendBotMessageUrl="https://evil.example/x/y")))
    assert answer[0].startswith("400 ")
    message, code = code_of(answer)
    assert code == "INVALID_ARGUMENTS"
    assert "evil.example" in message


def test_a_missing_url_gets_400(stage: Stage) -> None:
    answer = stage.call(as_body({"requestId": 1, "message": "hi", "channel": {"from": "u-1"}}))
    assert answer[0].startswith("400 ")
    assert "sendBotMessageUrl" in code_of(answer)[0]


def test_a_payload_about_another_bot_than_its_path_gets_400(stage: Stage) -> None:
    answer = stage.call(as_body(user_message(botId=OTHER_BOT_ID)))
    assert answer[0].startswith("400 ")
    message, code = code_of(answer)
    assert code == "INVALID_ARGUMENTS"
    assert message.startswith("botId is not that of the path. ")
    assert f"under bot: linked: [{OTHER_BOT_ID}]" in message


@pytest.mark.parametrize("named", [[BOT_ID], [OTHER_BOT_ID, BOT_ID], [], [7]])
def test_a_payload_may_name_several_bots(stage: Stage, named: object) -> None:
    assert stage.call(as_body(user_message(botId=named)))[0] == "200 OK"


def test_a_payload_without_a_bot_id_is_accepted(stage: Stage) -> None:
    assert stage.call(as_body(user_message(botId=None)))[0] == "200 OK"


@pytest.mark.parametrize("request_id", ["x" * 65, 10**64, -(10**64)])
def test_a_request_id_over_the_limit_gets_400(stage: Stage, request_id: str | int) -> None:
    answer = stage.call(as_body(user_message(requestId=request_id)))
    assert answer[0].startswith("400 ")
    assert "requestId" in code_of(answer)[0]


@pytest.mark.parametrize("request_id", ["x" * 64, 10**63])
def test_a_long_request_id_is_accepted(stage: Stage, request_id: str | int) -> None:
    assert stage.call(as_body(user_message(requestId=request_id)))[0] == "200 OK"


# --- bodies that do not come ----------------------------------------------------------------------------------------


def test_a_body_that_ends_early_gets_408(stage: Stage) -> None:
    answer = stage.call(b"{}", environ={"CONTENT_LENGTH": "3"})
    assert answer[0].startswith("408 ")
    assert stage.inputs == []


@pytest.mark.parametrize(("size", "status"), [(MAX_BYTES + 1, "413 "), (3, "408 ")])
def test_an_answer_before_the_end_of_the_body_ends_the_connection_where_the_server_leaves_it_to_us(
    stage: Stage, size: int, status: str
) -> None:
    there = stage.call(b"{}", environ={"CONTENT_LENGTH": str(size), "SERVER_SOFTWARE": "Granian"})
    assert there[0].startswith(status)
    assert there[1]["Connection"] == "close"
    # PEP 3333 forbids applications to send this to other servers.
    assert (
        "Connection"
        not in stage.call(b"{}", environ={"CONTENT_LENGTH": str(size), "SERVER_SOFTWARE": "WSGIServer/0.2"})[
            1
        ]
    )


def test_a_chunked_body_over_the_limit_ends_the_connection(stage: Stage) -> None:
    answer = stage.call(
        padded(MAX_BYTES + 1),
        environ={"CONTENT_LENGTH": "", "SERVER_SOFTWARE": "Granian", "wsgi.input_terminated": True},
    )
    assert answer[0].startswith("413 ")
    assert answer[1]["Connection"] == "close"


def test_other_answers_keep_the_connection(stage: Stage) -> None:
    for body in (as_body(user_message()), b"{"):
        assert "Connection" not in stage.call(body, environ={"SERVER_SOFTWARE": "Granian"})[1]


def test_the_number_of_bodies_read_at_once_is_bounded(stage: Stage) -> None:
    for left in (MAX_CONCURRENT, 1):
        started, go_on = Barrier(left + 1), Event()
        threads = [Thread(target=stage.call_slowly, args=(started, go_on)) for _ in range(left)]
        for thread in threads:
            thread.start()
        started.wait(10)
        status, _, _ = stage.call(as_body(user_message()))
        assert status.startswith("503 " if left == MAX_CONCURRENT else "200 ")
        go_on.set()
        for thread in threads:
            thread.join(10)
    assert stage.call(as_body(user_message()))[0] == "200 OK"


# --- trouble ------------------------------------------------------------------------------------------------------


def test_a_ledger_that_fails_gets_500_and_no_acknowledgement(stage: Stage) -> None:
    stage.outcome = lambda input: LedgerError("the disk is full")
    answer = stage.call(as_body(user_message()))
    assert answer[0].startswith("500 ")
    assert code_of(answer) == ("Internal Server Error", "INTERNAL_SERVER_ERROR")
    assert "supportsMessageAck" not in answer[1]


def test_a_ledger_that_hangs_gets_500_in_time(stage: Stage) -> None:
    stage.outcome = lambda input: None
    assert stage.call(as_body(user_message()))[0].startswith("500 ")


def test_an_unexpected_error_gets_500_and_is_logged_without_the_message(stage: Stage) -> None:
    stage.outcome = lambda input: ValueError("what the user wrote")
    with capture_logs() as lines:
        assert stage.call(as_body(user_message()))[0].startswith("500 ")
    (line,) = lines
    assert (line["event"], line["log_level"]) == ("hook_failed", "error")
    assert line["reason"].startswith("ValueError at")
    assert "what the user wrote" not in str(line)


def test_a_duplicate_is_acknowledged_and_counted(stage: Stage) -> None:
    stage.outcome = lambda input: Committed(Conversation(input.conversation_id), (), (), duplicate=True)
    assert stage.call(as_body(user_message()))[0] == "200 OK"
    assert stage.counted.duplicates == 1


def test_every_answer_is_counted_by_event_and_status(stage: Stage) -> None:
    stage.call(as_body(user_message()))
    stage.call(b"", event="on_event")
    stage.call(as_body(user_message()), auth="nonsense")
    assert stage.counted.hooks == [("on_user_message", 200), ("on_event", 412), ("on_user_message", 401)]
