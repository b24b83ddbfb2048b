"""Every shape of a message becomes content."""

from __future__ import annotations

import pytest

from botkit.agents.miaw.contents import read_content
from botkit.handoff.events import Content, Link, Option


def static(**content: object) -> Content:
    return read_content({"messageType": "StaticContentMessage", "id": "m", "staticContent": content})


def choices(**content: object) -> Content:
    return read_content({"messageType": "ChoicesMessage", "id": "m", "choices": content})


def title(text: str, sub: str | None = None) -> dict[str, object]:
    return {"itemType": "TitleItem", "title": text, "subTitle": sub}


def option(text: str) -> dict[str, object]:
    return {"itemType": "TitleOptionItem", "optionIdentifier": f"id-{text}", "titleItem": title(text)}


def test_text() -> None:
    assert static(formatType="Text", text="hello") == Content("hello")


def test_text_keeps_its_blanks_and_lines() -> None:
    assert static(formatType="Text", text=" a\n\n b ") == Content(" a\n\n b ")


def test_a_rich_link() -> None:
    link = {
        "itemType": "TitleLinkItem",
        "titleItem": title("Terms", "the small print"),
        "url": "https://a.example/",
    }
    image = {
        "assetType": "ImageAsset",
        "id": "i",
        "mimeType": "image/png",
        "assetUrl": "https://a.example/i.png",
    }
    assert static(formatType="RichLink", linkItem=link, image=image) == Content(
        "the small print", links=(Link("Terms", "https://a.example/"),)
    )


def test_attachments_are_files_or_images() -> None:
    files = [
        {"id": "1", "name": "bill.pdf", "mimeType": "application/pdf", "url": "https://a.example/1"},
        {"id": "2", "name": "cat.png", "mimeType": "IMAGE/PNG", "url": "https://a.example/2"},
        {"id": "3", "name": "pending", "mimeType": "image/png", "url": None},
    ]
    assert static(formatType="Attachments", text=None, attachments=files) == Content(
        "",
        links=(
            Link("bill.pdf", "https://a.example/1", "file"),
            Link("cat.png", "https://a.example/2", "image"),
        ),
    )


def test_a_web_view() -> None:
    expected = Content(links=(Link("Survey", "https://a.example/"),))
    assert static(formatType="WebView", url="https://a.example/", title=title("Survey")) == expected
    assert static(formatType="WebView", url="https://a.example/", title="Survey") == expected


def test_links() -> None:
    assert static(formatType="Links", links=[{"url": "https://a.example/"}]) == Content(
        links=(Link("", "https://a.example/"),)
    )


def test_media_with_links() -> None:
    asset = {"assetType": "ImageAsset", "mimeType": "image/png", "assetUrl": "https://a.example/i.png"}
    link = {"itemType": "TitleLinkItem", "titleItem": title("More"), "url": "https://a.example/"}
    assert static(formatType="Media", mediaAsset=asset, linkItems=[link]) == Content(
        links=(Link("", "https://a.example/i.png", "image"), Link("More", "https://a.example/"))
    )


def test_an_experience_type_says_its_message() -> None:
    values = [{"valueType": "ExperienceTypeValue", "type": "t", "value": "{}"}]
    assert static(formatType="ExperienceType", message="hello", values=values) == Content("hello")


@pytest.mark.parametrize("form", ["Buttons", "QuickReplies"])
def test_choices_are_options(form: str) -> None:
    assert choices(formatType=form, text="Which?", optionItems=[option("A"), option("B")]) == Content(
        "Which?", (Option("A"), Option("B"))
    )


def test_a_list_picker() -> None:
    read = choices(
        formatType="ListPicker", title="Which?", message=title("Pick one"), optionItems=[option("A")]
    )
    assert read == Content("Which?\nPick one", (Option("A"),))


def test_a_carousel_is_its_cards_and_their_choices() -> None:
    card = {
        "titleItem": title("One", "first"),
        "interactionItems": [
            option("Buy"),
            {"itemType": "TitleLinkItem", "titleItem": title("See"), "url": "https://a.example/1"},
        ],
    }
    other = {"titleItem": title("Two"), "interactionItems": [option("Sell")]}
    assert choices(formatType="Carousel", title=title("Offers"), items=[card, other]) == Content(
        "Offers\nOne: first\nTwo", (Option("Buy"), Option("Sell")), (Link("See", "https://a.example/1"),)
    )


def test_a_time_picker_offers_its_slots() -> None:
    event = {
        "title": "Visit",
        "optionItems": [{"titleItem": title("Monday 9:00")}, {"startTime": "2026-01-01T09:00:00Z"}],
    }
    assert choices(formatType="TimePicker", message=title("When?"), calendarEvent=event) == Content(
        "When?\nVisit", (Option("Monday 9:00"), Option("2026-01-01T09:00:00Z"))
    )


def test_a_form_is_its_questions() -> None:
    sections = [
        {
            "sectionType": "SingleInputSection",
            "input": {"inputType": "TextInput", "id": "1", "label": "Name"},
        },
        {
            "sectionType": "SingleInputSection",
            "input": {
                "inputType": "SelectInput",
                "label": "Colour",
                "optionItems": [option("red"), option("blue")],
            },
        },
    ]
    form = {
        "formatType": "Inputs",
        "formTitle": title("About you"),
        "message": title("Please"),
        "sections": sections,
    }
    assert read_content({"messageType": "FormMessage", "form": form}) == Content(
        "About you\nPlease\n- Name\n- Colour (red, blue)"
    )


def test_a_format_not_seen_yet_shows_its_words_and_addresses() -> None:
    read = static(
        formatType="Hologram", text="Look", parts=[{"title": "here", "url": "https://a.example/"}], id="x"
    )
    assert read == Content("Look\nhere", links=(Link("", "https://a.example/"),))


def test_a_message_type_not_seen_yet_shows_its_words() -> None:
    assert read_content({"messageType": "NewMessage", "id": "m", "new": {"text": "hello"}}) == Content(
        "hello"
    )


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"staticContent": None},
        {"staticContent": {"formatType": "Text", "text": None}},
        {"staticContent": {"formatType": "Attachments", "attachments": [None, 7, {}]}},
        {"choices": {"formatType": "Buttons", "optionItems": "x"}},
        {"choices": {"formatType": "Carousel"}},
        {"form": {"formatType": "Inputs", "sections": [{}]}},
        {"messageType": "X", "id": "m", "references": [{"name": "secret"}]},
    ],
)
def test_a_message_without_words_is_empty(message: dict[str, object]) -> None:
    assert read_content(message) == Content()


def test_a_deep_nest_is_read_to_a_bound() -> None:
    nested: dict[str, object] = {"text": "deep"}
    for _ in range(200):
        nested = {"inner": nested}
    assert static(formatType="New", text="top", more=nested) == Content("top")
