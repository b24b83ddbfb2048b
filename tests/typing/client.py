"""The synchronous client, for scripts and notebooks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_type

from botkit.client import BotVariable, Dialog, HistoryMessage, KoreClient, MessagePage
from botkit.handlers import MetaTags
from botkit.templates import button_template


def asked(payload: dict[str, object]) -> None:
    with KoreClient.from_config("config/botkit.yaml", bot="st-1") as kore:
        assert_type(kore, KoreClient)
        assert_type(kore.get_messages(user_id="u-1", limit=5), MessagePage)
        assert_type(kore.iter_messages(user_id="u-1"), Iterator[HistoryMessage])
        assert_type(kore.fetch_bot_variables(payload, ["en", "de"]), dict[str, tuple[BotVariable, ...]])
        assert_type(kore.get_dialog(payload), Dialog)


def said(kore: KoreClient, payload: dict[str, object], body: bytes) -> None:
    tags: MetaTags = {"userMetaTags": [{"name": "tier", "value": "gold"}]}
    kore.send_user_message(payload, "Hello", meta_tags=tags)
    kore.send_user_message(body, button_template("Sure?", ["Yes"]), channels={"sms": "Y or N?"})
    kore.send_bot_message(body, "hello", meta_info={"setBotLanguage": "de"})
    kore.send_alert_message(body)
    kore.send_feedback_message(body, "csat", 5, botLanguage="en")
    kore.send_bot_event(body, "TYPING_STARTED")
    kore.respond_to_hook(body, context={"order": "shipped"})


def refused(kore: KoreClient, body: bytes) -> None:
    kore.send_user_message()  # type: ignore[call-arg]
    kore.send_user_message("payload", "Hello")  # type: ignore[arg-type]
    kore.send_user_message(body, 5)  # type: ignore[arg-type]
    kore.send_bot_event(body, 5)  # type: ignore[arg-type]
    kore.get_messages("u-1")  # type: ignore[call-arg]
    kore.fetch_bot_variables(body)  # type: ignore[call-arg]
