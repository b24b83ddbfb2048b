"""Hooks at every door: WSGI, ASGI, and the protocol class of `botkit serve`."""

from __future__ import annotations

import json

import pytest
from structlog.testing import capture_logs

from botkit.errors import LedgerError
from botkit.handoff.conversation import Conversation
from botkit.hooks.bodies import MAX_BYTES
from botkit.ledger.interface import Committed
from tests.door.stage import Stage
from tests.hooks.hook_payloads import (
    BOT_ID,
    OTHER_BOT_ID,
    SECRET,
    agent_transfer,
    as_body,
    token,
    user_message,
)


def test_a_hook_is_acknowledged_once_it_is_committed(stage: Stage) -> None:
    status, headers, body = stage.call(as_body(user_message()))
    assert status == 200
    assert headers["supportsmessageack"] == "true"
    assert headers["content-type"] == "application/json"
    assert headers["content-length"] == str(len(body))
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
    assert stage.call(as_body(user_message()), event=event).status == 200
    assert len(stage.inputs) == 1


def test_a_transfer_arrives_at_the_component_path(stage: Stage) -> None:
    path = f"/sdk/bots/{BOT_ID}/components/dc-9/on_agent_transfer"
    assert stage.call(as_body(agent_transfer()), path=path).status == 200
    (input,) = stage.inputs
    assert input.hook is not None
    assert input.hook.component_id == "dc-9"


def test_a_webhook_is_answered_with_its_own_payload(stage: Stage) -> None:
    body = as_body(user_message(dialogComponentName="Hook"))
    status, headers, answer = stage.call(body, event="on_webhook")
    assert (status, answer) == (200, body)
    assert headers["supportsmessageack"] == "true"


def test_the_content_type_does_not_matter(stage: Stage) -> None:
    assert stage.call(as_body(user_message()), headers={"content-type": "text/plain"}).status == 200


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/sdk/bots/acme/on_event", f"/x/sdk/bots/{BOT_ID}/on_event"]
)
def test_other_paths_go_to_the_wrapped_application(stage: Stage, path: str) -> None:
    assert stage.call(path=path, method="GET").body == f"wrapped {path}".encode()


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS"])
def test_another_method_than_post_gets_405(stage: Stage, method: str) -> None:
    status, headers, _ = stage.call(method=method)
    assert status == 405
    assert headers["allow"] == "POST"


def test_an_answer_to_head_has_no_body(stage: Stage) -> None:
    """Where the server sends the application's, the client would take it for the answer to its next request."""
    answer = stage.call(method="HEAD")
    assert (answer.status, answer.body) == (405, b"")
    assert int(answer.headers["content-length"]) == len(stage.call(method="GET").body)


# --- who is calling ------------------------------------------------------------------------------------------------


def test_a_caller_without_a_valid_token_gets_the_401_of_the_protocol(stage: Stage) -> None:
    status, headers, body = stage.call(as_body(user_message()), auth=None)
    assert status == 401
    assert json.loads(body) == {"errors": [{"msg": "Invalid apikey", "code": 4002}]}
    assert json.loads(headers["response-error-description"]) == json.loads(body)
    assert stage.inputs == []


def test_hooks_under_a_prefix_are_authenticated(door: type[Stage]) -> None:
    stage = door(prefix="/botkit")
    path = f"/botkit/sdk/bots/{BOT_ID}/on_user_message"
    assert stage.call(as_body(user_message()), path=path, auth=None).status == 401
    assert stage.call(as_body(user_message()), path=path).status == 200


def test_a_caller_without_a_valid_token_does_not_learn_which_bots_exist(stage: Stage) -> None:
    here = stage.call(as_body(user_message()), auth="nonsense")
    elsewhere = stage.call(as_body(user_message()), auth="nonsense", bot_id=OTHER_BOT_ID)
    assert here == elsewhere


def test_the_platform_learns_that_a_bot_is_not_configured(stage: Stage) -> None:
    answer = stage.call(as_body(user_message()), bot_id=OTHER_BOT_ID)
    assert answer.status == 404
    message, code = answer.error
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
    known, unknown = [line for line in lines if line["event"].startswith("hook")]
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
    refused = [line for line in lines if line["event"].startswith("hook")]
    assert len(refused) < 40
    assert [line["bot"] for line in refused[-2:]] == [BOT_ID, OTHER_BOT_ID]


