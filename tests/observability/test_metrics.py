from __future__ import annotations

from botkit.observability.metrics import METRICS, Telemetry


def test_unknown_events_share_a_label() -> None:
    telemetry = Telemetry({"on_user_message"})
    for name in ("on_x", "on_y", "on_user_message"):
        telemetry.hook(name, 200, 0.001)
    text = telemetry.exposition().decode()
    assert 'event="other",status="200"} 2.0' in text
    assert 'event="on_user_message",status="200"} 1.0' in text
    assert "on_x" not in text


def test_above_the_limit_reasons_of_an_agent_system_share_a_label() -> None:
    telemetry = Telemetry()
    for number in range(1_000):
        telemetry.noted("routing_failed", f"Reason{number}")
    text = telemetry.exposition().decode()
    assert text.count("botkit_handoff_total{") < 150
    assert 'what="routing_failed",why="other"} 900.0' in text


def test_the_metrics_of_the_relay_are_exposed() -> None:
    telemetry = Telemetry()
    telemetry.effect_done("PassToBot", "delivered")
    telemetry.effect_done("PassToBot", "delivered")
    telemetry.effect_retried("SendToAgent")
    telemetry.receivers_open(3)
    telemetry.reconnected("salesforce")
    telemetry.noted("handoff_opened", "salesforce")
    telemetry.possible_duplicates(2)
    telemetry.repeated_to_agents("salesforce")
    text = telemetry.exposition().decode()
    assert 'botkit_effects_total{kind="PassToBot",outcome="delivered"} 2.0' in text
    assert 'botkit_effect_retries_total{kind="SendToAgent"} 1.0' in text
    assert "botkit_receivers 3.0" in text
    assert 'botkit_reconnects_total{system="salesforce"} 1.0' in text
    assert 'botkit_handoff_total{what="handoff_opened",why="salesforce"} 1.0' in text
    assert "botkit_possible_duplicates_total 2.0" in text
    assert 'botkit_repeated_to_agents_total{system="salesforce"} 1.0' in text


def test_every_declared_metric_is_in_the_exposition_and_no_other() -> None:
    telemetry = Telemetry()
    telemetry.watch(outbox_depth=lambda: 1.0, open_sessions=lambda: 1.0)
    lines = telemetry.exposition().decode().splitlines()
    shown = {line.split(" ", 3)[2]: line.split(" ", 3)[3] for line in lines if line.startswith("# HELP")}
    assert {name: text for name, text in shown.items() if not name.endswith("_created")} == {
        metric.name: metric.help for metric in METRICS
    }


def test_an_exemplar_has_the_reference_of_one_hand_off() -> None:
    telemetry = Telemetry()
    telemetry.noted("handoff_ended", "refused", ref="7K3M-9Q2X")
    plain, openmetrics = telemetry.exposition().decode(), telemetry.exposition(openmetrics=True).decode()
    assert "7K3M" not in plain
    counted = 'botkit_handoff_total{what="handoff_ended",why="refused"} 1.0 # {ref="7K3M-9Q2X"} 1.0'
    assert counted in openmetrics
