"""The checks of a MIAW deployment against the emulated Salesforce: each cause that it can play is named, with its fix."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from botkit.agents.api import DEFAULT_ATTRIBUTES
from botkit.agents.miaw import MiawSettings, MiawSystem
from botkit.checks import Result, Surroundings
from botkit.handoff.reference import reference
from botkit.http import Request, Response
from botkit.http.curl import CurlTransport
from botkit.operate.running import Group, run
from botkit.testing.waiting import async_until
from botkit_sandbox.salesforce import SalesforceCloud, SalesforceSandboxSettings, routes
from botkit_sandbox.salesforce.faults import Fault
from botkit_sandbox.salesforce.prechat import PrechatField

TOKEN, CREATE, LIST = "unauthenticatedToken", "createConversation", "listConversationEntries"
HIDDEN = tuple(name for name in DEFAULT_ATTRIBUTES if not name.startswith("_"))
SURROUNDINGS = Surroundings(
    bot_name="Acme Assistant",
    language="en",
    attributes=DEFAULT_ATTRIBUTES,
    live=False,
    reach=lambda url, group: (),
    patience=0.4,
)


@dataclass
class Clinic:
    """An emulated organisation and a doctor who looks at it."""

    cloud: SalesforceCloud
    settings: MiawSettings
    transport: CurlTransport
    surroundings: Surroundings = SURROUNDINGS
    seconds_ahead: float = 0.0
    results: dict[str, Result] = field(default_factory=dict)

    async def examine(self, *, live: bool = False) -> dict[str, Result]:
        system = MiawSystem(
            "salesforce", self.settings, self.transport, clock=lambda: time.time() + self.seconds_ahead
        )
        checks = system.checks(replace(self.surroundings, live=live))
        self.results = {one.check: one async for one in run(Group(checks, "st-1", "salesforce"))}
        return self.results

    def failed(self) -> list[str]:
        return [name for name, one in self.results.items() if one.ok is False]

    def wrong(self) -> list[str]:
        """The checks that failed or warned."""
        return [name for name, one in self.results.items() if one.ok is False or (one.ok and one.fix)]


@pytest.fixture
async def clinic() -> AsyncIterator[Clinic]:
    cloud = SalesforceCloud(wire=None, bus=None, settings=SalesforceSandboxSettings(known_attributes=HIDDEN))
    server = TestServer(routes(cloud), host="127.0.0.1")
    await server.start_server()
    settings = MiawSettings(
        organization_id=cloud.settings.organization_id,
        organization_base_url=str(server.make_url("")).rstrip("/"),
        developer_name=cloud.settings.developer_name,
    )
    async with CurlTransport(allowed_hosts=None, insecure_http=True) as transport:
        yield Clinic(cloud, settings, transport)
    await server.close()


async def test_a_good_set_up_passes_and_nobody_on_the_other_side_notices(clinic: Clinic) -> None:
    results = await clinic.examine()
    assert clinic.wrong() == []
    assert [name for name, one in results.items() if one.ok is None] == ["salesforce.live"]
    assert clinic.cloud.conversations == {}


async def test_a_live_examination_opens_one_conversation_sends_one_message_and_ends_it(
    clinic: Clinic,
) -> None:
    results = await clinic.examine(live=True)
    assert clinic.wrong() == []
    (conversation,) = clinic.cloud.conversations.values()
    assert conversation.closed_ms is not None
    assert conversation.attributes["Kore_Bot_Name"] == "Acme Assistant"
    assert conversation.attributes["Handoff_Reference"] == reference(conversation.id)
    assert conversation.ignored_attributes == ()
    assert conversation.session.id in results["salesforce.live.routing"].cause
    agents = results["salesforce.live.agents"]
    assert (agents.ok, "Omni-Channel Supervisor" in agents.fix) == (None, True)
    looked_up = results["salesforce.live.attributes"]
    assert looked_up.ok is None
    assert conversation.session.id in looked_up.fix
    assert "Kore_User_Id" in looked_up.fix


# --- the host and the token ---


@pytest.mark.parametrize(
    ("fault", "cause", "fix"),
    [
        (Fault(kind="page", operation=TOKEN), "answers with a web page (HTTP 200)", "My Domain"),
        (Fault(kind="page", status=503, operation=TOKEN), "a web page (HTTP 503)", "let the proxy pass"),
        (
            Fault(kind="page", location="https://acme.my.salesforce.com/?ec=302", operation=TOKEN),
            "leads to acme.my.salesforce.com: a login page",
            "organization_base_url",
        ),
        (
            Fault(kind="status", status=404, operation=TOKEN),
            "has no interface of MIAW (HTTP 404)",
            "My Domain",
        ),
        (Fault(kind="refuse"), "the server closed the connection", "check the network"),
    ],
    ids=["login page", "firewall's page", "redirect", "404", "hangs up"],
)
async def test_an_address_that_is_no_host_of_miaw_is_found_before_the_token_is_judged(
    clinic: Clinic, fault: Fault, cause: str, fix: str
) -> None:
    clinic.cloud.inject(fault)
    results = await clinic.examine(live=True)
    host = results["salesforce.host"]
    assert cause in host.cause
    assert fix in host.fix
    assert clinic.failed() == ["salesforce.host"]
    assert results["salesforce.token"].cause == "not checked, because salesforce.host failed"


@pytest.mark.parametrize("name", ["Kore_Messaging_Channel", "Nobody_Knows_It"])
@pytest.mark.parametrize("reasons", ["stated", "none"])
async def test_the_channels_name_instead_of_the_deployments_is_told_from_a_wrong_organisation(
    clinic: Clinic, name: str, reasons: str
) -> None:
    clinic.cloud.configure({"refusal_reasons": reasons})
    clinic.settings = replace(clinic.settings, developer_name=name)
    results = await clinic.examine()
    assert clinic.failed() == ["salesforce.token"]
    token = results["salesforce.token"]
    assert "developer" in token.cause
    assert "organization_id is wrong" not in token.cause
    assert "API name of the Embedded Service deployment" in token.fix
    assert "the name of the messaging channel, which Kore's page tells to copy, is refused" in token.fix


async def test_a_wrong_organisation_is_named_with_the_right_one(clinic: Clinic) -> None:
    clinic.settings = replace(clinic.settings, organization_id="00D000000000002")
    results = await clinic.examine()
    assert clinic.failed() == ["salesforce.organization"]
    assert "is the organisation 00DSB0000000001, and organization_id is 00D000000000002" in (
        results["salesforce.organization"].cause
    )
    assert "Company Information" in results["salesforce.organization"].fix
    assert results["salesforce.token"].ok is None


async def test_a_bare_refusal_names_both_suspects_where_the_organisation_is_not_shown(clinic: Clinic) -> None:
    clinic.cloud.configure({"refusal_reasons": "none", "organization_shown": False})
    clinic.settings = replace(clinic.settings, organization_id="00D000000000002")
    results = await clinic.examine()
    assert results["salesforce.organization"].ok is None
    token = results["salesforce.token"]
    assert "without a reason: developer_name or organization_id is wrong" in token.cause
    assert "Embedded Service deployment" in token.fix
    assert "Company Information" in token.fix


@pytest.mark.parametrize("reasons", ["stated", "none"])
async def test_an_unpublished_deployment_is_named_even_if_the_refusal_says_nothing(
    clinic: Clinic, reasons: str
) -> None:
    clinic.cloud.configure({"published": False, "refusal_reasons": reasons})
    results = await clinic.examine()
    assert clinic.failed() == ["salesforce.token"]
    assert "the deployment is not published" in results["salesforce.token"].cause
    assert "press Publish" in results["salesforce.token"].fix


@pytest.mark.parametrize("reasons", ["stated", "none"])
async def test_a_channel_for_verified_users_is_told_from_a_wrong_name(clinic: Clinic, reasons: str) -> None:
    clinic.cloud.configure({"auth_mode": "Auth", "refusal_reasons": reasons})
    results = await clinic.examine()
    assert clinic.failed() == ["salesforce.token"]
    assert "takes verified users only" in results["salesforce.token"].cause
    assert "switch User Verification off" in results["salesforce.token"].fix


@pytest.mark.parametrize(
    ("kind", "ok", "seen"),
    [
        ("Web", False, "a deployment of the type Web, not Custom Client (API)"),
        ("Custom Client", True, "a deployment of the type Custom Client"),
        ("", None, "does not describe the deployment"),
    ],
)
async def test_the_stated_type_of_the_deployment_is_judged(
    clinic: Clinic, kind: str, ok: bool | None, seen: str
) -> None:
    clinic.cloud.configure({"deployment_type": kind})
    deployment = (await clinic.examine())["salesforce.deployment"]
    assert deployment.ok is ok
    assert seen in deployment.cause
    assert ("Custom Client" in deployment.fix) is (ok is not True)


async def test_a_host_that_accepts_and_never_answers_is_named_with_a_fix(clinic: Clinic) -> None:
    clinic.settings = replace(clinic.settings, timeout=timedelta(milliseconds=50))
    clinic.cloud.inject(Fault(kind="silence", operation=TOKEN))
    host = (await clinic.examine())["salesforce.host"]
    address = clinic.settings.organization_base_url.removeprefix("http://")
    assert host.ok is False
    assert host.cause.startswith(f"{address}: ")
    assert host.fix == f"check the network and the firewall between this machine and {address}"


async def test_a_web_deployment_is_told_from_a_wrong_name(clinic: Clinic) -> None:
    clinic.settings = replace(clinic.settings, developer_name="Kore_Web_Chat")
    results = await clinic.examine()
    assert "not of the type Custom Client" in results["salesforce.token"].cause
    assert "create a deployment of the type Custom Client" in results["salesforce.token"].fix


@pytest.mark.parametrize(
    ("status", "message", "cause", "fix"),
    [
        (400, "context must not be null", "not content with the client's context", "report"),
        (400, "captchaToken is required", "wants a captcha solved", "switch the captcha off"),
        (403, "User verification is enabled on the channel", "verified users only", "User Verification off"),
        (401, "Unauthorized", "guests are not let in", "is published"),
        (403, "Forbidden", "guests are not let in", "is published"),
        (403, "The domain is not trusted for this deployment", "certain domains", "no Origin"),
        (403, "Access from this IP address is restricted", "this machine's address", "permitted addresses"),
        (412, "", "full storage", "Storage Usage"),
        (412, "The organisation's data storage limit is exceeded", "storage is full", "Storage Usage"),
        (429, "Too many access token requests", "rate limit is used up", "wait a minute"),
        (500, "", "Salesforce is in trouble", "status.salesforce.com"),
        (400, "The messaging channel is inactive", "channel is not active", "activate the channel"),
        (418, "Short and stout", "“IM_A_TEAPOT: Short and stout”", "look the words up"),
    ],
)
async def test_each_known_refusal_of_a_token_is_told_apart(
    clinic: Clinic, status: int, message: str, cause: str, fix: str
) -> None:
    code = "IM_A_TEAPOT" if status == 418 else ""
    clinic.cloud.inject(Fault(kind="status", status=status, message=message, code=code, operation=TOKEN))
    results = await clinic.examine()
    assert clinic.failed() == ["salesforce.token"]
    token = results["salesforce.token"]
    assert f"HTTP {status}" in token.cause
    assert cause in token.cause
    assert fix in token.fix


# --- what a token's answer says ---


@pytest.mark.parametrize(
    ("switches", "check", "cause", "fix"),
    [
        ({"guest_token_minutes": 60}, "salesforce.token_lifetime", "lives 60 minutes", "60 to 4320"),
        ({"files_enabled": False}, "salesforce.files", "takes no files", "attachments: false"),
        (
            {"business_hours": "closed"},
            "salesforce.business_hours",
            "closed now, open again at",
            "the dialog",
        ),
        ({"display_context": "Session"}, "salesforce.prechat", "in every session", "the form"),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_what_the_organisation_should_change_is_a_warning(
    clinic: Clinic, switches: Mapping[str, Any], check: str, cause: str, fix: str
) -> None:
    clinic.cloud.configure(switches)
    results = await clinic.examine()
    assert clinic.wrong() == [check]
    assert clinic.failed() == []
    assert cause in results[check].cause
    assert fix in results[check].fix


@pytest.mark.parametrize(
    ("switches", "check", "seen"),
    [
        ({"business_hours": "open"}, "salesforce.business_hours", "open until"),
        ({"fallback_message": "Nobody is here"}, "salesforce.fallback_message", "own words"),
        (
            {"file_types_stated": True, "file_types": ("pdf",)},
            "salesforce.files",
            "up to 5 MB of the types pdf",
        ),
    ],
    ids=["hours", "fallback", "files"],
)
async def test_what_the_organisation_has_chosen_is_shown(
    clinic: Clinic, switches: Mapping[str, Any], check: str, seen: str
) -> None:
    clinic.cloud.configure(switches)
    results = await clinic.examine()
    assert clinic.wrong() == []
    assert seen in results[check].cause
    assert "Nobody is here" not in str(results)  # a text of the organisation's, for users


async def test_public_questions_that_get_no_answer_are_no_failures(clinic: Clinic) -> None:
    clinic.cloud.configure({"public_configuration": False, "organization_shown": False})
    results = await clinic.examine()
    assert clinic.wrong() == []
    undecided = [name for name, one in results.items() if one.ok is None]
    assert undecided == [
        "salesforce.organization",
        "salesforce.published",
        "salesforce.business_hours",
        "salesforce.live",
    ]


@pytest.mark.parametrize(
    ("ours", "theirs", "cause"),
    [
        (600.0, 0, "600 seconds ahead of Salesforce's"),
        (0.0, 600, "600 seconds behind Salesforce's"),
    ],
)
async def test_a_clock_that_differs_is_told_in_its_direction(
    clinic: Clinic, ours: float, theirs: int, cause: str
) -> None:
    clinic.seconds_ahead = ours
    clinic.cloud.configure({"date_offset_seconds": theirs})
    results = await clinic.examine()
    assert clinic.wrong() == ["salesforce.clock"]
    told = results["salesforce.clock"].cause
    assert abs(int("".join(filter(str.isdigit, told))) - 600) <= 2, told
    assert cause.split(" ", 2)[2] in told


# --- the pre-chat form ---


@pytest.mark.parametrize(
    ("fields", "attributes", "cause"),
    [
        (
            (PrechatField(name="order_number", hidden=True),),
            {"Order_Number": "case_id"},
            "Order_Number is spelled order_number in the form",
        ),
        (
            (PrechatField(name="Other", hidden=True),),
            {"Order_Number": "case_id"},
            "Salesforce drops Order_Number silently",
        ),
        (
            (PrechatField(name="Bot", hidden=True, max_length=10),),
            {"Bot": "bot_name"},
            "Bot takes 10 characters, and this bot sends 14",
        ),
        (
            (PrechatField(name="User", hidden=True, max_length=20),),
            {"User": "user_id"},
            "User takes 20 characters, and this bot sends 38",
        ),
        (
            (PrechatField(name="Ref", hidden=True, max_length=8),),
            {"Ref": "reference"},
            "Ref takes 8 characters, and this bot sends 9",
        ),
    ],
    ids=["other letters", "missing", "too short", "too short for an id", "too short for a reference"],
)
async def test_an_attribute_of_the_bots_file_that_gets_lost_is_a_failure(
    clinic: Clinic, fields: tuple[PrechatField, ...], attributes: Mapping[str, str], cause: str
) -> None:
    clinic.cloud.settings = replace(clinic.cloud.settings, known_attributes=None, prechat_fields=fields)
    clinic.surroundings = replace(SURROUNDINGS, attributes=attributes, own_attributes=True)
    results = await clinic.examine()
    assert clinic.failed() == ["salesforce.prechat"]
    assert cause in results["salesforce.prechat"].cause
    assert "hidden field of the deployment" in results["salesforce.prechat"].fix


@pytest.mark.parametrize(
    ("fields", "cause"),
    [
        ((PrechatField(name="Kore_User_Id", hidden=True),), "Salesforce drops Kore_Bot_Name, Kore_Channel"),
        (
            (
                *(PrechatField(name=name, hidden=True) for name in HIDDEN),
                PrechatField(name="Order", required=True),
            ),
            "the form requires Order, which only a dialog can send",
        ),
        (
            tuple(
                PrechatField(name=name, hidden=True, type="Number" if name == "Case_Id" else "Text")
                for name in HIDDEN
            ),
            "Case_Id is a field of the type Number",
        ),
    ],
    ids=["without most defaults", "required", "of another type"],
)
async def test_what_a_bot_without_attributes_of_its_own_loses_is_a_warning(
    clinic: Clinic, fields: tuple[PrechatField, ...], cause: str
) -> None:
    clinic.cloud.settings = replace(clinic.cloud.settings, known_attributes=None, prechat_fields=fields)
    results = await clinic.examine()
    assert clinic.wrong() == ["salesforce.prechat"]
    assert clinic.failed() == []
    assert cause in results["salesforce.prechat"].cause


async def test_a_form_without_hidden_fields_decides_nothing(clinic: Clinic) -> None:
    clinic.cloud.settings = replace(clinic.cloud.settings, known_attributes=None)
    results = await clinic.examine()
    prechat = results["salesforce.prechat"]
    assert prechat.ok is None
    assert "lists no hidden fields" in prechat.cause
    assert "Kore_User_Id" in prechat.cause


# --- what dialogs send, known from an export ---

DIALOG = ("Prepare", 'miawMetaInfo.preChatInfo = {"Order_Number": 17, City: city}')


def form_with(*names: str, required: str = "") -> tuple[PrechatField, ...]:
    hidden = (PrechatField(name=name, hidden=True) for name in (*HIDDEN, *names))
    return (*hidden, *([PrechatField(name=required, required=True)] if required else []))


@pytest.mark.parametrize(
    ("script", "fields", "ok", "cause"),
    [
        (DIALOG, form_with("Order_Number", "City"), True, "every attribute of this bot and its dialogs"),
        (DIALOG, form_with("City", required="Order_Number"), True, "every attribute of this bot and its dialogs"),
        (DIALOG, form_with("City"), False, "Salesforce drops Order_Number (script Prepare) silently"),
        (DIALOG, form_with("order_number", "City"), False, "Order_Number (script Prepare) is spelled order_number"),
        (DIALOG, form_with("Order_Number", "City", required="Zip"), True, "requires Zip, which no script of the export sends"),
        (("Other", 'liveChatMetaInfo.preChatInfo = {"Order": 1}'), form_with(), True, "every attribute of this bot: "),
        (("Odd", "m.preChatInfo = {'a\\nb': 1}"), form_with(), False, "a?b has a character that cannot be printed"),
        (("Odd", "m.preChatInfo = {'Order No.': 1}"), form_with(), False, "no API name: 'Order No.'"),
        (("Odd", "m.preChatInfo = make()"), form_with(), True, "Odd, line 1: preChatInfo takes an object"),
    ],
    ids=["kept", "required", "missing", "other letters", "nobody sends", "other system", "unusable", "no API name", "hidden"],
)  # fmt: skip
async def test_what_dialogs_send_is_compared_with_the_form(
    clinic: Clinic, script: tuple[str, str], fields: tuple[PrechatField, ...], ok: bool, cause: str
) -> None:
    clinic.cloud.settings = replace(clinic.cloud.settings, known_attributes=None, prechat_fields=fields)
    clinic.surroundings = replace(SURROUNDINGS, scripts=(script,))
    prechat = (await clinic.examine())["salesforce.prechat"]
    assert (prechat.ok, cause in prechat.cause) == (ok, True), prechat.cause
    assert bool(prechat.fix) is not ("every attribute" in cause)


# --- a live conversation ---


@pytest.mark.parametrize(
    ("routing", "cause"),
    [
        ("no-queue", "RoutingError (The routing flow named no queue), and no queue is named"),
        ("nothing", "no routing result came"),
    ],
)
async def test_a_flow_that_routes_nothing_is_a_failure_and_the_conversation_is_ended(
    clinic: Clinic, routing: str, cause: str
) -> None:
    clinic.cloud.configure({"routing_start": routing})
    results = await clinic.examine(live=True)
    assert clinic.failed() == ["salesforce.live.routing"]
    assert cause in results["salesforce.live.routing"].cause
    assert "routing flow is active" in results["salesforce.live.routing"].fix
    assert all(one.closed_ms is not None for one in clinic.cloud.conversations.values())


async def test_a_flow_that_ends_the_session_at_once_is_a_failure(clinic: Clinic) -> None:
    clinic.cloud.configure({"closed_response": "We are closed"})
    results = await clinic.examine(live=True)
    assert "salesforce.live.routing" in clinic.failed()
    assert "ended at once" in results["salesforce.live.routing"].cause
    assert "We are closed" not in str(results)


async def test_an_unpublished_deployment_may_show_only_when_a_conversation_is_created(clinic: Clinic) -> None:
    clinic.cloud.configure({"published": False, "unpublished_reply": "create-403"})
    results = await clinic.examine(live=True)
    assert clinic.failed() == ["salesforce.live.conversation"]
    assert "not published" in results["salesforce.live.conversation"].cause
    assert "press Publish" in results["salesforce.live.conversation"].fix
    assert results["salesforce.published"].fix
    assert results["salesforce.live.routing"].ok is None


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (Fault(kind="status", status=412, operation=CREATE), "storage"),
        (Fault(kind="status", status=429, operation=CREATE), "rate limit"),
        (Fault(kind="status", status=403, operation=CREATE, message="Forbidden"), "guests are not let in"),
        (Fault(kind="refuse", operation=CREATE), "the server closed the connection"),
    ],
    ids=["412", "429", "403", "hangs up"],
)
async def test_a_conversation_that_is_refused_leaves_the_rest_unchecked(
    clinic: Clinic, fault: Fault, cause: str
) -> None:
    clinic.cloud.inject(fault)
    results = await clinic.examine(live=True)
    assert clinic.failed() == ["salesforce.live.conversation"]
    assert cause in results["salesforce.live.conversation"].cause
    assert results["salesforce.live.end"].ok is None


@pytest.mark.parametrize("held", ["events", "headers"])
async def test_a_stream_that_a_proxy_holds_back_is_found(clinic: Clinic, held: str) -> None:
    clinic.cloud.inject(Fault(kind="hold-stream", held=held))  # type: ignore[arg-type]
    results = await clinic.examine(live=True)
    assert clinic.failed() == ["salesforce.live.stream"]
    assert "holds it back" in results["salesforce.live.stream"].cause
    assert "receive: poll" in results["salesforce.live.stream"].fix


async def test_a_stream_that_is_refused_is_told_from_one_that_is_held_back(clinic: Clinic) -> None:
    clinic.cloud.inject(Fault(kind="status", status=403, operation="eventStream", message="Not from here"))
    results = await clinic.examine(live=True)
    assert clinic.failed() == ["salesforce.live.stream"]
    assert "HTTP 403, “Forbidden: Not from here”" in results["salesforce.live.stream"].cause


async def test_without_a_stream_none_is_missed(clinic: Clinic) -> None:
    clinic.settings = replace(clinic.settings, receive="poll")
    clinic.cloud.inject(Fault(kind="hold-stream"))
    await clinic.examine(live=True)
    assert clinic.wrong() == []


async def test_a_message_that_is_refused_is_a_failure_and_the_conversation_is_ended(clinic: Clinic) -> None:
    clinic.cloud.inject(Fault(kind="status", status=400, operation="sendMessage", message="No"))
    results = await clinic.examine(live=True)
    assert "salesforce.live.message" in clinic.failed()
    assert "HTTP 400, “BAD_REQUEST: No”" in results["salesforce.live.message"].cause
    assert results["salesforce.live.end"].ok is True


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (Fault(kind="status", status=403, operation=LIST), "the list of entries cannot be read (HTTP 403"),
        (Fault(kind="refuse", operation=LIST), "the server closed the connection"),
    ],
    ids=["refused", "hangs up"],
)
async def test_entries_that_cannot_be_listed_are_not_taken_for_a_flow_that_routes_nothing(
    clinic: Clinic, fault: Fault, cause: str
) -> None:
    clinic.cloud.inject(fault)
    results = await clinic.examine(live=True)
    assert clinic.failed() == ["salesforce.live.routing", "salesforce.live.message"]
    for name in clinic.failed():
        assert cause in results[name].cause
        assert "routing flow" not in results[name].fix
    assert results["salesforce.live.end"].ok


async def test_a_conversation_that_cannot_be_closed_is_a_warning(clinic: Clinic) -> None:
    clinic.cloud.inject(Fault(kind="status", status=500, operation="closeConversation"))
    results = await clinic.examine(live=True)
    assert clinic.wrong() == ["salesforce.live.end"]
    assert "HTTP 500" in results["salesforce.live.end"].cause


async def test_an_examination_that_is_interrupted_still_ends_its_conversation(clinic: Clinic) -> None:
    clinic.cloud.configure({"routing_start": "nothing"})
    clinic.surroundings = replace(SURROUNDINGS, patience=30.0)
    task = asyncio.create_task(clinic.examine(live=True))
    await async_until(lambda: bool(clinic.cloud.conversations))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (conversation,) = clinic.cloud.conversations.values()
    assert conversation.closed_ms is not None


class _HoldsBack:
    """Sends calls, and keeps the answer to one of them."""

    def __init__(self, transport: CurlTransport, what: str) -> None:
        self.transport = transport
        self.what = what
        self.holds = False

    async def send(self, request: Request) -> Response:
        response = await self.transport.send(request)
        if request.what == self.what:
            self.holds = True
            await asyncio.Event().wait()
        return response


async def test_an_examination_that_is_interrupted_while_it_opens_a_conversation_ends_it(
    clinic: Clinic,
) -> None:
    slow = _HoldsBack(clinic.transport, "create the conversation")
    clinic.transport = slow  # type: ignore[assignment]
    task = asyncio.create_task(clinic.examine(live=True))
    await async_until(lambda: slow.holds)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (conversation,) = clinic.cloud.conversations.values()
    assert conversation.closed_ms is not None


async def test_no_token_stands_in_any_result(clinic: Clinic) -> None:
    results = await clinic.examine(live=True)
    assert len(results) > 15
    assert "eyJ" not in str(results)