def test_a_host_that_is_not_configured_is_logged_with_the_key_to_change(stage: Stage) -> None:
    elsewhere = as_body(user_message()).replace(b"://bots.kore.example", b"://de-bots.kore.ai")
    with capture_logs() as lines:
        assert stage.call(elsewhere).status == 400
    (line,) = [line for line in lines if line["event"].startswith("hook")]
    assert line["log_level"] == "warning"
    assert "de-bots.kore.ai is not one of the configured hosts" in line["reason"]
    assert line["fix"] == "kore.callback_hosts"


def test_no_log_line_of_a_refused_hook_shows_the_token(stage: Stage) -> None:
    foreign = token(secret=SECRET[::-1])
    with capture_logs() as lines:
        stage.call(as_body(user_message()), auth=foreign)
    (line,) = [line for line in lines if line["event"].startswith("hook")]
    assert "signed with another secret" in line["reason"]
    assert foreign[:20] not in str(line)


def test_whoever_is_not_the_platform_learns_nothing_of_the_configured_bots(stage: Stage) -> None:
    for bot_id in (BOT_ID, OTHER_BOT_ID):
        answer = stage.call(as_body(user_message()), bot_id=bot_id, auth=token(secret=SECRET[::-1]))
        assert answer.status == 401
        assert answer.error == ("Invalid apikey", 4002)


def test_hooks_of_a_linked_bot_are_accepted_with_the_keys_of_the_configured_one(door: type[Stage]) -> None:
    stage = door(linked=(OTHER_BOT_ID,))
    assert stage.call(as_body(user_message()), bot_id=OTHER_BOT_ID).status == 200
    assert stage.inputs[0].conversation_id.bot_id == BOT_ID


def test_the_apikey_header_is_accepted_only_if_configured(stage: Stage, door: type[Stage]) -> None:
    body = as_body(user_message())
    assert stage.call(body, auth=None, headers={"apikey": SECRET}).status == 401
    assert door(accept_apikey=True).call(body, auth=None, headers={"apikey": SECRET}).status == 200


# --- bodies -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"a": "\xff"}', b"[" * 5000])
def test_a_body_that_is_no_json_object_gets_412(stage: Stage, body: bytes) -> None:
    answer = stage.call(body)
    assert answer.status == 412
    assert answer.error[1] == "VALIDATION_ERROR"
    assert stage.inputs == []


def padded(size: int) -> bytes:
    payload = user_message()
    payload["context"]["padding"] = ""
    payload["context"]["padding"] = "x" * (size - len(as_body(payload)))
    return as_body(payload)


def test_a_body_of_two_megabytes_is_accepted(stage: Stage) -> None:
    body = padded(MAX_BYTES)
    assert len(body) == MAX_BYTES
    assert stage.call(body).status == 200


def test_a_byte_more_gets_413(stage: Stage) -> None:
    answer = stage.call(padded(MAX_BYTES + 1))
    assert answer.status == 413
    assert answer.error[1] == "PAYLOAD_TOO_LARGE"


def test_a_foreign_callback_host_gets_400_with_its_name(stage: Stage) -> None:
    answer = stage.call(as_body(user_message(sendBotMessageUrl="https://evil.example/x/y")))
    assert answer.status == 400
    message, code = answer.error
    assert code == "INVALID_ARGUMENTS"
    assert "evil.example" in message


@pytest.mark.parametrize("end", ["15 01", "1#2", "ü", "x" * 4_001])
def test_a_url_that_could_not_be_called_gets_400(stage: Stage, end: str) -> None:
    payload = user_message()
    payload["sendBotMessageUrl"] = f"{payload['baseUrl']}/sendBotMessage/{end}"
    answer = stage.call(as_body(payload))
    assert answer.status == 400
    assert answer.error[0].startswith("Callback URL refused: not a plain http(s) URL")
    assert stage.inputs == []


