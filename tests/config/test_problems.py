"""The problems that `botkit check` reports: file, line, path, what is wrong, how to fix it."""

from __future__ import annotations

import pytest

from botkit.errors import ConfigurationError
from tests.config.folder import BOT, BOT_ID, SERVER, Folder


def test_every_problem_of_every_file_is_reported_at_once_with_its_line(folder: Folder) -> None:
    folder.server("version: 1\nserver:\n  prot: 8003\nbots: [bots/*.yaml]\n")
    folder.bot(
        BOT.replace("  client_id: cs-1\n", "")  # a missing field
        .replace("name: Acme Assistant", "name: 5")  # a wrong type
        .replace("hunter2hunter2hunter2", "${NOT_SET}")  # an unset variable
    )
    folder.bot(BOT.replace("hunter2hunter2hunter2", "${file:/nowhere/secret}"), "bots/second.yaml")
    assert folder.problems() == [
        "botkit.yaml:3: server.prot: is not known here; did you mean port?",
        "bots/acme.yaml:4: bot.name: is a number, not a text; put it in quotes",
        'bots/acme.yaml:5: kore.client_id: is missing; add client_id: "${KORE_CLIENT_ID}" (Client ID)',
        "bots/acme.yaml:6: kore.client_secret: the variable NOT_SET is not set; "
        "set it, or write ${NOT_SET:-default}",
        "bots/second.yaml:3: bot.id: the same id as in bots/acme.yaml:3; "
        "remove one of the two files, or correct its id",
        "bots/second.yaml:7: kore.client_secret: the file /nowhere/secret cannot be read "
        "(No such file or directory); create the file, or correct the path and its permissions",
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("version: 1\nbot:", "bot:", "1: version: is missing; add version: 1"),
        ("version: 1\nbot:", "version: 2\nbot:", "1: version: “2” is not allowed here; write 1"),
        ("kore:", "koer:", "5: koer: is not known here; did you mean kore?"),
        ("client_id: cs-1", "client_id:", "6: kore.client_id: is empty; write a text"),
        ("client_id: cs-1", 'client_id: ""', "6: kore.client_id: is empty; write something"),
        (
            "hunter2hunter2hunter2",
            "hunter2",
            "7: kore.client_secret: is shorter than 16 characters; copy all of it",
        ),
        ("hunter2hunter2hunter2", '""', "7: kore.client_secret: is empty; write something"),
        ("hunter2hunter2hunter2", "[hunter2]", "7: kore.client_secret: is a list, not a text; write a text"),
        ("[bots.kore.ai]", "bots.kore.ai", "8: kore.callback_hosts: is a text, not a list"),
        (
            "[bots.kore.ai]",
            "[]",
            '8: kore.callback_hosts: is empty; write something, for example ["bots.kore.ai"]',
        ),
        (
            "[bots.kore.ai]",
            "\n  - ok.example\n  - https://b.example/x",
            "10: kore.callback_hosts[1]: “https://b.example/x” is a URL",
        ),
        (
            "[bots.kore.ai]",
            "[x]\n  algorithm: hs512",
            "9: kore.algorithm: “hs512” is not allowed here; did you mean HS512?",
        ),
        (
            "[bots.kore.ai]",
            "[x]\n  accept_apikey: yes",
            "9: kore.accept_apikey: is a text, not true or false",
        ),
        (
            "[bots.kore.ai]",
            "[x]\n  timeout: soon",
            "9: kore.timeout: “soon” is not a valid duration; write 250ms, 2s",
        ),
        ("[bots.kore.ai]", "[x]\n  timeout: 1h", "9: kore.timeout: “1h” is too large; write at most 2m"),
        (
            "[bots.kore.ai]",
            "[x]\n  timeout: 99999h",
            "9: kore.timeout: “99999h” is too large; write at most 2m",
        ),
        ("[bots.kore.ai]", "[x]\n  timeout: 0", "9: kore.timeout: “0” is too small; write at least 100ms"),
        ("[bots.kore.ai]", "[x]\n  timeout: .inf", "9: kore.timeout: “.inf” is not a valid duration"),
        ("[bots.kore.ai]", "[x]\n  timeout: -1", "9: kore.timeout: "),
        (
            "[bots.kore.ai]",
            "[x]\n  client_id: twice",
            "9: kore.client_id: appears twice, first in line 6",
        ),
        (
            BOT_ID,
            BOT_ID.replace("-5777-", "-4777-"),
            "3: bot.id: “st-77777777-7777-4777-8777-777777777777” is not a valid Bot ID",
        ),
        (BOT_ID, BOT_ID.upper(), "3: bot.id: "),
        (
            "agents:\n",
            "agents:\n  default: sales\n",
            "10: agents.default: “sales” is not one of agents.systems; did you mean salesforce?",
        ),
        (
            "agents:\n",
            "agents:\n  channels: {facebook: legacy}\n",
            "10: agents.channels.facebook: “legacy” is not one of agents.systems; write salesforce",
        ),
        (
            "    salesforce:\n",
            "    second: {type: nope}\n    salesforce:\n",
            "11: agents.systems.second.type: “nope” is not an agent system",
        ),
        (
            "      organization_id: ",
            "      type: salesforce-mia\n      organization_id: ",
            "12: SALESFORCE.type: “salesforce-mia” is not an agent system that is installed; did you mean salesforce-miaw?",
        ),
        (
            "      organization_id: ",
            "      type: salesforce-live-chat\n      organization_id: ",
            "11: SALESFORCE.button_id: is missing",
        ),
        (
            "00D000000000007",
            "00D000000000007AAB",
            "12: SALESFORCE.organization_id: “00D000000000007AAB” is mistyped",
        ),
        (
            "00D000000000007",
            "00D00000",
            "12: SALESFORCE.organization_id: “00D00000” is not a valid Organization ID",
        ),
        (
            "https://acme.my.salesforce.com",
            "https://example.com",
            "13: SALESFORCE.organization_base_url: “https://example.com” is not a My Domain host",
        ),
        (
            "https://acme.my.salesforce.com",
            "http://127.0.0.1:8002",
            "13: SALESFORCE.organization_base_url: “http://127.0.0.1:8002” is an http URL on this machine",
        ),
        (
            "Kore_Custom_Client",
            "Kore Custom Client",
            "14: SALESFORCE.developer_name: “Kore Custom Client” is not a valid Developer Name",
        ),
        (
            "    salesforce:",
            "    sales force:",
            "11: agents.systems.sales force: is not a name allowed here",
        ),
    ],
)
def test_a_problem_in_a_bot_file_has_place_reason_and_fix(
    folder: Folder, old: str, new: str, said: str
) -> None:
    said = said.replace("SALESFORCE", "agents.systems.salesforce")
    folder.change_bot(old, new)
    problems = [problem for problem in folder.problems() if problem.startswith(f"bots/acme.yaml:{said}")]
    assert len(problems) == 1, folder.problems()
    assert "; " in problems[0]
    assert "hunter2" not in "".join(folder.problems())


