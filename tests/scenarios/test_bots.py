"""Several bots in one process, several agent systems of one bot, a prefix, and the legacy apikey."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import pytest
import requests
import yaml

from botkit.testing.clouds import Clouds
from botkit.testing.waiting import until
from botkit_sandbox.kore.credentials import JwtApp
from botkit_sandbox.kore.settings import SUBSCRIPTIONS
from tests.scenarios.bot import write_bot
from tests.scenarios.conftest import Stages
from tests.scenarios.service import Service
from tests.scenarios.stage import END_WORD, JANE, OMAR, Stage, configured

BOTS = MappingProxyType({"Acme Assistant": "one", "Bolt Assistant": "two"})


@pytest.fixture(scope="module")
def two_bots(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, Stage]]:
    """Two bots, each with its own platform and organisation, in one service."""
    folder = tmp_path_factory.mktemp("two bots")
    clouds = []
    for name, who in BOTS.items():
        bot_id = f"st-{uuid.uuid5(uuid.NAMESPACE_DNS, who)}"
        cloud = Clouds(write_bot(tmp_path_factory.mktemp(who), name=name, bot_id=bot_id))
        cloud.kore.core.app = JwtApp(
            client_id=f"cs-{who}", client_secret=f"the secret of bot {who}, and long enough"
        )
        clouds.append(cloud)
    own_words = {"en": {"agentJoinedMessage": "{agent} from Bolt is here."}}
    path = configured(folder, clouds[0], receive="stream", server={}, bot={"kore": _credentials(clouds[0])})
    other = {
        "bot": {"name": "Bolt Assistant"},
        "kore": _credentials(clouds[1]),
        "handoff": {"responses": own_words},
    }
    second = configured(folder / "other", clouds[1], receive="poll", server={}, bot=other)
    (folder / "bots" / "bolt.yaml").write_bytes((second.parent / "bots" / "acme.yaml").read_bytes())
    service = Service(path)
    stages = [Stage(cloud, service, path) for cloud in clouds]
    for stage in stages:
        stage.clouds.do(stage.clouds.kore.subscribe, service.url, SUBSCRIPTIONS)
    yield stages[0], stages[1]
    service.close()
    for cloud in clouds:
        cloud.close()


def _credentials(clouds: Clouds) -> dict[str, str]:
    return {"client_id": clouds.kore.client_id, "client_secret": clouds.kore.client_secret}


def test_two_bots_in_one_process_do_not_mix_up_their_users(two_bots: tuple[Stage, Stage]) -> None:
    acme, bolt = two_bots
    ada, grace = acme.person(), bolt.person("Grace Hopper")
    a, g = ada.is_helped_by(JANE), grace.is_helped_by(OMAR)
    ada.says("to Acme")
    grace.says("to Bolt")
    a.gets("to Acme")
    g.gets("to Bolt")
    a.told_by(JANE, "from Acme")
    g.told_by(OMAR, "from Bolt")
    ada.hears("from Acme")
    grace.hears("from Bolt")
    assert (a.typed(), g.typed()) == (["to Acme"], ["to Bolt"])
    assert a.attributes()["Kore_Bot_Name"] == "Acme Assistant"
    assert g.attributes()["Kore_Bot_Name"] == "Bolt Assistant"
    for stage in two_bots:
        stage.everybody_leaves()


def test_each_bot_has_its_own_words(two_bots: tuple[Stage, Stage]) -> None:
    acme, bolt = two_bots
    ada, grace = acme.person(), bolt.person("Grace Hopper")
    ada.is_helped_by(JANE)
    grace.is_helped_by(JANE)
    ada.hears("Jane Doe has joined the conversation.")
    grace.hears("Jane Doe from Bolt is here.")
    for stage in two_bots:
        stage.everybody_leaves()


def test_one_user_id_at_two_bots_is_two_users(two_bots: tuple[Stage, Stage]) -> None:
    acme, bolt = two_bots
    ada = acme.person()
    same = bolt.person("Ada Lovelace")
    bolt.clouds.do(_rename, bolt, same.user, ada.id)
    a = ada.is_helped_by(JANE)
    same.says("hi")
    same.hears("I am the Acme Assistant")
    ada.says("for Jane")
    a.gets("for Jane")
    assert a.typed() == ["for Jane"]
    assert same.told(by="botkit") == []
    for stage in two_bots:
        stage.everybody_leaves()


def _rename(stage: Stage, user: Any, user_id: str) -> None:
    user.id = user.address = user_id
    stage.clouds.kore.core.add(user)


def test_the_secret_of_one_bot_is_refused_for_another(two_bots: tuple[Stage, Stage]) -> None:
    acme, bolt = two_bots
    url = f"{bolt.service.url}/sdk/bots/{bolt.clouds.kore.bot_id}/on_alert"
    answers = []
    for stage in (acme, bolt):
        core = stage.clouds.kore.core
        token = core.app.sign(expires=int(core.clock()) + 60)
        answers.append(requests.post(url, json={}, headers={"token": token}, timeout=30).status_code)
    assert answers == [401, 200]


# --- agent systems


@pytest.fixture(scope="session")
def two_systems(stages: Stages, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, Stage]]:
    """One bot with a second organisation for Facebook."""
    second = Clouds(write_bot(tmp_path_factory.mktemp("second")))
    known = second.sandbox.addresses()
    system = {
        "organization_id": known["organization_id"],
        "organization_base_url": known["salesforce_url"],
        "developer_name": known["developer_name"],
    }
    agents = {"channels": {"facebook": "second"}, "systems": {"second": system}}
    first = stages("two systems", bot={"agents": agents})
    yield first, dataclasses.replace(first, clouds=second)
    second.close()


def test_a_channel_can_have_an_agent_system_of_its_own(two_systems: tuple[Stage, Stage]) -> None:
    first, second = two_systems
    ada = first.person(channel="facebook")
    ada.says("talk to an agent")
    ada.hears("looking for an agent")
    ada.hears("send:")
    case = _at(second, ada.id)
    second.clouds.do(second.clouds.salesforce.accept, case, OMAR)
    ada.hears("Omar Haddad has joined")
    ada.says(END_WORD)
    ada.is_with_the_bot()
    assert ada.cases() == []


def test_a_dialog_can_choose_the_agent_system(two_systems: tuple[Stage, Stage]) -> None:
    first, second = two_systems
    ada = first.person()
    ada.says("human of another department")
    case = _at(second, ada.id)
    second.clouds.do(second.clouds.salesforce.accept, case, OMAR)
    ada.hears("Omar Haddad has joined")
    ada.closes_the_window()
    assert ada.cases() == []


def test_other_channels_keep_the_default_system(two_systems: tuple[Stage, Stage]) -> None:
    first, second = two_systems
    ada = first.person(channel="whatsapp")
    ada.is_helped_by(JANE)
    found = second.clouds.do(lambda: list(second.clouds.salesforce.conversations.values()))
    assert ada.id not in [one.attributes["Kore_User_Id"] for one in found]
    first.everybody_leaves()


def _at(stage: Stage, user_id: str) -> str:
    """The id of a user's conversation in the second organisation."""

    def find() -> str | None:
        every = stage.clouds.salesforce.conversations.values()
        return next((one.id for one in every if one.attributes["Kore_User_Id"] == user_id), None)

    return until(lambda: stage.clouds.do(find), "for the conversation at the second organisation") or ""


