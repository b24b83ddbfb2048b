"""The checks of a Live Chat deployment against the emulated service: each cause that it can play is named, with its fix."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from botkit.agents.api import DEFAULT_ATTRIBUTES
from botkit.agents.live_chat import LiveChatSystem
from botkit.agents.live_chat.settings import LiveChatSettings, normalize_live_agent_url
from botkit.checks import Result, Surroundings
from botkit.http.curl import CurlTransport
from botkit.operate.running import Group, run
from botkit_sandbox.bus import Bus
from botkit_sandbox.live_chat import BUTTON_ID, DEPLOYMENT_ID, LiveChatCloud, routes
from botkit_sandbox.live_chat.faults import Fault

SURROUNDINGS = Surroundings(
    bot_name="Acme Assistant",
    language="en",
    attributes=DEFAULT_ATTRIBUTES,
    live=False,
    reach=lambda url, group: (),
    patience=0.5,
)


@dataclass
class Clinic:
    """An emulated deployment and a doctor who looks at it."""

    cloud: LiveChatCloud
    settings: LiveChatSettings
    transport: CurlTransport
    results: dict[str, Result] = field(default_factory=dict)

    async def examine(self, *, live: bool = False) -> dict[str, Result]:
        system = LiveChatSystem("legacy", self.settings, self.transport)
        checks = system.checks(replace(SURROUNDINGS, live=live))
        found = {one.check.removeprefix("live_chat."): one async for one in run(Group(checks))}
        self.results = found
        return found

    def failed(self) -> list[str]:
        return [name for name, one in self.results.items() if one.ok is False]

    def wrong(self) -> list[str]:
        """The checks that failed or warned, but for the retirement, which always does."""
        wrong = [name for name, one in self.results.items() if one.ok is False or (one.ok and one.fix)]
        assert wrong[0] == "retired"
        return wrong[1:]


@pytest.fixture
async def clinic() -> AsyncIterator[Clinic]:
    cloud = LiveChatCloud(wire=None, bus=Bus())
    server = TestServer(routes(cloud), host="127.0.0.1")
    await server.start_server()
    url = normalize_live_agent_url(str(server.make_url("")), insecure_http=True)
    settings = LiveChatSettings(url, cloud.settings.organization_id, DEPLOYMENT_ID, BUTTON_ID)
    async with CurlTransport(allowed_hosts=None, insecure_http=True) as transport:
        yield Clinic(cloud, settings, transport)
    await server.close()


def chats(clinic: Clinic) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = clinic.cloud.state()["conversations"]
    return found


async def test_a_good_set_up_passes_but_for_the_retirement(clinic: Clinic) -> None:
    results = await clinic.examine()
    assert clinic.wrong() == []
    assert "retired Live Chat on 14 February 2026" in results["retired"].cause
    assert "the three ids are right" in results["available"].cause
    assert results["live"].ok is None
    assert chats(clinic) == []


async def test_a_live_examination_requests_one_chat_and_ends_it(clinic: Clinic) -> None:
    results = await clinic.examine(live=True)
    assert clinic.wrong() == []
    assert results["live"].ok
    (chat,) = chats(clinic)
    assert chat["status"] == "ended"
    assert chat["attributes"]["Kore_Bot_Name"] == "Acme Assistant"


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (Fault(kind="page"), "a web page (HTTP 200)"),
        (Fault(kind="page", location="https://acme.my.salesforce.com/"), "leads to acme.my.salesforce.com"),
        (
            Fault(kind="status", status=404),
            "no interface of Live Chat (HTTP 404); Salesforce retired Live Chat",
        ),
        (Fault(kind="status", status=410), "Salesforce retired Live Chat"),
        (Fault(kind="status", status=503), "in trouble (HTTP 503)"),
        (Fault(kind="switch-server", url="https://evil.example/chat"), "a host that is not Salesforce's"),
    ],
    ids=["page", "redirect", "404", "410", "503", "sent elsewhere"],
)
async def test_an_address_that_is_no_host_of_live_chat_is_found_first(
    clinic: Clinic, fault: Fault, cause: str
) -> None:
    clinic.cloud.inject(fault)
    results = await clinic.examine(live=True)
    assert clinic.failed() == ["host"]
    assert cause in results["host"].cause
    assert results["host"].fix
    assert [name for name, one in results.items() if one.ok is None] == [
        "ids",
        "available",
        "session",
        "live",
    ]


async def test_an_organisation_that_has_moved_is_followed_and_told(clinic: Clinic) -> None:
    here = clinic.settings.live_agent_url.removesuffix("/rest")
    clinic.cloud.inject(Fault(kind="switch-server", url=here, times=1))
    results = await clinic.examine()
    assert clinic.wrong() == ["host"]
    assert "has moved to 127.0.0.1" in results["host"].cause
    assert "set live_agent_url to" in results["host"].fix


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("organization_id", "00D000000000002"),
        ("deployment_id", "572000000000002"),
        ("button_id", "573000000000002"),
    ],
)
async def test_a_refusal_that_says_which_id_is_wrong_names_the_setting(
    clinic: Clinic, setting: str, value: str
) -> None:
    clinic.cloud.configure({"visitor_wrong_ids": "refuse"})
    clinic.settings = replace(clinic.settings, **{setting: value})  # type: ignore[arg-type]
    results = await clinic.examine()
    assert clinic.failed() == ["ids"]
    assert f"the service refuses {setting} (HTTP 400" in results["ids"].cause
    assert f"copy {setting}" in results["ids"].fix


@pytest.mark.parametrize("setting", ["organization_id", "deployment_id", "button_id"])
async def test_a_wrong_id_that_looks_like_nobody_is_a_suspect_and_fails_live(
    clinic: Clinic, setting: str
) -> None:
    value = f"{getattr(clinic.settings, setting)[:3]}000000000002"
    clinic.settings = replace(clinic.settings, availability_check=False, **{setting: value})  # type: ignore[arg-type]
    results = await clinic.examine(live=True)
    assert clinic.wrong() == ["available", "live"]
    assert "an id that the service does not know looks the same" in results["available"].cause
    assert "NoPost: the service knows no such deployment or button" in results["live"].cause
    assert "organization_id, deployment_id and button_id" in results["live"].fix


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("Bad Request: unsupported API version", "refuses api_version"),
        ("Bad Request", "refuses the ids without saying which"),
    ],
)
async def test_other_refusals_of_visitors_are_shown(clinic: Clinic, message: str, cause: str) -> None:
    clinic.cloud.inject(Fault(kind="status", status=400, message=message, operation="Availability"))
    results = await clinic.examine()
    assert clinic.failed() == ["ids"]
    assert cause in results["ids"].cause


async def test_nobody_online_is_a_warning_and_no_chat_is_requested(clinic: Clinic) -> None:
    for agent in clinic.cloud.state()["agents"]:
        clinic.cloud.set_online(agent["id"], online=False)
    results = await clinic.examine(live=True)
    assert clinic.wrong() == ["available", "live"]
    assert "nobody is available" in results["available"].cause
    assert "no chat was requested" in results["live"].cause
    assert chats(clinic) == []


async def test_a_session_that_is_refused_leaves_the_chat_unrequested(clinic: Clinic) -> None:
    clinic.cloud.inject(Fault(kind="status", status=400, message="No", operation="SessionId"))
    results = await clinic.examine(live=True)
    assert clinic.failed() == ["session"]
    assert "HTTP 400, “No”" in results["session"].cause
    assert results["live"].ok is None


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("Unavailable", "all have declined"),
        ("InternalFailure", "could not create the chat"),
        ("Blocked", "this machine's address is blocked"),
        ("Unknown", "not documented"),
    ],
)
async def test_each_reason_of_a_failed_request_is_explained(clinic: Clinic, reason: str, cause: str) -> None:
    clinic.cloud.inject(Fault(kind="request-fail", reason=reason))  # type: ignore[arg-type]
    results = await clinic.examine(live=True)
    assert clinic.failed() == ["live"]
    assert f"failed with {reason}" in results["live"].cause
    assert cause in results["live"].cause


async def test_a_request_that_is_never_answered_is_ended_after_some_patience(clinic: Clinic) -> None:
    clinic.cloud.inject(Fault(kind="empty-polls"))
    results = await clinic.examine(live=True)
    assert clinic.failed() == ["live"]
    assert "no answer within 0.5 seconds" in results["live"].cause
    assert [chat["status"] for chat in chats(clinic)] == ["ended"]


async def test_a_chat_that_cannot_be_ended_is_a_warning(clinic: Clinic) -> None:
    clinic.cloud.inject(Fault(kind="status", status=500, operation="ChatEnd"))
    results = await clinic.examine(live=True)
    assert clinic.wrong() == ["live"]
    assert "the chat could not be ended" in results["live"].cause
    assert "HTTP 500" in results["live"].cause