@pytest.mark.parametrize(
    ("server", "said"),
    [
        ("version: 1\n", "1: bots: is missing; add bots: "),
        ("version: 1\nbots: []\n", "2: bots: is empty"),
        ("version: 1\nbots: [nope/*.yaml]\n", "2: bots[0]: “nope/*.yaml” matches no file"),
        ("version: 1\nbots: bots/*.yaml\n", "2: bots: is a text, not a list"),
        (SERVER + "server: {port: 70000}\n", "3: server.port: “70000” is too large; write at most 65535"),
        (
            SERVER + "server: {port: '8003'}\n",
            "3: server.port: is a text, not a whole number; write a whole number without quotes",
        ),
        (SERVER + "server: {prefix: kore}\n", "3: server.prefix: “kore” is not a valid Path prefix"),
        (SERVER + "server: {prefix: /kore/}\n", "3: server.prefix: "),
        (SERVER + "server: {prefix: /a/../b}\n", "3: server.prefix: “/a/../b” is not a valid Path prefix"),
        (SERVER + "server: {prefix: /.}\n", "3: server.prefix: “/.” is not a valid Path prefix"),
        (SERVER + "server: {prefix: /a//b}\n", "3: server.prefix: “/a//b” is not a valid Path prefix"),
        (SERVER + "store: {url: 'sqlite:////tmp'}\n", "3: store.url: names a directory; name a file in it"),
        (SERVER + "store: {url: 'sqlite:///new/'}\n", "3: store.url: names a directory; name a file in it"),
        (SERVER + "store: {url: postgresql://u:hunter2@/d}\n", "3: store.url: names no host; write"),
        (SERVER + "store: {url: postgresql://u:hunter2@h}\n", "3: store.url: names no database; write"),
        (
            SERVER + "store: {url: 'postgresql://u:hun%ter2@h/d'}\n",
            "3: store.url: is no PostgreSQL URL; write postgresql://user:password@host/database; special",
        ),
        (
            SERVER + "store: {url: postgresql://u:hun@ter2@h/d}\n",
            "3: store.url: is no PostgreSQL URL; write postgresql://user:password@host/database; special",
        ),
        (
            SERVER + "store: {url: postgresql://u:hunter2@h:db/d}\n",
            "3: store.url: names a port that is no number; write host:5432",
        ),
        (
            SERVER + "store: {url: postgresql+psycopg://u:hunter2@h/d}\n",
            "3: store.url: is not a valid Store URL; write sqlite:///path/to/file.db",
        ),
        (
            SERVER + "store: {direct_url: postgresql://u:hunter2@h/d}\n",
            "3: store.direct_url: is for PostgreSQL only; remove it",
        ),
        (
            SERVER + "store: {url: postgresql://u:hunter2@h/d, direct_url: postgresql://u:hunter2@h}\n",
            "3: store.direct_url: names no database",
        ),
        (
            SERVER + "store: {url: mysql://u:hunter2@h/d}\n",
            "3: store.url: is not a valid Store URL; write sqlite:///path/to/file.db, relative",
        ),
        (SERVER + "store: {url: 'sqlite:///:memory:'}\n", "3: store.url: keeps nothing"),
        (
            SERVER + "security: {insecure_http: on}\n",
            "3: security.insecure_http: is a text, not true or false",
        ),
        (SERVER + "security: true\n", "3: security: is true or false, not a mapping"),
    ],
)
def test_a_problem_in_the_server_file_has_place_reason_and_fix(
    folder: Folder, server: str, said: str
) -> None:
    folder.server(server)
    problem = folder.problem()
    assert problem.startswith(f"botkit.yaml:{said}")
    assert "hunter2" not in problem


