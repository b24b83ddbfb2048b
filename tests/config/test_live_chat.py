"""Live Chat beside MIAW: an example with both, the endpoint, and the notice of its retirement."""

from __future__ import annotations

from datetime import timedelta

import pytest

from botkit.agents.live_chat.settings import (
    Entity,
    EntityField,
    EntityLink,
    LiveChatSettings,
    normalize_live_agent_url,
)
from botkit.agents.miaw import MiawSettings
from botkit.config.agent_systems import notices
from botkit.errors import UnusableValue
from tests.config.folder import Folder

SERVER = """\
version: 1
server: {host: 127.0.0.1, port: 8003, prefix: ""}          # prefix as in Kore's apiPrefix
store: {url: "sqlite:///var/botkit.db"}                    # or postgresql://…
security: {insecure_http: false}                           # true lets http:// URLs through (loopback demos and tests)
bots: ["bots/*.yaml"]                                      # relative to this file
"""

BOT = """\
version: 1
bot: {id: st-77777777-7777-5777-8777-777777777777, name: Acme Assistant}
kore:
  client_id: ${KORE_CLIENT_ID}
  client_secret: ${KORE_CLIENT_SECRET}
  algorithm: HS256                                         # or HS512
  callback_hosts: [bots.kore.ai]                           # only these hosts are ever called back
agents:
  default: salesforce                                      # the agent system for all channels not named below
  channels: {facebook: legacy}
  systems:
    salesforce:
      type: salesforce-miaw                                # the default type
      organization_id: 00D000000000007
      organization_base_url: https://acme.my.salesforce.com   # any spelling Kore's page allows is normalised
      developer_name: Kore_Custom_Client
      receive: stream                                      # or poll; poll_interval: 2s
    legacy:
      type: salesforce-live-chat
      live_agent_url: https://d.la1-c1.salesforceliveagent.com
      organization_id: 00D000000000007
      deployment_id: 572000000000001
      button_id: 573000000000001
handoff:
  end_chat_command: endagentchat                           # miawMetaInfo.endChatShortHandCommand wins over it
  default_language: en
  responses: {en: {agentJoinedMessage: "…"}}               # the JSON of Kore's page pasted here works; or responses_file:
"""


EVERY_SETTING = """\
      api_version: 47
      agent_id: 005000000000001
      do_fallback: false
      labels: {_firstName: First Name}
      transcript_fields: {Case_Id: [CaseId, Case__c]}
      hidden: [Kore_User_Id]
      entities:
        Contact:
          fields:
            Email: {attribute: _email, find: true, exact: true}
            LastName: {attribute: _lastName}
          save_to_transcript: ContactId
          link_to: {entity: Case, field: ContactId}
        Case:
          fields: {Subject: {attribute: _subject}}
          show_on_create: true
      queue_updates: false
      availability_check: false
      answer_within: 30s
      poll_margin: 5s
      timeout: 3s
      max_text: 2000
"""


@pytest.fixture
def design(folder: Folder) -> Folder:
    """A configuration with both agent systems."""
    folder.environ.update(KORE_CLIENT_ID="cs-1", KORE_CLIENT_SECRET="a secret of the usual length")
    folder.server(SERVER)
    folder.bot(BOT)
    return folder


def test_a_configuration_with_both_systems_is_accepted(design: Folder) -> None:
    agents = design.load_bot().agents
    assert (agents.for_channel("facebook"), agents.for_channel("rtm")) == ("legacy", "salesforce")
    assert isinstance(agents.systems["salesforce"].settings, MiawSettings)
    assert agents.systems["legacy"].settings == LiveChatSettings(
        live_agent_url="https://d.la1-c1.salesforceliveagent.com/chat/rest",
        organization_id="00D000000000007",
        deployment_id="572000000000001",
        button_id="573000000000001",
    )


def test_every_setting_of_live_chat_can_be_given(design: Folder) -> None:
    design.bot(BOT.replace("handoff:", f"{EVERY_SETTING}handoff:"))
    assert design.load_bot().agents.systems["legacy"].settings == LiveChatSettings(
        live_agent_url="https://d.la1-c1.salesforceliveagent.com/chat/rest",
        organization_id="00D000000000007",
        deployment_id="572000000000001",
        button_id="573000000000001",
        api_version=47,
        agent_id="005000000000001",
        do_fallback=False,
        labels={"_firstName": "First Name"},
        transcript_fields={"Case_Id": ("CaseId", "Case__c")},
        hidden=frozenset({"Kore_User_Id"}),
        entities={
            "Contact": Entity(
                {
                    "Email": EntityField("_email", find=True, exact=True),
                    "LastName": EntityField("_lastName"),
                },
                save_to_transcript="ContactId",
                link_to=EntityLink("Case", "ContactId"),
            ),
            "Case": Entity({"Subject": EntityField("_subject")}, show_on_create=True),
        },
        queue_updates=False,
        availability_check=False,
        answer_within=timedelta(seconds=30),
        poll_margin=timedelta(seconds=5),
        timeout=timedelta(seconds=3),
        max_text=2_000,
    )


