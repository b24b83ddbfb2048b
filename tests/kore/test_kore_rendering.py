"""How an agent's words look on Kore's channels."""

from __future__ import annotations

import json

import pytest

from botkit.handoff.events import Content, Link, Option
from botkit.kore.rendering import message_body, plain_text, template_for

JANE = "Jane Doe"
LINK = Link("Terms", "https://acme.example/terms")


def sent(content: Content, *, agent_name: str = JANE, channel_type: str = "rtm") -> tuple[str, object]:
    body = json.loads(
        message_body(b'{"message":"old"}', content, agent_name=agent_name, channel_type=channel_type)
    )
    override = body["overrideMessagePayload"]
    if override is None:
        return body["message"], None
    assert override["isTemplate"] is True
    assert isinstance(override["body"], str)
    return body["message"], json.loads(override["body"])


def test_an_agent_on_the_web_channel_speaks_in_a_live_agent_bubble() -> None:
    assert sent(Content("hello")) == (
        "hello",
        {"type": "template", "payload": {"template_type": "live_agent", "text": "hello", "agent_name": JANE}},
    )


def test_botkits_own_words_are_plain() -> None:
    assert sent(Content("Looking for an agent"), agent_name="") == ("Looking for an agent", None)


def test_few_options_are_buttons_whose_title_and_payload_are_alike() -> None:
    message, template = sent(Content("Which?", (Option("A"), Option("B"))))
    assert message == "Which?\n- A\n- B"
    assert template == {
        "type": "template",
        "payload": {
            "template_type": "button",
            "text": "Which?",
            "buttons": [
                {"type": "postback", "title": "A", "payload": "A"},
                {"type": "postback", "title": "B", "payload": "B"},
            ],
            "agent_name": JANE,
        },
    }


def test_many_options_are_quick_replies() -> None:
    template = template_for(Content("Which?", tuple(Option(c) for c in "ABCD")), agent_name="")
    assert template is not None
    payload = template["payload"]
    assert isinstance(payload, dict)
    assert payload["template_type"] == "quick_replies"
    assert payload["quick_replies"][0] == {"content_type": "text", "title": "A", "payload": "A"}


def test_an_image_alone_is_an_image() -> None:
    image = Link("cat.png", "https://acme.example/cat.png", "image")
    assert sent(Content(links=(image,)), agent_name="") == (
        "[cat.png](https://acme.example/cat.png)",
        {"type": "image", "payload": {"url": "https://acme.example/cat.png"}},
    )


def test_an_agents_image_keeps_its_name_and_its_senders() -> None:
    image = Link("cat.png", "https://acme.example/cat.png", "image")
    template = template_for(Content(links=(image,)), agent_name="Jane")
    assert template is not None
    assert template["payload"] == {
        "template_type": "live_agent",
        "text": "![cat.png](https://acme.example/cat.png)\n[cat.png](https://acme.example/cat.png)",
        "agent_name": "Jane",
    }


def test_an_image_whose_name_would_break_markdown_is_an_image() -> None:
    image = Link("c[a]t.png", "https://acme.example/cat.png", "image")
    template = template_for(Content(links=(image,)), agent_name="Jane")
    assert template == {"type": "image", "payload": {"url": image.url}}


def test_a_link_beside_text_is_written_into_it() -> None:
    _, template = sent(Content("See:", links=(LINK,)))
    assert isinstance(template, dict)
    assert template["payload"]["text"] == "See:\n[Terms](https://acme.example/terms)"


@pytest.mark.parametrize("channel", ["facebook", "whatsapp", "sms", "msteams", "ivr"])
def test_other_channels_get_plain_text_with_options_listed_and_links_written_out(channel: str) -> None:
    content = Content("Which?", (Option("A"), Option("B")), (LINK,))
    assert sent(content, channel_type=channel) == (
        "Which?\nTerms: https://acme.example/terms\n- A\n- B",
        None,
    )


@pytest.mark.parametrize("title", ["", "https://acme.example/terms"])
def test_a_link_without_a_title_of_its_own_is_the_address(title: str) -> None:
    link = Link(title, "https://acme.example/terms")
    assert plain_text(Content(links=(link,)), markdown=True) == "https://acme.example/terms"


@pytest.mark.parametrize(
    "link",
    [
        Link("click", "javascript:alert(1)"),
        Link("data", "data:text/html,x"),
        Link("a](https://evil.example)[b", "https://acme.example/"),
        Link("paren", "https://acme.example/a_(b)"),
    ],
)
def test_what_markdown_would_misread_is_written_out(link: Link) -> None:
    assert plain_text(Content(links=(link,)), markdown=True) == f"{link.title}: {link.url}"


def test_an_address_of_brackets_takes_no_time() -> None:
    link = Link("terms", f"https://{'[' * 500_000}")
    assert plain_text(Content(links=(link,)), markdown=True) == f"[terms]({link.url})"


def test_a_script_address_is_never_an_image() -> None:
    template = template_for(Content(links=(Link("x", "javascript:alert(1)", "image"),)), agent_name="")
    assert template is None


def test_text_of_every_script_survives() -> None:
    text = 'مرحبا 👋🏽 naïve \u2028 "quoted" \\ 漢字'
    message, template = sent(Content(text))
    assert message == text
    assert isinstance(template, dict)
    assert template["payload"]["text"] == text
