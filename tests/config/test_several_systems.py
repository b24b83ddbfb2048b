"""Several agent systems of one bot: channels, fallbacks, and every mistake with its line."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from botkit.config.values import KORE_CHANNELS
from tests.config.folder import BOT, Folder

TWO = """\
agents:
  default: salesforce
  channels:
    facebook: legacy
  fallback: [salesforce, legacy]
  fallback_after: 15s
  systems:
    salesforce:
      organization_id: 00D000000000007
      organization_base_url: https://acme.my.salesforce.com
      developer_name: Kore_Custom_Client
    legacy:
      type: salesforce-live-chat
      live_agent_url: https://d.la1-c1.salesforceliveagent.com
      organization_id: 00D000000000007
      deployment_id: 572000000000001
      button_id: 573000000000001
"""
HEAD = BOT.split("agents:")[0]
FIRST_LINE = HEAD.count("\n") + 1
"""The line of `agents:`."""
DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def two(folder: Folder) -> Folder:
    folder.bot(HEAD + TWO)
    return folder


def _line(text: str) -> int:
    """The line of a text in the valid configuration."""
    return FIRST_LINE + TWO[: TWO.index(text)].count("\n")


def test_the_order_and_the_time_limit_are_as_written(two: Folder) -> None:
    agents = two.load_bot().agents
    assert agents.fallback == ("salesforce", "legacy")
    assert agents.fallback_after == timedelta(seconds=15)
    assert (agents.for_channel("facebook"), agents.for_channel("rtm")) == ("legacy", "salesforce")


def test_without_a_list_nobody_stands_in(folder: Folder) -> None:
    assert folder.load_bot().agents.fallback == ()


@pytest.mark.parametrize("channel", KORE_CHANNELS)
def test_every_channel_of_kores_can_be_mapped(two: Folder, channel: str) -> None:
    two.bot(HEAD + TWO.replace("facebook:", f"{channel}:"))
    assert two.load_bot().agents.for_channel(channel) == "legacy"


@pytest.mark.parametrize(
    ("old", "new", "place", "said"),
    [
        ("facebook: legacy", "facebook: legcay", "agents.channels.facebook", "did you mean legacy?"),
        ("facebook: legacy", "facebok: legacy", "agents.channels.facebok", "did you mean facebook?"),
        ("facebook: legacy", "Facebook: legacy", "agents.channels.Facebook", "did you mean facebook?"),
        (
            "facebook: legacy",
            "carrierpigeon: legacy",
            "agents.channels.carrierpigeon",
            "is not a channel of Kore's",
        ),
        ("default: salesforce", "default: saleforce", "agents.default", "did you mean salesforce?"),
        ("default: salesforce", "default: [salesforce, legacy]", "agents.default", "is a list, not a text"),
        ("[salesforce, legacy]", "[salesforce, legcay]", "agents.fallback[1]", "did you mean legacy?"),
        ("[salesforce, legacy]", "[legacy, salesforce, legacy]", "agents.fallback[2]", "appears twice"),
        (
            "fallback_after: 15s",
            "fallback_after: soon",
            "agents.fallback_after",
            "is not a valid duration",
        ),
    ],
)
def test_a_mistake_is_reported_with_its_line_and_fix(
    two: Folder, old: str, new: str, place: str, said: str
) -> None:
    two.bot(HEAD + TWO.replace(old, new))
    (problem,) = two.problems()
    assert problem.startswith(f"bots/acme.yaml:{_line(old)}: {place}: ")
    assert said in problem


def test_two_defaults_are_reported_at_the_line_of_the_second(two: Folder) -> None:
    two.bot(HEAD + TWO.replace("default: salesforce", "default: salesforce\n  default: legacy"))
    (problem,) = two.problems()
    assert problem.startswith(f"bots/acme.yaml:{_line('default:') + 1}: agents.default: ")
    assert "twice" in problem or "already" in problem


def test_several_systems_without_a_default_are_reported(two: Folder) -> None:
    two.bot(HEAD + TWO.replace("  default: salesforce\n", ""))
    (problem,) = two.problems()
    assert "agents.default: is missing, and there are several systems" in problem


def test_a_channel_that_the_platform_added_can_be_named(two: Folder) -> None:
    two.bot(
        HEAD + TWO.replace("facebook: legacy", "carrierpigeon: legacy\n  other_channels: [carrierpigeon]")
    )
    assert two.load_bot().agents.for_channel("carrierpigeon") == "legacy"


@pytest.mark.parametrize("page", ["agent-systems.md", "live-chat-to-miaw.md"])
def test_the_examples_of_the_documentation_work_as_pasted(folder: Folder, page: str) -> None:
    folder.environ.update(KORE_CLIENT_ID="cs-1", KORE_CLIENT_SECRET="a secret of the usual length")
    found = re.findall(r"```yaml\n(version: 1\n.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)
    assert found
    for example in found:
        folder.bot(example)
        agents = folder.load_bot().agents
        assert agents.fallback == tuple(yaml.safe_load(example)["agents"]["fallback"])
