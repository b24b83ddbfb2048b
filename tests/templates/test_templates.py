"""The JSON and the plain text of each template."""

from __future__ import annotations

import json

import pytest

from botkit.errors import BotKitError, TemplateInvalid
from botkit.templates import (
    Button,
    Card,
    Column,
    QuickReply,
    Template,
    audio_template,
    button_template,
    carousel_template,
    image_template,
    link_template,
    list_template,
    live_agent_template,
    quick_replies_template,
    table_template,
    video_template,
)

SHOP = "https://acme.example/shop"
PICTURE = "https://acme.example/hat.png"


def test_buttons_have_title_and_payload_alike_unless_given() -> None:
    template = button_template("What next?", ["Yes", Button("No", payload="NO!"), Button("Shop", url=SHOP)])
    assert template.content == {
        "type": "template",
        "payload": {
            "template_type": "button",
            "text": "What next?",
            "buttons": [
                {"type": "postback", "title": "Yes", "payload": "Yes"},
                {"type": "postback", "title": "No", "payload": "NO!"},
                {"type": "web_url", "title": "Shop", "url": SHOP},
            ],
        },
    }
    assert template.text == f"What next?\n- Yes\n- No\n- Shop: {SHOP}"


def test_quick_replies_may_have_pictures() -> None:
    template = quick_replies_template("Pick", ["Red", QuickReply("Green", "g", PICTURE)])
    assert template.content["payload"] == {
        "template_type": "quick_replies",
        "text": "Pick",
        "quick_replies": [
            {"content_type": "text", "title": "Red", "payload": "Red"},
            {"content_type": "text", "title": "Green", "payload": "g", "image_url": PICTURE},
        ],
    }
    assert template.text == "Pick\n- Red\n- Green"


def test_choices_can_name_an_agent() -> None:
    for template in (
        button_template("a", ["b"], agent_name="Jane"),
        quick_replies_template("a", ["b"], agent_name="Jane"),
    ):
        assert json.loads(template.to_json())["payload"]["agent_name"] == "Jane"


def test_a_list_has_cards_and_a_button_below_it() -> None:
    cards = [
        Card("Hat", "Warm", PICTURE, SHOP, [Button("Buy", payload="buy hat")]),
        Card("Cap"),
    ]
    template = list_template(cards, more=Button("View more"))
    assert template.content == {
        "type": "template",
        "payload": {
            "template_type": "list",
            "elements": [
                {
                    "title": "Hat",
                    "subtitle": "Warm",
                    "image_url": PICTURE,
                    "default_action": {"type": "web_url", "url": SHOP},
                    "buttons": [{"type": "postback", "title": "Buy", "payload": "buy hat"}],
                },
                {"title": "Cap", "subtitle": ""},
            ],
            "buttons": [{"type": "postback", "title": "View more", "payload": "View more"}],
        },
    }
    assert template.text == f"Hat\nWarm\n{SHOP}\n- Buy\n\nCap\n\n- View more"


def test_a_list_without_a_more_button_has_no_buttons() -> None:
    assert "buttons" not in json.loads(list_template([Card("Hat")]).to_json())["payload"]


def test_a_carousel_has_its_cards() -> None:
    template = carousel_template([Card("Hat", buttons=[Button("Buy"), Button("More"), Button("No")])])
    assert template.content["payload"] == {
        "template_type": "carousel",
        "elements": [
            {
                "title": "Hat",
                "subtitle": "",
                "buttons": [
                    {"type": "postback", "title": title, "payload": title} for title in ("Buy", "More", "No")
                ],
            }
        ],
    }


def test_a_table_has_columns_and_rows_of_values() -> None:
    template = table_template(
        "Accounts",
        ["Name", Column("Salary", "right")],
        [["Ada", 1000], ["Bob", "2,000"]],
        design="responsive",
        speech_hint="Here they are",
    )
    assert template.content == {
        "type": "template",
        "payload": {
            "template_type": "table",
            "text": "Accounts",
            "columns": [["Name"], ["Salary", "right"]],
            "table_design": "responsive",
            "speech_hint": "Here they are",
            "elements": [{"Values": ["Ada", 1000]}, {"Values": ["Bob", "2,000"]}],
        },
    }
    assert template.text == "Accounts\nName | Salary\nAda | 1000\nBob | 2,000"