def test_an_empty_type_is_not_the_default_type(folder: Folder) -> None:
    folder.change_bot("      organization_id: ", "      type:\n      organization_id: ")
    assert folder.problem().startswith("bots/acme.yaml:12: agents.systems.salesforce.type: is empty")


def test_a_repeated_key_is_reported_although_the_file_breaks_off_below_it(folder: Folder) -> None:
    folder.change_bot("[bots.kore.ai]", "[x]\n  client_id: twice\n  timeout: a: b")
    assert [problem.partition(";")[0] for problem in folder.problems()] == [
        "bots/acme.yaml:9: kore.client_id: appears twice, first in line 6",
        "bots/acme.yaml:10: (file): is not YAML: mapping values are not allowed here",
    ]


def test_with_several_systems_a_default_is_needed(folder: Folder) -> None:
    system = BOT.split("    salesforce:\n")[1]
    folder.add_to_bot(f"    second:\n{system}")
    assert folder.problem().startswith(
        "bots/acme.yaml:9: agents.default: is missing, and there are several systems"
    )


def test_a_first_retry_longer_than_the_slowest_is_a_problem(folder: Folder) -> None:
    folder.add_to_bot("delivery:\n  first_retry: 30s\n")
    assert folder.problem().startswith(
        "bots/acme.yaml:16: delivery.first_retry: makes the first retry wait longer"
    )


def test_an_unknown_fact_names_the_nearest(folder: Folder) -> None:
    folder.add_to_bot("handoff:\n  attributes: {_firstName: fistname}\n")
    assert "“fistname” is not allowed here; did you mean first_name?" in folder.problem()


# --- files that cannot be read ---------------------------------------------------------------------------------


def test_a_missing_file_is_a_problem(folder: Folder) -> None:
    (folder.path / "botkit.yaml").unlink()
    assert folder.problem() == (
        "botkit.yaml:1: (file): there is no such file; start in the folder that has it, name another, or let botkit init write it"
    )


