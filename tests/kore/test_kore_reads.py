"""What the platform answers when it is asked for variables and dialogs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from botkit.errors import BadReply
from botkit.kore.reads import BotVariable, read_dialog, read_variables


def test_variables_are_read_in_the_platforms_order() -> None:
    records: list[dict[str, Any]] = [
        {"_id": "v-2", "key": "greeting", "value": "Hallo", "variableType": "locale", "hint": "h"},
        {"_id": "v-1", "key": "limits", "value": {"a": 1}, "variableType": "env"},
    ]
    variables = read_variables(json.dumps({"count": 2, "variables": records}).encode())
    assert variables == (
        BotVariable("v-2", "greeting", "Hallo", "locale", records[0]),
        BotVariable("v-1", "limits", {"a": 1}, "env", records[1]),
    )


def test_a_variable_may_lack_members() -> None:
    (variable,) = read_variables(b'{"variables":[{"key":"k"}, 7]}')
    assert (variable.id, variable.key, variable.value, variable.type) == ("", "k", None, "")


def test_the_value_of_a_variable_is_not_in_its_repr() -> None:
    (variable,) = read_variables(b'{"variables":[{"key":"k","value":"hunter2"}]}')
    assert "hunter2" not in repr(variable)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"variables":{}}', b"<html>"])
def test_an_answer_without_variables_is_a_bad_reply(body: bytes) -> None:
    with pytest.raises(BadReply, match="fetch bot variable"):
        read_variables(body)


def test_an_answer_with_errors_is_a_bad_reply_that_quotes_nobody() -> None:
    with pytest.raises(BadReply, match="answered with errors") as caught:
        read_variables(b'{"errors":[{"msg":"Ada said something","code":"X"}],"variables":[]}')
    assert "Ada" not in str(caught.value)


def test_a_dialog_has_nodes_and_components_by_name() -> None:
    dialog = read_dialog(
        json.dumps(
            {
                "_id": "dg-1",
                "nodes": [{"nodeId": "intent0"}],
                "components": [{"_id": "dc-1", "name": "A"}, {"_id": "dc-2", "name": "B"}, {"name": "A"}],
            }
        ).encode()
    )
    assert (dialog.id, [node["nodeId"] for node in dialog.nodes]) == ("dg-1", ["intent0"])
    assert dialog.component("B") == {"_id": "dc-2", "name": "B"}
    assert dialog.component("A") == {"name": "A"}
    assert dialog.component("C") is None


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"_id":1}', b'{"errors":[]}'])
def test_an_answer_without_a_dialog_is_a_bad_reply(body: bytes) -> None:
    with pytest.raises(BadReply, match="get dialog"):
        read_dialog(body)