@pytest.mark.parametrize(
    ("template", "content", "text"),
    [
        (
            image_template(PICTURE, alt="A hat"),
            {"type": "image", "payload": {"url": PICTURE}},
            f"A hat: {PICTURE}",
        ),
        (audio_template(SHOP), {"type": "message", "payload": {"text": "", "audioUrl": SHOP}}, SHOP),
        (
            video_template(SHOP, title="Film"),
            {"type": "message", "payload": {"text": "", "videoUrl": SHOP}},
            f"Film: {SHOP}",
        ),
        (link_template("Terms", SHOP), {"text": f"[Terms]({SHOP})"}, f"Terms: {SHOP}"),
        (
            live_agent_template("hi", agent_name="Jane"),
            {
                "type": "template",
                "payload": {"template_type": "live_agent", "text": "hi", "agent_name": "Jane"},
            },
            "hi",
        ),
    ],
    ids=["image", "audio", "video", "link", "live_agent"],
)
def test_media_and_live_agent_templates(template: Template, content: dict[str, object], text: str) -> None:
    assert template.content == content
    assert template.text == text


def test_a_links_title_and_address_cannot_end_it_early() -> None:
    template = link_template("a](https://evil.example)[b", "https://acme.example/a_(b)")
    assert template.content == {"text": "[a (https://evil.example) b](https://acme.example/a_%28b%29)"}


@pytest.mark.parametrize(
    ("build", "error"),
    [
        (lambda: button_template(" ", ["a"]), "a button template has no text"),
        (lambda: button_template("x" * 641, ["a"]), "641 characters, of which 640"),
        (lambda: button_template("😀" * 321, ["a"]), "642 characters"),
        (lambda: button_template("x", []), "buttons: give at least 1"),
        (lambda: button_template("x", ["a"] * 51), "buttons: 51 given, but at most 50 are possible"),
        (lambda: Button(""), "a button has no text"),
        (lambda: Button("a", payload="b", url=SHOP), "either a payload or a url"),
        (lambda: Button("a", url="javascript:alert(1)"), "begins with https://"),
        (lambda: Button("a", url="https://acme.example/a b"), "no blanks"),
        (lambda: Button("a", url="https://acme.example/" + "a" * 4_000), "begins with"),
        (lambda: quick_replies_template("x", []), "quick replies: give at least 1"),
        (lambda: quick_replies_template("x" * 641, ["a"]), "640"),
        (lambda: QuickReply("a", image_url="data:x"), "a quick reply's image"),
        (lambda: list_template([]), "cards of a list: give at least 1"),
        (lambda: list_template([Card("a")] * 5, more=Button("m")), "5 given, but at most 4 are possible"),
        (lambda: list_template([Card("a")] * 4), "needs a `more` button"),
        (
            lambda: list_template([Card("a", buttons=[Button("b")] * 2)]),
            "buttons of a card in a list: 2 given",
        ),
        (
            lambda: carousel_template([Card("a", buttons=[Button("b")] * 4)]),
            "buttons of a card in a carousel: 4",
        ),
        (lambda: carousel_template([]), "cards of a carousel"),
        (lambda: Card(""), "a card has no text"),
        (lambda: Card("a", image_url="javascript:x"), "a card's image needs"),
        (lambda: table_template("", ["a"], [["b"]]), "a table has no text"),
        (lambda: table_template("t", [], [["b"]]), "columns: give at least 1"),
        (lambda: table_template("t", ["a"], []), "rows: give at least 1"),
        (lambda: table_template("t", ["a"], [["b"]] * 201), "rows: 201 given"),
        (lambda: table_template("t", ["a", "b"], [["1", "2"], ["1"]]), "row 2 has 1 cells, but the table has 2 columns"),
        (lambda: image_template("file:///etc/passwd"), "an image needs"),
        (lambda: link_template("", SHOP), "a link has no text"),
        (lambda: live_agent_template(""), "an agent's message has no text"),
        (lambda: Template("t", {"a": "x" * 100_000}), "100008 bytes"),
        (lambda: Template("t", {"a": object()}), "the content of a template must be JSON"),
    ],
)  # fmt: skip
def test_an_invalid_template_is_refused_with_a_fix(build: object, error: str) -> None:
    assert callable(build)
    with pytest.raises(TemplateInvalid, match=error):
        build()


def test_template_invalid_is_a_botkit_error_and_a_value_error() -> None:
    assert issubclass(TemplateInvalid, BotKitError)
    assert issubclass(TemplateInvalid, ValueError)


def test_the_override_holds_the_template_as_a_text() -> None:
    template = button_template("What next? é", ["Yes"])
    override = template.as_override()
    assert override == {"isTemplate": True, "body": template.to_json()}
    assert json.loads(template.to_json()) == template.content
    assert "é" in template.to_json()


def test_the_text_of_a_template_is_not_in_its_repr_twice() -> None:
    assert "template_type" not in repr(button_template("hi", ["a"]))