def test_a_bots_file_is_not_the_servers(folder: Folder) -> None:
    folder.server(BOT)
    assert (
        folder.problem()
        == "botkit.yaml:5: (file): is a bot's file; name botkit.yaml, which lists it under bots"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1: (file): is empty"),
        ("# nothing\n", "1: (file): is empty"),
        ("- a\n", "1: (file): is a list, not a mapping"),
        ("just words\n", "1: (file): is a text, not a mapping"),
        ("version: 1\n---\nversion: 1\n", "2: (file): a second document begins here"),
        (
            "version: 1\nbot: {id: ${ID}}\n",
            "2: (file): is not YAML: expected ',' or '}', but got '{'; close every bracket, and put \"${",
        ),
        (
            "version: 1\nbot:\n\tid: x\n",
            "3: (file): is not YAML: found character '\\t' that cannot start any token; indent with spaces",
        ),
        (
            'version: 1\nbot: "no end\n\n',
            "2: (file): is not YAML: found unexpected end of stream; close the quote",
        ),
        ("version: 1\nbot: a: b\n", "2: (file): is not YAML: mapping values are not allowed here"),
        (
            'version: 1\nhandoff:\n  responses:\n{\n"en":{}\n}\n',
            "5: (file): is not YAML: could not find expected ':'; indent pasted JSON",
        ),
        ("version: 1\n? [a]\n: b\n", "2: (file): a key that is not a text"),
        ("version: 1\nbot: !!python/name:os.system\n", "2: bot: YAML tags (!…) are not used here"),
        (b"version: 1\nbot: \xff\n", "2: (file): is not UTF-8 text"),
        ("version: 1\nbot: \x01\n", "2: (file): holds a control character"),
        (b"#" * (1024 * 1024 + 1), "1: (file): is larger than 1024 KiB"),
        ('version: 1\nbot: {name: "\\ud83d"}\n', "2: bot.name: half of a \\u escape pair"),
    ],
)
def test_a_file_that_is_not_yaml_for_us_says_why(folder: Folder, text: str | bytes, said: str) -> None:
    folder.bot("")
    folder.write("bots/acme.yaml", text)
    assert any(problem.startswith(f"bots/acme.yaml:{said}") for problem in folder.problems()), (
        folder.problems()
    )


@pytest.mark.parametrize(
    "line",
    [
        "client_secret: *hunter2",
        "client_secret: !hunter2 x",
        "client_secret: !hunter2!x y",
        "client_secret:hunter2: x",
    ],
)
def test_broken_yaml_never_shows_a_possible_secret(folder: Folder, line: str) -> None:
    folder.change_bot("client_secret: hunter2hunter2hunter2", line)
    assert folder.problems()
    assert "hunter2" not in "".join(folder.problems())


def test_aliases_do_not_expand_into_a_billion_values(folder: Folder) -> None:
    levels = "".join(
        f"l{level}: &l{level} [{', '.join([f'*l{level - 1}'] * 10)}]\n" for level in range(1, 10)
    )
    folder.bot("l0: &l0 [x, x, x, x, x, x, x, x, x, x]\n" + levels)
    assert "more than 20,000 values" in folder.problem()


def test_an_alias_of_a_value_that_contains_it_is_a_problem(folder: Folder) -> None:
    folder.bot("version: &v [*v]\n")
    assert "an alias (*…) to an anchor that is not defined above it" in folder.problem()


def test_brackets_nested_without_end_are_a_problem(folder: Folder) -> None:
    folder.bot("version: " + "[" * 50_000)
    assert "nested deeper than 32" in folder.problem()


def test_anchors_within_bounds_are_understood(folder: Folder) -> None:
    folder.change_bot("name: Acme Assistant", "name: &name Acme")
    folder.bot(
        BOT.replace("name: Acme Assistant", "name: &n Acme").replace("client_id: cs-1", "client_id: *n")
    )
    assert folder.load_bot().kore.client_id == "Acme"


# --- filling ---------------------------------------------------------------------------------------------------


def test_an_unset_variable_names_the_nearest_that_is_set(folder: Folder) -> None:
    folder.environ["KORE_CLIENT_SECRET"] = "hunter2"
    folder.change_bot("hunter2hunter2hunter2", "${KORE_CLIENT_SECRETS}")
    assert "set it (there is KORE_CLIENT_SECRET)" in folder.problem()


