"""The sandbox as a whole: two ports, both clouds, the page and the control API, from start to stop."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping

import pytest
import requests

from botkit_sandbox.errors import SandboxCannotListen
from botkit_sandbox.page import ASSETS
from botkit_sandbox.server import Sandbox, running_sandbox

CONTRACT = {
    "kore_url",
    "salesforce_url",
    "live_agent_url",
    "page_url",
    "bot_id",
    "client_id",
    "client_secret",
    "organization_id",
    "developer_name",
    "deployment_id",
    "button_id",
    "botkit_url",
}


@pytest.fixture(scope="module")
def addresses() -> Iterator[Mapping[str, str]]:
    with running_sandbox(botkit_url="http://127.0.0.1:9") as addresses:
        yield addresses


def test_the_addresses_have_everything_a_configuration_needs(addresses: Mapping[str, str]) -> None:
    assert set(addresses) == CONTRACT
    assert all(addresses.values())
    assert addresses["botkit_url"] == "http://127.0.0.1:9"


def test_kore_answers_on_the_first_port_at_the_real_hosts_paths(addresses: Mapping[str, str]) -> None:
    path = f"/api/botsdk/stream/{addresses['bot_id']}/sendUserMessage/1"
    assert requests.post(addresses["kore_url"] + path, json={}, timeout=30).status_code == 401


def test_salesforce_answers_on_the_second_port_at_the_real_hosts_paths(addresses: Mapping[str, str]) -> None:
    wanted = {
        "orgId": addresses["organization_id"],
        "esDeveloperName": addresses["developer_name"],
        "capabilitiesVersion": "1",
        "platform": "Web",
    }
    url = f"{addresses['salesforce_url']}/iamessage/api/v2/authorization/unauthenticated/access-token"
    answer = requests.post(url, json=wanted, timeout=30)
    assert answer.status_code == 200
    assert answer.json()["accessToken"]


def test_salesforces_port_has_no_control_api(addresses: Mapping[str, str]) -> None:
    for path in (
        "/sandbox/state",
        "/sandbox/salesforce/state",
        "/sandbox/live-chat/state",
        "/sandbox/kore/state",
        "/",
    ):
        assert requests.get(addresses["salesforce_url"] + path, timeout=30).status_code == 404


def test_the_state_has_both_clouds_and_no_secret(addresses: Mapping[str, str]) -> None:
    answer = requests.get(f"{addresses['kore_url']}/sandbox/state", timeout=30)
    state = answer.json()
    assert [agent["name"] for agent in state["salesforce"]["agents"]] == [
        "Jane Doe",
        "Omar Haddad",
        "Mei Tanaka",
    ]
    assert state["kore"]["bot"]["id"] == addresses["bot_id"]
    assert addresses["client_secret"] not in answer.text


def test_the_control_api_refuses_foreign_hosts_and_origins(addresses: Mapping[str, str]) -> None:
    url = f"{addresses['kore_url']}/sandbox/kore/users"
    assert requests.post(url, json={}, headers={"Host": "evil.example"}, timeout=30).status_code == 403
    assert (
        requests.post(url, json={}, headers={"Origin": "https://evil.example"}, timeout=30).status_code == 403
    )
    assert requests.post(url, json={"name": "Ada"}, timeout=30).status_code == 201


def test_the_page_comes_with_a_policy_that_lets_nothing_else_in(addresses: Mapping[str, str]) -> None:
    for path in ("", "page/app/main.js", "page/style/tokens.css"):
        answer = requests.get(addresses["page_url"] + path, timeout=30)
        assert answer.status_code == 200
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'self';")
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_page_serves_only_its_own_files(addresses: Mapping[str, str]) -> None:
    for path in ("page/../__init__.py", "page/%2e%2e/__init__.py", "page/__init__.py"):
        assert requests.get(addresses["page_url"] + path, timeout=30).status_code in {403, 404}


def test_the_page_names_no_other_host_and_sets_no_markup() -> None:
    for file in ASSETS.rglob("*.*"):
        text = file.read_text(encoding="utf-8").replace("http://www.w3.org/", "")
        assert "//cdn" not in text
        assert "url(http" not in text
        for forbidden in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            " style=",
            "eval(",
        ):
            assert forbidden not in text, f"{file.name} has {forbidden}"


def test_a_stopped_sandbox_gives_its_ports_back() -> None:
    with running_sandbox() as first:
        port = int(first["kore_url"].rpartition(":")[2])
    with socket.create_server(("127.0.0.1", port)):
        pass


def test_a_taken_port_is_reported_with_the_fix() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        words = rf"port {port} is taken; choose another with --port"
        with pytest.raises(SandboxCannotListen, match=words), running_sandbox(port):
            pass


def test_other_machines_reach_it_only_when_that_is_asked_for() -> None:
    with pytest.raises(SandboxCannotListen, match="--allow-remote"):
        Sandbox(0, host="0.0.0.0")
    Sandbox(0, host="0.0.0.0", allow_remote=True)


def test_hooks_go_to_the_port_after_salesforces_unless_said_otherwise() -> None:
    assert Sandbox(8001).kore.botkit_url == "http://127.0.0.1:8003"
    assert (
        Sandbox(8001, botkit_url="http://127.0.0.1:9000/bots/").kore.botkit_url
        == "http://127.0.0.1:9000/bots"
    )


def test_a_botkit_gets_every_hook(addresses: Mapping[str, str]) -> None:
    state = requests.get(f"{addresses['kore_url']}/sandbox/kore/state", timeout=30).json()
    assert state["botkit"]["events"] == sorted(
        ["onMessage", "onHook", "onEvent", "onAlert", "onVariableUpdate", "onAgentTransfer"]
    )


async def test_it_also_runs_on_the_callers_own_loop() -> None:
    sandbox = Sandbox(0)
    await sandbox.start()
    try:
        assert sandbox.addresses()["page_url"] == sandbox.addresses()["kore_url"] + "/"
    finally:
        await sandbox.stop()


def test_live_chat_answers_beside_miaw_with_the_announced_ids(addresses: Mapping[str, str]) -> None:
    version = {"X-LIVEAGENT-API-VERSION": "58"}
    wanted = {
        "org_id": addresses["organization_id"],
        "deployment_id": addresses["deployment_id"],
        "Availability.ids": addresses["button_id"],
    }
    url = f"{addresses['live_agent_url']}/chat/rest/Visitor/Availability"
    answer = requests.get(url, params=wanted, headers=version, timeout=30)
    (result,) = answer.json()["messages"][0]["message"]["results"]
    assert result == {"id": addresses["button_id"], "isAvailable": True}
    assert (addresses["deployment_id"], addresses["button_id"]) == ("572SB0000000001", "573SB0000000001")


def test_both_agent_systems_have_the_same_agents_and_stand_side_by_side_in_the_state(
    addresses: Mapping[str, str],
) -> None:
    state = requests.get(f"{addresses['kore_url']}/sandbox/state", timeout=30).json()
    assert state["live-chat"]["agents"] == state["salesforce"]["agents"]
    assert state["addresses"]["live_agent_url"] == addresses["live_agent_url"]
    own = requests.get(f"{addresses['kore_url']}/sandbox/live-chat/state", timeout=30).json()
    assert own == state["live-chat"]


def test_it_runs_without_botkit() -> None:
    code = (
        "import sys\n"
        "sys.modules['botkit'] = None\n"
        "from botkit_sandbox.server import running_sandbox\n"
        "with running_sandbox() as addresses: print(addresses['bot_id'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("st-")