# --- the ways in


def test_a_whole_hand_off_works_under_a_prefix(stages: Stages, logged: list[Any]) -> None:
    stage = stages("prefix", server={"server": {"prefix": "/desk/api"}})
    assert stage.service.url.endswith("/desk/api")
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    ada.says("hello")
    case.gets("hello")
    case.told_by(JANE, "hi")
    ada.hears("hi")
    ada.says(END_WORD)
    case.is_over()
    ada.talks_to_the_bot_again()


def test_under_a_prefix_a_forged_token_opens_nothing(stages: Stages) -> None:
    stage = stages("prefix", server={"server": {"prefix": "/desk/api"}})
    stage.kore_fails(forged_token=True)
    ada = stage.person()
    ada.says("hi")
    refused = _statuses(stage, ada.id)
    stage.clouds.calm()
    assert refused == [401]
    assert ada.told() == []


@pytest.mark.parametrize("fault", ["forged_token", "expired_token"])
def test_a_hook_with_a_bad_token_is_refused_and_changes_nothing(stage: Stage, fault: str) -> None:
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    stage.kore_fails(**{fault: True})
    before = len(_statuses(stage, ada.id))
    ada.says(END_WORD)
    assert _statuses(stage, ada.id, more_than=before)[-1] == 401
    stage.clouds.calm()
    ada.says("still with you")
    case.gets("still with you")
    assert ada.user.agent_mode


@pytest.mark.parametrize("algorithm", ["HS256", "HS512"])
def test_either_algorithm_works_both_ways_when_configured(
    stages: Stages, algorithm: Literal["HS256", "HS512"]
) -> None:
    stage = stages(f"signed {algorithm}", bot={"kore": {"algorithm": algorithm}})
    app = stage.clouds.kore.core.app
    stage.clouds.kore.core.app = dataclasses.replace(app, algorithm=algorithm)
    ada = stage.person()
    ada.talks_to_the_bot_again()


def test_only_the_configured_algorithm_is_accepted(stage: Stage) -> None:
    core = stage.clouds.kore.core
    usual, core.app = core.app, dataclasses.replace(core.app, algorithm="HS512")
    ada = stage.person()
    ada.says("hi")
    refused = _statuses(stage, ada.id)
    core.app = usual
    assert refused == [401]


def test_the_apikey_of_old_is_accepted_only_where_the_configuration_says_so(stages: Stages) -> None:
    for name, accepts in (("apikey", True), ("no apikey", False)):
        stage = stages(name, bot={"kore": {"accept_apikey": accepts}})
        stage.kore_behaves(hook_credential="apikey")
        ada = stage.person()
        ada.says("who are you")
        assert _statuses(stage, ada.id)[0] == (200 if accepts else 401)
        if accepts:
            ada.hears("glad to help")
        stage.everybody_leaves()


def _statuses(stage: Stage, user_id: str, *, more_than: int = 0) -> list[int | None]:
    """Wait for more than `more_than` hooks with this user's messages. Returns their statuses."""

    def answered() -> list[int | None]:
        return [entry.status for entry in stage.wire("on_user_message", about=user_id, source="kore")]

    until(lambda: len(answered()) > more_than, "for the hook to be answered")
    return answered()


def test_the_configuration_of_a_stage_is_what_a_user_would_write(tmp_path: Path) -> None:
    """The tests configure the service by files, as users do, and in no other way."""
    clouds = Clouds(write_bot(tmp_path / "bot"))
    path = configured(tmp_path, clouds, receive="poll", server={}, bot={"handoff": {"accept_timeout": "1s"}})
    content = yaml.safe_load((tmp_path / "bots" / "acme.yaml").read_text(encoding="utf-8"))
    clouds.close()
    assert path.name == "botkit.yaml"
    assert content["handoff"]["accept_timeout"] == "1s"
    assert content["agents"]["systems"]["salesforce"]["receive"] == "poll"
