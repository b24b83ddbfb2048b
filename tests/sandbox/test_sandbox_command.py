"""`botkit sandbox`, as a process."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from botkit_sandbox.kore.findings import Kind
from tests.sandbox.kore.exports import Bot
from tests.sandbox.salesforce.test_cloud_tokens import VERIFIED, E, N, identity, number

COMMAND = [sys.executable, "-m", "botkit", "sandbox"]
OPTIONS = ("--port", "--host", "--json", "--botkit", "--bot", "--transfer", "--allow-remote", "--keyset")


def test_json_is_one_line_and_the_clouds_answer_until_a_signal() -> None:
    process = subprocess.Popen([*COMMAND, "--port", "0", "--json"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        addresses = json.loads(process.stdout.readline())
        assert requests.get(addresses["page_url"], timeout=30).status_code == 200
        assert requests.get(f"{addresses['salesforce_url']}/nothing", timeout=30).status_code == 404
    finally:
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=30)
    assert rest == ""
    assert process.returncode == 0


def test_warnings_about_an_export_are_a_short_table_that_no_secret_is_in(tmp_path: Path) -> None:
    bot = Bot("Pizza \x1b[31m").variable("apiToken", "hunter2000")
    bot.dialog("Order").entity("Size", "Which size?").service("Stock")
    command = [*COMMAND, "--port", "0", "--json", "--bot", str(bot.write(tmp_path, zipped=True))]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        assert json.loads(process.stdout.readline())["bot_id"] == bot.definition["_id"]
    finally:
        process.send_signal(signal.SIGTERM)
        told = process.communicate(timeout=30)[1]
    assert "Hands over to an agent in: Talk to an agent" in told
    for kind in (Kind.TRANSFER, Kind.CREDENTIAL, Kind.STAND_IN, Kind.ENCODING):
        assert f"1 × {kind.value[0]}" in told
    assert "hunter2000" not in told
    assert "Pizza ?[31m: 2 dialogs" in told


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=100, check=False)


def test_a_taken_port_ends_it_with_a_hint_and_without_a_traceback() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = run("--port", str(taken.getsockname()[1]))
    assert ended.returncode == 1
    assert "is taken; choose another with --port" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.slow
def test_a_host_that_others_can_reach_needs_its_flag() -> None:
    ended = run("--port", "0", "--host", "0.0.0.0")
    assert ended.returncode == 1
    assert "--allow-remote" in ended.stderr


@pytest.mark.slow
def test_a_folder_that_is_no_export_is_explained(tmp_path: Path) -> None:
    ended = run("--port", "0", "--bot", str(tmp_path))
    assert ended.returncode == 1
    assert "botDefinition.json" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.slow
def test_a_keyset_verifies_the_users_of_its_issuer(tmp_path: Path) -> None:
    key = {"kty": "RSA", "kid": "key-1", "n": number(N), "e": number(E)}
    keyset = tmp_path / "Shop_Users.json"
    keyset.write_text(json.dumps({"issuer": "https://idp.example", "keys": [key]}))
    arguments = [*COMMAND, "--port", "0", "--json", "--keyset", str(keyset)]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        addresses = json.loads(process.stdout.readline())
        granted = requests.post(
            f"{addresses['salesforce_url']}/iamessage/api/v2{VERIFIED}",
            json={
                "orgId": addresses["organization_id"],
                "esDeveloperName": addresses["developer_name"],
                "capabilitiesVersion": "1",
                "platform": "Web",
                "authorizationType": "JWT",
                "customerIdentityToken": identity(),
            },
            timeout=30,
        ).json()
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert granted["context"]["endUser"]["subject"] == "v2/iamessage/AUTH/Shop_Users/uid:ada"


@pytest.mark.slow
def test_a_file_that_is_no_keyset_is_explained(tmp_path: Path) -> None:
    for content in ("[]", '{"issuer": "https://idp.example", "keys": []}', "{"):
        file = tmp_path / "keys.json"
        file.write_text(content)
        ended = run("--port", "0", "--keyset", str(file))
        assert ended.returncode == 1
        assert ended.stderr.startswith("BK-7012: ")
        assert "Traceback" not in ended.stderr


def test_the_help_teaches_every_option() -> None:
    told = run("--help").stdout
    assert [option for option in OPTIONS if f"{option} " not in told] == []
