"""Entries as lines of a transcript, for the agent console and for the download as PDF.

Numbers in parentheses are sections of docs/protocols/salesforce-miaw.md.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from botkit_sandbox.salesforce.state import Entry

Item = dict[str, Any]


def transcript_item(entry: Entry) -> Item | None:
    """The line that the console shows of an entry; None for entries without text (typing, receipts, work results …).

    `kind` is ``text``, ``link``, ``attachment``, ``choices``, ``form``, ``answer``, ``notice`` or ``unknown``.
    """
    item = {
        "id": entry.identifier,
        "at_ms": entry.transcripted_ms,
        "role": entry.sender.role,
        "name": entry.sender_name,
    }
    if entry.entry_type == "Message":
        shown = _message(_part(entry.payload, "abstractMessage"))
        return item | {"automated": entry.payload.get("messageReason") == "AutomatedResponse"} | shown
    notice = _notice(entry)
    return None if notice is None else item | {"kind": "notice", "text": notice}


def _message(message: Mapping[str, Any]) -> Item:
    kind = message.get("messageType")
    if kind == "StaticContentMessage":
        return _static(_part(message, "staticContent"))
    if kind == "ChoicesMessage":
        choices = _part(message, "choices")
        titles = [_title(item) for name in ("optionItems", "items") for item in _parts(choices, name)]
        return {"kind": "choices", "text": _words(choices, "text", "title"), "options": titles}
    if kind == "FormMessage":
        form = _part(message, "form")
        labels = [_words(_part(section, "input"), "label") for section in _parts(form, "sections")]
        return {"kind": "form", "text": _words(form, "formTitle"), "options": labels}
    if kind == "ChoicesResponseMessage":
        chosen = _parts(_part(message, "choicesResponse"), "selectedOptions")
        words = [
            _words(_part(each, "optionTitle"), "title") or _words(each, "optionIdentifier") for each in chosen
        ]
        return {"kind": "answer", "text": ", ".join(words)}
    if kind == "FormResponseMessage":
        values = _parts(_part(message, "formResponse"), "inputValues")
        return {"kind": "answer", "text": ", ".join(_words(value, "displayValue") for value in values)}
    return {"kind": "unknown", "text": f"[{kind}]"}


def _static(content: Mapping[str, Any]) -> Item:
    form = content.get("formatType")
    if form == "Text":
        return {"kind": "text", "text": _words(content, "text")}
    if form == "RichLink":
        link = _part(content, "linkItem")
        return {"kind": "link", "text": _title(link), "url": _words(link, "url")}
    if form == "Attachments":
        files = [
            {name: _words(file, name) for name in ("name", "mimeType", "url")}
            for file in _parts(content, "attachments")
        ]
        names = ", ".join(file["name"] for file in files)
        return {"kind": "attachment", "text": _words(content, "text") or names, "attachments": files}
    return {"kind": "unknown", "text": _words(content, "text", "title") or f"[{form}]"}


def _notice(entry: Entry) -> str | None:
    payload = entry.payload
    if entry.entry_type == "ParticipantChanged":
        changes = _parts(payload, "entries")
        verbs = {"add": "joined", "remove": "left"}
        said = [
            f"{_words(each, 'displayName')} {verbs.get(_words(each, 'operation'), 'changed')}"
            for each in changes
        ]
        return ", ".join(said)
    if entry.entry_type == "SessionStatusChanged":
        by = f" ({payload['sessionEndedByRole']})" if payload.get("sessionEndedByRole") else ""
        return f"Session: {payload.get('sessionStatusPrev')} → {payload.get('sessionStatus')}{by}"
    if entry.entry_type == "RoutingResult":
        if payload.get("failureType") != "None":
            return f"Routing failed ({payload.get('routingType')}): {payload.get('failureType')}"
        return None if payload.get("routingType") == "Initial" else f"{payload.get('routingType')} requested"
    return None


# Raw content and clients' answers may have any shape; parts that do not fit are left out.


def _part(of: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = of.get(name)
    return part if isinstance(part, Mapping) else {}


def _parts(of: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    parts = of.get(name)
    return [part for part in parts if isinstance(part, Mapping)] if isinstance(parts, list) else []


def _words(of: Mapping[str, Any], *names: str) -> str:
    return next((str(of[name]) for name in names if of.get(name)), "")


def _title(item: Mapping[str, Any]) -> str:
    return _words(_part(item, "titleItem"), "title")


_LINES_PER_PAGE = 60
_COLUMNS = 95


def pdf_of(lines: list[str]) -> bytes:
    """One or more A4 pages in Helvetica. Characters outside Latin-1 become question marks."""
    wrapped = [part for line in lines for part in textwrap.wrap(line, _COLUMNS) or [""]]
    pages = [
        wrapped[start : start + _LINES_PER_PAGE] for start in range(0, len(wrapped), _LINES_PER_PAGE)
    ] or [[]]
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, page in enumerate(pages):
        text = b"".join(b"(%s) Tj T*\n" % _escaped(line) for line in page)
        stream = b"BT /F1 10 Tf 12 TL 50 790 Td\n" + text + b"ET"
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] "
            b"/Resources << /Font << /F1 3 0 R >> >> /Contents %d 0 R >>" % (5 + 2 * number)
        )
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
    return _file(objects)


def _file(objects: list[bytes]) -> bytes:
    out = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(out)


def _escaped(line: str) -> bytes:
    plain = line.encode("cp1252", "replace")
    return plain.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