@pytest.mark.parametrize("written", ["'${'", "'${}'", "'${a b}'", "'x ${hunter2!'", "'${1A}'"])
def test_a_place_that_is_no_variable_is_a_problem_that_teaches_the_forms(
    folder: Folder, written: str
) -> None:
    folder.change_bot("hunter2hunter2hunter2", written)
    problem = folder.problem()
    assert problem.startswith("bots/acme.yaml:7: kore.client_secret: ${")
    assert "${NAME}" in problem
    assert "hunter2" not in problem


def test_a_value_with_a_missing_part_is_not_used(folder: Folder) -> None:
    folder.server('version: 1\nbots: ["${NOT_SET}*.yaml"]\n')
    assert folder.problem().startswith("botkit.yaml:2: bots[0]: the variable NOT_SET is not set")


def test_a_file_too_large_to_be_a_value_is_a_problem(folder: Folder) -> None:
    folder.write("bots/big", b"x" * (64 * 1024 + 1))
    folder.change_bot("hunter2hunter2hunter2", "${file:big}")
    assert "is larger than 64 KiB" in folder.problem()


def test_a_value_from_outside_is_never_shown(folder: Folder) -> None:
    folder.environ["X"] = "hunter2"
    folder.server(SERVER + 'server: {port: "${X}", prefix: "${X}"}\nstore: {url: "${X}"}\n')
    folder.bot(
        BOT.replace(BOT_ID, "${X}")
        .replace("bots.kore.ai", '"${X}/"')
        .replace("00D000000000007", "${X}")
        .replace("https://acme.my.salesforce.com", "https://${X}.example")
        .replace("Kore_Custom_Client", "${X} ${X}\n      receive: ${X}\n      type: ${X}-")
        .replace("agents:\n", "agents:\n  default: ${X}\n")
        + "handoff: {responses_file: '${X}', default_language: '${X}!', attributes: {a: '${X}'}, accept_timeout: '${X}'}\n"
    )
    assert len(folder.problems()) >= 9
    assert "hunter2" not in "".join(folder.problems())


def test_the_error_itself_carries_no_other_error_with_values_in_it(folder: Folder) -> None:
    folder.change_bot("hunter2hunter2hunter2", "[hunter2]")
    with pytest.raises(ConfigurationError) as error:
        folder.load()
    assert error.value.__cause__ is None
    assert error.value.__context__ is None


def test_every_problem_is_one_line(folder: Folder) -> None:
    folder.change_bot("Kore_Custom_Client", '"a\\nb\\u2028c\\e[31m"')
    problem = folder.problem()
    assert problem.isprintable()


LINKED = "st-22222222-2222-5222-8222-222222222222"


def test_linked_bots_are_read(folder: Folder) -> None:
    folder.change_bot("  name: Acme Assistant\n", f"  name: Acme Assistant\n  linked: [{LINKED}]\n")
    assert folder.load_bot().linked == (LINKED,)


def test_a_bot_that_is_linked_twice_is_reported(folder: Folder) -> None:
    folder.change_bot(
        "  name: Acme Assistant\n", f"  name: Acme Assistant\n  linked:\n    - {LINKED}\n    - {LINKED}\n"
    )
    assert folder.problem() == (
        "bots/acme.yaml:7: bot.linked[1]: the same id as in bots/acme.yaml:6; "
        "a bot is configured or linked once: remove one"
    )


def test_a_linked_bot_that_is_configured_too_is_reported(folder: Folder) -> None:
    folder.change_bot("  name: Acme Assistant\n", f"  name: Acme Assistant\n  linked: [{LINKED}]\n")
    folder.bot(BOT.replace(BOT_ID, LINKED), "bots/second.yaml")
    assert folder.problem() == (
        "bots/acme.yaml:5: bot.linked[0]: the same id as in bots/second.yaml:3; "
        "a bot is configured or linked once: remove one"
    )


def test_a_linked_bot_has_the_form_of_a_bot_id(folder: Folder) -> None:
    folder.change_bot("  name: Acme Assistant\n", "  name: Acme Assistant\n  linked: [st-1]\n")
    assert folder.problem().startswith("bots/acme.yaml:5: bot.linked[0]: “st-1” is not a valid")
