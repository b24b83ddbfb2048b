from __future__ import annotations

from botkit.kore.bodies import changed_context

BODY = b'{"requestId":1,"context":{"session":{"a":1}}}'


def test_no_changes_leave_a_context_as_it_is() -> None:
    assert changed_context(BODY, "") == b"{}"


def test_a_context_can_be_replaced_by_one_without_members() -> None:
    assert changed_context(BODY, "", replace=True) == b'{"context":{}}'