def test_a_missing_url_gets_400(stage: Stage) -> None:
    answer = stage.call(as_body({"requestId": 1, "message": "hi", "channel": {"from": "u-1"}}))
    assert answer.status == 400
    assert "sendBotMessageUrl" in answer.error[0]


def test_a_payload_about_another_bot_than_its_path_gets_400(stage: Stage) -> None:
    answer = stage.call(as_body(user_message(botId=OTHER_BOT_ID)))
    assert answer.status == 400
    message, code = answer.error
    assert code == "INVALID_ARGUMENTS"
    assert message.startswith("botId is not that of the path. ")
    assert f"under bot: linked: [{OTHER_BOT_ID}]" in message


@pytest.mark.parametrize("named", [[BOT_ID], [OTHER_BOT_ID, BOT_ID], [], [7]])
def test_a_payload_may_name_several_bots(stage: Stage, named: object) -> None:
    assert stage.call(as_body(user_message(botId=named))).status == 200


def test_a_payload_without_a_bot_id_is_accepted(stage: Stage) -> None:
    assert stage.call(as_body(user_message(botId=None))).status == 200


@pytest.mark.parametrize("request_id", ["x" * 65, 10**64, -(10**64)])
def test_a_request_id_over_the_limit_gets_400(stage: Stage, request_id: str | int) -> None:
    answer = stage.call(as_body(user_message(requestId=request_id)))
    assert answer.status == 400
    assert "requestId" in answer.error[0]


@pytest.mark.parametrize("request_id", ["x" * 64, 10**63])
def test_a_long_request_id_is_accepted(stage: Stage, request_id: str | int) -> None:
    assert stage.call(as_body(user_message(requestId=request_id))).status == 200


# --- trouble ------------------------------------------------------------------------------------------------------


def test_a_ledger_that_fails_gets_500_and_no_acknowledgement(stage: Stage) -> None:
    stage.service.outcome = lambda input: LedgerError("the disk is full")
    answer = stage.call(as_body(user_message()))
    assert answer.status == 500
    assert answer.error == ("Internal Server Error", "INTERNAL_SERVER_ERROR")
    assert "supportsmessageack" not in answer.headers


def test_a_ledger_that_hangs_gets_500_in_time(stage: Stage) -> None:
    stage.service.outcome = lambda input: None
    assert stage.call(as_body(user_message())).status == 500


def test_an_unexpected_error_gets_500_and_is_logged_without_the_message(stage: Stage) -> None:
    stage.service.outcome = lambda input: ValueError("what the user wrote")
    with capture_logs() as lines:
        assert stage.call(as_body(user_message())).status == 500
    (line,) = [line for line in lines if line["event"].startswith("hook")]
    assert (line["event"], line["log_level"]) == ("hook_failed", "error")
    assert line["reason"].startswith("ValueError at")
    assert "what the user wrote" not in str(line)


def test_a_duplicate_is_acknowledged_and_counted(stage: Stage) -> None:
    stage.service.outcome = lambda input: Committed(
        Conversation(input.conversation_id), (), (), duplicate=True
    )
    assert stage.call(as_body(user_message())).status == 200
    assert stage.counted.duplicates == 1


def test_every_answer_is_counted_by_event_and_status(stage: Stage) -> None:
    stage.call(as_body(user_message()))
    stage.call(b"", event="on_event")
    stage.call(as_body(user_message()), auth="nonsense")
    assert stage.counted.hooks == [("on_user_message", 200), ("on_event", 412), ("on_user_message", 401)]


@pytest.mark.parametrize("length", ["-1", "many", "9" * 30])
def test_an_invalid_length_is_refused(stage: Stage, length: str) -> None:
    # A server may refuse it itself.
    assert stage.call(as_body(user_message()), headers={"content-length": length}).status in (400, 413)
    assert stage.inputs == []


def test_a_ledger_that_hangs_may_still_commit_and_is_not_waited_for(door: type[Stage]) -> None:
    stage = door(commit_seconds=0.01)
    stage.service.outcome = lambda input: None
    with capture_logs() as lines:
        assert stage.call(as_body(user_message())).status == 500
    assert [(line["event"], line["code"]) for line in lines] == [("hook_failed", "BK-3000")]