def test_overrides_may_be_buttons_agents_and_pairs_of_both(design: Folder) -> None:
    overrides = "[573000000000002, 005000000000001AAA, 005000000000001_573000000000001]"
    design.bot(BOT.replace("handoff:", f"      button_overrides: {overrides}\nhandoff:"))
    settings = design.load_bot().agents.systems["legacy"].settings
    assert isinstance(settings, LiveChatSettings)
    assert settings.button_overrides == (
        "573000000000002",
        "005000000000001AAA",
        "005000000000001_573000000000001",
    )


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("entities: {case: {fields: {Subject: {attribute: s}}}}", "names are case-sensitive; write Case"),
        ("entities: {Case: {fields: {}}}", "fields: is empty"),
        ("entities: {Case: {fields: {Subject: {attribute: s, exact: true}}}}", "exact: narrows a search"),
        (
            "entities: {Case: {fields: {Subject: {attribute: s, create: false}}}}",
            "neither searched by nor set",
        ),
        (
            "entities: {Case: {fields: {S: {attribute: s}}, link_to: {entity: Cse, field: X}}}",
            "link_to.entity: Cse is no entity of this system; did you mean Case?",
        ),
        ("entities: {Case: {fields: {S: {find: true}}}}", "fields.S.attribute: is missing"),
        ("button_overrides: [572000000000001]", "button_overrides[0]: “572000000000001” is not a valid"),
        (
            "button_overrides: [573000000000002]\n      agent_id: 005000000000001",
            "agent_id: is never asked: button_overrides replaces",
        ),
    ],
)
def test_records_that_salesforce_would_drop_silently_are_reported(
    design: Folder, settings: str, said: str
) -> None:
    design.bot(BOT.replace("handoff:", f"      {settings}\nhandoff:"))
    (problem,) = design.problems()
    assert said in problem
    assert problem.startswith("bots/acme.yaml:2")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("572000000000001", "573000000000001", "“573000000000001” is not a valid Deployment ID"),
        ("button_id: 573000000000001", "button: x", "button_id: is missing"),
        (
            "button_id: 573000000000001",
            "button_id: 573000000000001\n      receive: poll",
            "receive: is not known here",
        ),
        (
            "salesforceliveagent.com",
            "example.com",
            "live_agent_url: “https://d.la1-c1.example.com” is not a host of",
        ),
        ("channels: {facebook: legacy}", "channels: {facebook: legcay}", "did you mean legacy?"),
    ],
)
def test_mistakes_are_reported_with_their_fix(design: Folder, old: str, new: str, said: str) -> None:
    design.bot(BOT.replace(old, new))
    assert any(said in problem for problem in design.problems()), design.problems()


@pytest.mark.parametrize(
    "spelling",
    [
        "d.la1-c1.salesforceliveagent.com",
        "https://d.la1-c1.salesforceliveagent.com/",
        "https://d.la1-c1.salesforceliveagent.com/chat/rest",
        " https://D.LA1-C1.salesforceliveagent.com:443/chat/rest/ ",
    ],
)
def test_the_endpoint_is_taken_in_any_spelling(spelling: str) -> None:
    assert normalize_live_agent_url(spelling) == "https://d.la1-c1.salesforceliveagent.com/chat/rest"


def test_the_endpoint_of_enhanced_domains_is_one_too() -> None:
    assert (
        normalize_live_agent_url("acme.my.salesforce-scrt.com")
        == "https://acme.my.salesforce-scrt.com/chat/rest"
    )


@pytest.mark.parametrize(
    "value",
    [
        "",
        "http://d.la1-c1.salesforceliveagent.com",
        "https://salesforceliveagent.com.evil.example",
        "https://evilsalesforceliveagent.com",
        "https://u@d.la1-c1.salesforceliveagent.com",
        "https://d.la1-c1.salesforceliveagent.com:8443",
        "https://d.la1-c1.salesforceliveagent.com/other",
        "https://d.la1-c1.salesforceliveagent.com/?x",
        "http://127.0.0.1:8002",
        "ftp://127.0.0.1:8002",
    ],
)
def test_anything_else_is_no_endpoint(value: str) -> None:
    with pytest.raises(UnusableValue):
        normalize_live_agent_url(value)


def test_the_sandbox_is_an_endpoint_where_http_is_allowed() -> None:
    assert normalize_live_agent_url("127.0.0.1:8002", insecure_http=True) == "http://127.0.0.1:8002/chat/rest"


def test_its_retirement_is_one_notice_for_all_bots(design: Folder) -> None:
    design.bot(BOT.replace("st-77777777", "st-22222222"), "bots/b.yaml")
    (said,) = notices(design.load())
    assert "14 February 2026" in said
    assert said.count("Acme Assistant: legacy") == 2
    assert "salesforce-miaw" in said


def test_without_live_chat_there_is_no_notice(folder: Folder) -> None:
    assert notices(folder.load()) == []
