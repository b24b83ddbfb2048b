"""The public names: adding or removing one is a deliberate change."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import import_module

import pytest

import botkit
from botkit import errors
from botkit import handlers as sdk
from botkit.agents import AgentSystem
from botkit.client import KoreClient
from botkit.kit import BotKit, create_app
from botkit.testing import KitTester, StepResult

MODULES = {
    "botkit": "BotKit __version__ create_app",
    "botkit.agents": """
        AgentSystem Batch Capabilities DEFAULT_ATTRIBUTES File Granted Section
        Access Content Instant Link Option Request Response Stream Transport
        AgentCustomEvent AgentJoined AgentLeft AgentSaid AgentSessionEnded AgentTyping FileArrived FileLimits FileRequested
        FromAgents IdleRule PositionAdvanced QueueMoved RoutingFailed StatusReported TransferStarted
        AccessExpired AgentsUnavailable BadReply CallError CallRefused ConversationClosed HostNotAllowed MessageWithheld
        RateLimited ServerTrouble Unreachable UnusableValue
        Check Outcome Surroundings passed warned failed undecided
    """,
    "botkit.handlers": """
        AgentTransferContext AlertContext BotMessageContext ClientEventContext Context PlatformEventContext
        UserMessageContext VariableUpdateContext WebhookContext
        HandoffContext HandoffStartedContext AgentJoinedContext HandoffEndedContext Durations
        Answer Defer Next Sent Stop Verdict WebhookVerdict
        Attachment BotVariable Channel ConversationHandle Dialog Message MetaTags Session User
    """,
    "botkit.templates": """
        Button Card Column QuickReply Rendering Template
        audio_template button_template carousel_template image_template link_template list_template
        live_agent_template quick_replies_template table_template video_template
    """,
    "botkit.testing": "AgentCall Call File KitStage KitTester Payloads User StepResult made_up_settings",
    "botkit.client": "BotVariable Dialog HistoryMessage KoreClient MessagePage",
    "botkit.errors": """
        BotKitError
        ConfigurationError Problem UnusableValue
        HookRefused HookUnauthorized HookNotFound HookTooLarge HookNotJson HookInvalid BodyIncomplete TooManyBodies
        LedgerError LedgerBusy LedgerClosed LeaderLost LedgerUnusable
        CallError CallBroken Unreachable ServerTrouble RateLimited CallRefused MessageWithheld MessageTooLong FileUnavailable
        AccessExpired ConversationClosed NewSessionRequired BadReply HostNotAllowed NotAuthorized AgentsUnavailable
        SdkError HandlerTooLate HandlerTimeout InvalidHandlerResult KitTesterMisused SettingInvalid
        WrongThread UserNotReachable NothingToAnswer NotConfigured TemplateInvalid
        UnreachableCause
    """,
}

SAYS = """
    send_user_message send_bot_message send_alert_message skip_user_message skip_bot_message reset_bot clear_agent_session
    extend_request_id close_conversation_session send_feedback_message send_bot_event
"""
CONTEXT = f"""
    event bot_id component_id request_id message agent_transfer language body raw user channel attachments session context
    meta_info meta_tags new_context conversation next stop get_messages fetch_bot_variables get_dialog aio {SAYS}
"""
MOMENT = f"""
    event bot_id user_id channel language agent_system reference conversation_id messaging_session_id at started_at
    conversation {SAYS}
"""
CLASSES = {
    AgentSystem: """
        schema settings_type capabilities
        parsers check capabilities_for summary notice checks
        open start send fetch end routing listen typing acknowledge custom_event idle_notice send_file
    """,
    BotKit: """
        from_config middleware asgi asgi_pages init_app settings telemetry is_configured override_settings handlers
        start close ready conversation respond_to_hook
        on_user_message on_bot_message on_agent_transfer on_webhook on_event on_alert on_variable_update on_client_event
        on_handoff_started on_agent_joined on_handoff_ended
    """,
    sdk.HandoffContext: MOMENT,
    sdk.HandoffStartedContext: MOMENT,
    sdk.AgentJoinedContext: f"agent agents waiting {MOMENT}",
    sdk.HandoffEndedContext: f"why agents durations {MOMENT}",
    sdk.Context: CONTEXT,
    sdk.UserMessageContext: f"{CONTEXT} start_agent_session is_connect",
    sdk.BotMessageContext: f"{CONTEXT} start_agent_session",
    sdk.AgentTransferContext: f"{CONTEXT} start_agent_session",
    sdk.WebhookContext: f"{CONTEXT} component_name respond defer",
    sdk.PlatformEventContext: f"{CONTEXT} event_type",
    sdk.AlertContext: CONTEXT,
    sdk.VariableUpdateContext: f"{CONTEXT} event_type data",
    sdk.ClientEventContext: f"{CONTEXT} pre_defined_event custom_event",
    sdk.ConversationHandle: f"bot_id user_id channel once send get_messages aio {SAYS}",
    sdk.Sent: "result",
    KitTester: """
        close
        user_says user_connects bot_says transfers webhook event alert variable_update client_event posts
        agent_joins agent_says agent_types agent_leaves agent_hands_on agent_ends nobody_accepts queue_moves
        passes runs answers
    """,
    StepResult: """
        status body calls agent_calls request_id to_user to_bot to_agent names deferred context call
    """,
    KoreClient: f"""
        from_config start_agent_session respond_to_hook get_messages iter_messages fetch_bot_variables get_dialog
        close {SAYS}
    """,
}


@pytest.mark.parametrize("name", MODULES)
def test_a_module_exports_these_names(name: str) -> None:
    module = import_module(name)
    assert sorted(module.__all__) == sorted(MODULES[name].split())
    assert [one for one in module.__all__ if not hasattr(module, one)] == []


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_a_class_has_these_members(kind: type) -> None:
    assert _public(kind) == sorted(CLASSES[kind].split())


def test_every_error_has_a_code_of_its_own() -> None:
    codes = [one.code for one in vars(errors).values() if inspect.isclass(one) and hasattr(one, "code")]
    assert len(codes) == len(set(codes))


def test_the_package_offers_the_kit_and_create_app() -> None:
    assert botkit.BotKit is BotKit
    assert botkit.create_app is create_app


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        botkit.nonsense  # noqa: B018


def test_dir_lists_the_public_names_whether_they_are_loaded_or_not() -> None:
    code = "import sys, botkit; print(*dir(botkit)); sys.exit('botkit.kit' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert shown.split() == sorted(MODULES["botkit"].split())


def test_the_pure_core_loads_no_web_framework() -> None:
    code = "import sys, botkit, botkit.handoff.decide; sys.exit('flask' in sys.modules or 'pycurl' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _public(kind: type) -> list[str]:
    members = {name for one in kind.__mro__ if one is not object for name in vars(one)}
    return sorted(name for name in members if not name.startswith("_"))
