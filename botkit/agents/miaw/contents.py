"""Converts every shape of an abstractMessage to `Content` (docs/protocols/salesforce-miaw.md, 3.6).

Forms and pickers, which other channels cannot show, become text. So does an unknown format: its texts in their order. Only a
message without texts and links is empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from botkit.handoff.events import Content, Link, Option
from botkit.http.lenient_json import Members, items, members, text
from botkit.http.links import openable

_MAX_DEPTH = 8


def read_content(message: Members) -> Content:
    """The content of an `abstractMessage`; empty when there is nothing to show."""
    return with_openable_links(_read(message))


def with_openable_links(content: Content, base_url: str = "") -> Content:
    """The content with addresses that open when they are clicked; relative ones refer to `base_url`."""
    if not content.links:
        return content
    return replace(
        content, links=tuple(replace(link, url=openable(link.url, base_url)) for link in content.links)
    )


def _read(message: Members) -> Content:
    if static := members(message.get("staticContent")):
        return _static(static)
    if choices := members(message.get("choices")):
        return _choices(choices)
    if form := members(message.get("form")):
        return _form(form)
    known = {"id", "messageType", "inReplyToMessageId", "references", "customHandlingType", "contentCategory"}
    return _anything({name: value for name, value in message.items() if name not in known})


def _static(content: Members) -> Content:
    match text(content.get("formatType")):
        case "Text":
            return Content(text(content.get("text")))
        case "RichLink":
            item = members(content.get("linkItem"))
            links = _links([_title_link(item)])
            return Content(_words(text(content.get("text")), _subtitle(item.get("titleItem"))), links=links)
        case "Attachments" | "ExternalAttachments":
            files = items(content.get("attachments")) or items(content.get("externalAttachments"))
            return Content(text(content.get("text")), links=_links(_file(file) for file in files))
        case "WebView":
            return Content(links=_links([Link(_title(content.get("title")), text(content.get("url")))]))
        case "Links":
            listed = [
                Link(_title(link.get("titleItem") or link.get("title")), text(link.get("url")))
                for link in items(content.get("links"))
            ]
            return Content(text(content.get("text")), links=_links(listed))
        case "Media":
            media = [_asset(members(content.get("mediaAsset")))]
            linked = [_title_link(item) for item in items(content.get("linkItems"))]
            return Content(text(content.get("text")), links=_links(media + linked))
        case "ExperienceType" if said := text(content.get("message")):
            return Content(said)
        case _:
            return _anything(content)


def _choices(choices: Members) -> Content:
    message = choices.get("message")
    heading = _words(
        text(choices.get("text")), _title(choices.get("title")), _title(message), _subtitle(message)
    )
    match text(choices.get("formatType")):
        case "Carousel":
            return _carousel(choices, heading)
        case "TimePicker":
            event = members(choices.get("calendarEvent")) or members(choices.get("event"))
            slots = items(event.get("optionItems")) or items(event.get("timeSlots"))
            titles = [_title(slot.get("titleItem")) or text(slot.get("startTime")) for slot in slots]
            options = tuple(Option(title) for title in titles if title)
            return Content(_words(heading, text(event.get("title"))), options)
        case _:
            options = _options(items(choices.get("optionItems")))
            return Content(heading, options) if options else _anything(choices)


def _carousel(choices: Members, heading: str) -> Content:
    cards: list[str] = []
    options: list[Members] = []
    links: list[Link] = []
    for card in items(choices.get("items")):
        title = card.get("titleItem")
        cards.append(_words(_title(title), _subtitle(title), sep=": "))
        for item in items(card.get("interactionItems")):
            if text(item.get("url")):
                links.append(_title_link(item))
            else:
                options.append(item)
    return Content(_words(heading, *cards), _options(options), _links(links))


def _form(form: Members) -> Content:
    """A form cannot be filled in on other channels: the user sees its title and questions, and answers with text."""
    questions = []
    for section in items(form.get("sections")):
        question = members(section.get("input"))
        offered = [_title(item.get("titleItem")) for item in items(question.get("optionItems"))]
        label = text(question.get("label")) or _title(question.get("titleItem"))
        questions.append(f"{label} ({', '.join(offered)})" if label and any(offered) else label)
    message = _words(_title(form.get("message")), _subtitle(form.get("message")))
    title = _title(form.get("formTitle"))
    said = _words(
        title, message if message != title else "", *(f"- {question}" for question in questions if question)
    )
    return Content(said) if said else _anything(form)


def _file(file: Members) -> Link:
    is_image = text(file.get("mimeType")).lower().startswith("image/")
    return Link(text(file.get("name")), text(file.get("url")), "image" if is_image else "file")


def _asset(asset: Members) -> Link:
    kind = text(asset.get("mimeType")) or text(asset.get("assetType"))
    url = text(asset.get("assetUrl")) or text(asset.get("url"))
    return Link(text(asset.get("name")), url, "image" if kind.lower().startswith("image") else "file")


def _title_link(item: Members) -> Link:
    return Link(_title(item.get("titleItem")), text(item.get("url")))


def _title(value: object) -> str:
    """The title of a title item, which may also be a plain string."""
    return value if isinstance(value, str) else text(members(value).get("title"))


def _subtitle(value: object) -> str:
    return text(value.get("subTitle")) if isinstance(value, dict) else ""


def _options(found: list[Members]) -> tuple[Option, ...]:
    titles = (_title(item.get("titleItem")) or text(item.get("title")) for item in found)
    return tuple(Option(title) for title in titles if title)


def _links(found: Iterable[Link]) -> tuple[Link, ...]:
    return tuple(link for link in found if link.url)


def _words(*parts: str, sep: str = "\n") -> str:
    return sep.join(dict.fromkeys(part for part in parts if part))


def _anything(value: Members) -> Content:
    """An unknown format: its texts and web addresses."""
    texts, links = [], []
    for name, found in _strings(value, _MAX_DEPTH):
        if name.lower().endswith("url"):
            links.append(Link("", found))
        else:
            texts.append(found)
    return Content(_words(*texts), links=tuple(dict.fromkeys(links)))


_SHOWN = frozenset({"text", "title", "subTitle", "message", "label", "name", "description", "caption"})


def _strings(value: object, depth: int, name: str = "") -> Iterator[tuple[str, str]]:
    if depth == 0:
        return
    if isinstance(value, str):
        is_url = name.lower().endswith("url") and value.startswith(("https://", "http://"))
        if value and (name in _SHOWN or is_url):
            yield name, value
    elif isinstance(value, dict):
        for member, inner in value.items():
            yield from _strings(inner, depth - 1, member)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner, depth - 1, name)
