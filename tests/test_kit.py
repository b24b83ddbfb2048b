from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from structlog.testing import capture_logs
from werkzeug.test import Client

from botkit.agents import DEFAULT_ATTRIBUTES
from botkit.config.settings import Settings
from botkit.errors import LedgerClosed, LedgerError, NotConfigured
from botkit.kit import BotKit, create_app
from botkit.ledger.interface import Ledger
from botkit.observability.metrics import Telemetry
from botkit.service.rules import rules_for
from botkit.testing.relay import RecordingRelay
from tests.hooks.hook_payloads import BOT_ID, agent_transfer, as_body, settings, token, user_message

FAR = 4_000_000_000.0


class Kits:
    """Creates kits on stores of their own, and closes them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.relays: list[RecordingRelay] = []
        self.made: list[BotKit] = []

    def settings(self, name: str = "botkit", **more: Any) -> Settings:
        return settings(store=f"sqlite:///{self._folder / name}.db", **more)

    def kit(self, name: str = "botkit", **more: Any) -> BotKit:
        kit = BotKit(self.settings(name, **more), relay_factory=self.relay)
        self.made.append(kit)
        return kit

    def relay(self, settings: Settings, ledger: Ledger, telemetry: Telemetry) -> RecordingRelay:
        relay = RecordingRelay(settings, ledger, telemetry)
        self.relays.append(relay)
        return relay


@pytest.fixture
def kits(tmp_path: Path) -> Iterator[Kits]:
    kits = Kits(tmp_path)
    yield kits
    for kit in kits.made:
        kit.close()


def app_without_kit(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [b"plain"]


def post(app: Flask, body: bytes = b"", *, event: str = "on_user_message", prefix: str = "") -> Any:
    headers = {"token": token(expires=FAR)}
    return app.test_client().post(
        f"{prefix}/sdk/bots/{BOT_ID}/{event}", data=body or as_body(user_message()), headers=headers
    )


def app_with(*kits: BotKit) -> Flask:
    app = Flask(__name__)
    for kit in kits:
        kit.init_app(app)
    return app


def test_a_hook_through_flask_is_committed_and_handed_to_the_relay(kits: Kits) -> None:
    answer = post(app_with(kits.kit()))
    assert answer.status_code == 200
    assert answer.headers["supportsMessageAck"] == "true"
    kits.made[0].close()
    (committed,) = kits.relays[0].committed
    assert [type(item.effect).__name__ for item in committed.items] == ["PassToBot"]


def test_the_rules_are_the_bots_own(kits: Kits) -> None:
    app = app_with(kits.kit())
    assert post(app, as_body(agent_transfer()), event="on_agent_transfer").status_code == 200
    kits.made[0].close()
    (committed,) = kits.relays[0].committed
    assert committed.conversation.session is not None
    assert committed.conversation.session.system == "salesforce"


def test_the_applications_own_routes_stay(kits: Kits) -> None:
    app = app_with(kits.kit())
    app.add_url_rule("/mine", view_func=lambda: "mine")
    assert app.test_client().get("/mine").text == "mine"


def test_several_kits_share_an_application(kits: Kits) -> None:
    one, other = kits.kit("one", prefix="/one"), kits.kit("other", prefix="/other")
    app = app_with(one, other)
    assert [mounted.kit for mounted in app.extensions["botkit"]] == [one, other]
    assert post(app, prefix="/one").status_code == 200
    assert post(app, prefix="/other").status_code == 200
    assert app.test_client().get("/one/healthz").status_code == 200
    assert app.test_client().get("/other/healthz").status_code == 200
    assert post(app).status_code == 404


def test_a_kit_is_mounted_in_an_application_once_per_prefix(kits: Kits) -> None:
    kit, app = kits.kit(), Flask(__name__)
    kit.init_app(app)
    with pytest.raises(NotConfigured, match="mount each kit once"):
        kit.init_app(app)
    with pytest.raises(NotConfigured, match="prefix of its own"):
        kits.kit("other").init_app(app)
    assert post(app).status_code == 200


def test_metrics_of_a_leader_that_does_not_answer_are_a_503(
    kits: Kits, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit, app = kits.kit(), Flask(__name__)
    kit.init_app(app)

    def nobody_answers(**_: object) -> bytes:
        raise LedgerError("the process that holds the store does not answer")

    monkeypatch.setattr(kit._service(), "exposition", nobody_answers)
    answer = app.test_client().get("/metrics")
    assert (answer.status_code, "does not answer" in answer.text) == (503, True)


def test_any_wsgi_application_can_be_wrapped(kits: Kits) -> None:
    answer = Client(kits.kit().middleware(app_without_kit)).get("/")
    assert (answer.status, answer.data) == ("200 OK", b"plain")


def test_a_second_kit_with_the_same_prefix_would_hide_the_first(kits: Kits) -> None:
    app = app_with(kits.kit())
    for inner in (app, app.wsgi_app, kits.kit("plain").middleware(app_without_kit)):
        with pytest.raises(NotConfigured, match="prefix of its own"):
            kits.kit("other").middleware(inner)
        kits.kit("another", prefix="/another").middleware(inner)


def test_nothing_is_opened_before_it_is_needed(kits: Kits, tmp_path: Path) -> None:
    app_with(kits.kit())
    assert list(tmp_path.iterdir()) == []
    assert kits.relays == []


def test_many_first_hooks_start_one_relay(kits: Kits) -> None:
    app = app_with(kits.kit())
    with ThreadPoolExecutor(8) as threads:
        answers = threads.map(lambda n: post(app, as_body(user_message(str(n)))), range(8))
    assert [answer.status_code for answer in answers] == [200] * 8
    assert len(kits.relays) == 1


def test_the_relay_is_closed_before_the_ledger(kits: Kits) -> None:
    kit = kits.kit()
    kit.start()
    kit.close()
    assert kits.relays[0].closed_before_ledger is True


def test_closing_twice_or_before_the_start_does_nothing(kits: Kits) -> None:
    kit = kits.kit()
    kit.close()
    kit.start()
    kit.close()
    kit.close()


def test_a_closed_kit_accepts_no_hooks(kits: Kits) -> None:
    app = app_with(kits.kit())
    kits.made[0].start()
    kits.made[0].close()
    assert post(app).status_code == 500
    with pytest.raises(LedgerClosed):
        kits.made[0].start()


def test_a_relay_that_cannot_start_releases_the_store(kits: Kits, tmp_path: Path) -> None:
    def broken(*args: Any) -> RecordingRelay:
        relay = kits.relay(*args)
        relay.broken = LedgerError("cannot start")
        return relay

    kit = BotKit(kits.settings(), relay_factory=broken)
    with pytest.raises(LedgerError, match="cannot start"):
        kit.start()
    kits.kit().start()


def test_a_kit_started_before_a_fork_starts_again_in_the_child(
    kits: Kits, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit = kits.kit()
    kit.start()
    monkeypatch.setattr("botkit.service.lifecycle.os.getpid", lambda: -1)
    kit.start()  # To the child, the parent is another process: it is the leader, and the child follows it.
    assert kit.ready() == {"store": True, "relay": True}
    assert len(kits.relays) == 1


# --- pages --------------------------------------------------------------------------------------------------------


def test_health_needs_only_the_process(kits: Kits) -> None:
    answer = app_with(kits.kit()).test_client().get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok"})
    assert kits.relays == []


def test_readiness_needs_store_and_relay(kits: Kits) -> None:
    client = app_with(kits.kit()).test_client()
    assert client.get("/readyz").json == {"status": "ready", "store": True, "relay": True}
    kits.relays[0].running = False
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json) == (503, {"status": "unready", "store": True, "relay": False})


def test_readiness_names_a_store_that_cannot_be_opened(kits: Kits, tmp_path: Path) -> None:
    (tmp_path / "botkit.db").mkdir()
    answer = app_with(kits.kit()).test_client().get("/readyz")
    assert answer.status_code == 503
    assert "BK-3000" in answer.json["error"]  # type: ignore[index]


def test_metrics_count_hooks_and_duplicates(kits: Kits) -> None:
    app = app_with(kits.kit())
    post(app)
    post(app)
    post(app, event="on_something_made_up")
    text = app.test_client().get("/metrics").text
    assert 'botkit_hooks_total{event="on_user_message",status="200"} 2.0' in text
    assert 'botkit_hooks_total{event="other",status="200"} 1.0' in text
    assert "botkit_duplicate_hooks_total 1.0" in text
    assert "botkit_outbox_depth 1.0" in text
    assert "botkit_open_sessions 0.0" in text
    assert "botkit_ack_seconds_count 3.0" in text


def test_each_kit_counts_for_itself(kits: Kits) -> None:
    one, other = kits.kit("one", prefix="/one"), kits.kit("other", prefix="/other")
    app = app_with(one, other)
    post(app, prefix="/one")
    assert "botkit_hooks_total{" in app.test_client().get("/one/metrics").text
    assert "botkit_hooks_total{" not in app.test_client().get("/other/metrics").text


def test_create_app_has_a_kit_and_nothing_else(kits: Kits) -> None:
    app = create_app(kits.settings(prefix="/botkit"), relay_factory=kits.relay)
    kits.made.append(app.extensions["botkit"][0].kit)
    assert app.test_client().get("/botkit/readyz").status_code == 200
    assert app.test_client().get("/").status_code == 404


def test_a_hook_under_another_prefix_is_logged_with_the_key_to_change(kits: Kits) -> None:
    app = create_app(kits.settings(prefix="/botkit"), relay_factory=kits.relay)
    kits.made.append(app.extensions["botkit"][0].kit)
    with capture_logs() as lines:
        for _ in range(3):
            answer = app.test_client().post(f"/sdk/bots/{BOT_ID}/on_user_message", json={})
            assert answer.status_code == 404
        app.test_client().post("/elsewhere")
        app.test_client().post("/botkit/sdk/bots/acme/on_user_message", json={})
    line, other = [line for line in lines if line["event"].startswith("hook")]
    assert (other["reason"], other["fix"]) == (
        "/sdk/bots/acme/on_user_message is not the path of a hook",
        "the Callback URL of the bot's JWT app",
    )
    assert (line["event"], line["reason"]) == (
        "hook_refused",
        "the path begins with / and not with the prefix /botkit",
    )
    assert line["fix"].startswith("server.prefix")


def test_settings_become_rules(kits: Kits) -> None:
    bot = kits.settings().bots[BOT_ID]
    rules = rules_for(bot)
    assert rules.system_for("facebook") == "salesforce"
    assert set(rules.systems) == {"salesforce"}
    assert rules.attributes_of("salesforce") is DEFAULT_ATTRIBUTES
    assert rules.accept_timeout_seconds == 600.0


def test_override_settings_replaces_the_service_until_it_is_left(kits: Kits) -> None:
    kit = kits.kit()
    with kit.override_settings(kits.settings("another", prefix="/another"), relay_factory=kits.relay):
        assert kit.settings.server.prefix == "/another"
        assert kit.ready() == {"store": True, "relay": True}
    assert kit.settings.server.prefix == ""
    assert [relay.running for relay in kits.relays] == [False]


def test_a_kit_is_configured_once_it_has_settings_or_is_mounted() -> None:
    assert not BotKit().is_configured
    assert BotKit(settings()).is_configured
