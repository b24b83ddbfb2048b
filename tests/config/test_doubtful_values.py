"""Warnings of values that are well formed and hardly right; none shows a value that may be a secret."""

from __future__ import annotations

import pytest

from botkit.handoff.translations import MESSAGES
from tests.config.folder import BOT, SERVER, Folder


def warnings(folder: Folder) -> list[str]:
    """Every warning, without its file."""
    return [
        f"{warning.line}: {warning.path}: {warning.what}; {warning.fix}" for warning in folder.load().warnings
    ]


def test_a_usual_configuration_has_none(folder: Folder) -> None:
    assert warnings(folder) == []


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("st-77777777-7777-5777-8777-777777777777", "st-11111111-1111-5111-8111-111111111111", "3: bot.id"),
        ("cs-1", "cs-11111111-1111-5111-8111-111111111111", "6: kore.client_id"),
        ("cs-1", "cs-…", "6: kore.client_id"),
        ("hunter2hunter2hunter2", "made-up-hunter2hunter2", "7: kore.client_secret"),
        ("00D000000000007", "00D000000000001", "12: agents.systems.salesforce.organization_id"),
        ("acme.my", "your-domain.my", "13: agents.systems.salesforce.organization_base_url"),
    ],
)
def test_a_made_up_value_is_named_and_not_shown(folder: Folder, old: str, new: str, place: str) -> None:
    folder.change_bot(old, new)
    assert warnings(folder) == [f"{place}: is still a made-up value; write your own value"]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        (
            "client_secret",
            "${KORE_CLIENT_SECRET}",
            "is ${…} itself: nothing is filled in where this text stands",
        ),
        ("client_secret", "hunter2hunter2hunter2\n", "begins or ends with blanks"),
        ("client_id", "${KORE_CLIENT_ID} ", "is ${…} itself"),
        ("client_id", "cs-1 ", "begins or ends with blanks"),
        ("client_id", "hunter2", "does not begin with cs-"),
    ],
)
def test_a_value_that_was_spoilt_while_it_was_copied_is_not_shown(
    folder: Folder, key: str, value: str, said: str
) -> None:
    folder.environ["X"] = value
    folder.change_bot({"client_id": "cs-1", "client_secret": "hunter2hunter2hunter2"}[key], "${X}")
    (warning,) = warnings(folder)
    assert f"kore.{key}: {said}" in warning
    assert "hunter2" not in warning


@pytest.mark.parametrize("language", ["de", "pt-BR", "zh_TW", "EN"])
def test_a_language_with_messages_is_good(folder: Folder, language: str) -> None:
    folder.add_to_bot(f"handoff: {{default_language: {language}}}\n")
    assert warnings(folder) == []


def test_a_language_without_messages_is_named_with_those_that_have_some(folder: Folder) -> None:
    folder.add_to_bot("handoff: {default_language: xx}\n")
    (warning,) = warnings(folder)
    assert "15: handoff.default_language: “xx” has no messages" in warning
    assert ", ".join(MESSAGES) in warning
    folder.add_to_bot("handoff: {default_language: xx, responses: {xx: {agentJoinedMessage: a}}}\n")
    assert warnings(folder) == []


@pytest.mark.parametrize(
    ("public_url", "prefix", "fix"),
    [
        ("https://acme.example/botkit/", "", "write prefix: /botkit,"),
        ("https://acme.example", "/botkit", 'write prefix: "",'),
        ("https://acme.example/botkit/", "/botkit", None),
        ("https://acme.example", "", None),
        ("", "/botkit", None),
    ],
)
def test_a_path_that_differs_from_the_prefix(
    folder: Folder, public_url: str, prefix: str, fix: str | None
) -> None:
    folder.server(f"{SERVER}server: {{public_url: '{public_url}', prefix: '{prefix}'}}\n")
    assert [fix in warning for warning in warnings(folder) if fix] == ([True] if fix else [])
    assert bool(warnings(folder)) == bool(fix)


def test_an_empty_variable_is_to_be_filled(folder: Folder) -> None:
    folder.environ["KORE_CLIENT_SECRET"] = ""
    folder.bot(BOT.replace("hunter2hunter2hunter2", "${KORE_CLIENT_SECRET}"))
    assert folder.problem().endswith(
        "kore.client_secret: is empty; write a value into the variable or the file that it is filled from"
    )


@pytest.mark.parametrize(
    "host",
    ["localhost", "kore.localhost:8001", "127.0.0.1", "127.0.0.1:8001", "'[::1]:8001'", "169.254.169.254"],
)
def test_a_callback_host_on_this_machine_is_named(folder: Folder, host: str) -> None:
    folder.change_bot("[bots.kore.ai]", f"[bots.kore.ai, {host}]")
    (warning,) = warnings(folder)
    assert warning.startswith("8: kore.callback_hosts[1]: “")
    assert "is this machine or on its link, and is not called; write the platform's host" in warning
    folder.server(SERVER + "security: {insecure_http: true}\n")
    assert warnings(folder) == []
