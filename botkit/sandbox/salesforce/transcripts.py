"""A conversation as people read it: entries turned into lines for the agent console and the downloadable transcript."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botkit.sandbox.salesforce.state import Entry

Item = dict[str, Any]


def transcript_item(entry: Entry) -> Item | None:
    """What the console shows of an entry; None for entries nobody reads (typing, receipts, work results …).

    `kind` is ``text``, ``link``, ``attachment``, ``choices``, ``form``, ``answer``, ``notice`` or ``unknown``.
    """
    item = {
        "id": entry.identifier,
        "at_ms": entry.transcripted_ms,
        "role": entry.sender.role,
        "name": entry.sender_name,
    }
    if entry.entry_type == "Message":
        shown = _message(entry.payload["abstractMessage"])
        return item | {"automated": entry.payload["messageReason"] == "AutomatedResponse"} | shown
    notice = _notice(entry)
    return None if notice is None else item | {"kind": "notice", "text": notice}


def _message(message: Mapping[str, Any]) -> Item:
    kind = message.get("messageType")
    if kind == "StaticContentMessage":
        return _static(message.get("staticContent") or {})
    if kind == "ChoicesMessage":
        choices = message.get("choices") or {}
        titles = [_title(option) for option in choices.get("optionItems") or ()]
        titles += [_title(card) for card in choices.get("items") or ()]
        return {
            "kind": "choices",
            "text": choices.get("text") or choices.get("title") or "",
            "options": titles,
        }
    if kind == "FormMessage":
        form = message.get("form") or {}
        labels = [(section.get("input") or {}).get("label", "") for section in form.get("sections") or ()]
        return {"kind": "form", "text": form.get("formTitle") or "", "options": labels}
    if kind == "ChoicesResponseMessage":
        chosen = (message.get("choicesResponse") or {}).get("selectedOptions") or ()
        words = (_choice(option) for option in chosen)
        return {"kind": "answer", "text": ", ".join(words)}
    if kind == "FormResponseMessage":
        values = (message.get("formResponse") or {}).get("inputValues") or ()
        return {"kind": "answer", "text": ", ".join(str(value.get("displayValue", "")) for value in values)}
    return {"kind": "unknown", "text": f"[{kind}]"}


def _static(content: Mapping[str, Any]) -> Item:
    form = content.get("formatType")
    if form == "Text":
        return {"kind": "text", "text": content.get("text") or ""}
    if form == "RichLink":
        link = content.get("linkItem") or {}
        return {"kind": "link", "text": _title(link), "url": link.get("url", "")}
    if form == "Attachments":
        files = [
            {"name": file.get("name", ""), "mimeType": file.get("mimeType", ""), "url": file.get("url", "")}
            for file in content.get("attachments") or ()
        ]
        names = ", ".join(file["name"] for file in files)
        return {"kind": "attachment", "text": content.get("text") or names, "attachments": files}
    return {"kind": "unknown", "text": str(content.get("text") or content.get("title") or f"[{form}]")}


def _title(item: Mapping[str, Any]) -> str:
    return str((item.get("titleItem") or {}).get("title", ""))


def _choice(option: Mapping[str, Any]) -> str:
    return str((option.get("optionTitle") or {}).get("title") or option.get("optionIdentifier", ""))


def _notice(entry: Entry) -> str | None:
    payload = entry.payload
    if entry.entry_type == "ParticipantChanged":
        change = payload["entries"][0]
        verb = "joined" if change["operation"] == "add" else "left"
        return f"{change['displayName']} {verb}"
    if entry.entry_type == "SessionStatusChanged":
        by = f" ({payload['sessionEndedByRole']})" if payload["sessionEndedByRole"] else ""
        return f"Session: {payload['sessionStatusPrev']} → {payload['sessionStatus']}{by}"
    if entry.entry_type == "RoutingResult":
        if payload["failureType"] != "None":
            return f"Routing failed ({payload['routingType']}): {payload['failureType']}"
        return None if payload["routingType"] == "Initial" else f"{payload['routingType']} requested"
    return None
