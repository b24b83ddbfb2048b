"""The value that an Entity node takes from an answer, or none. docs/protocols/kore-xo-botkit.md, 7.8.

The real platform's recognisers are not emulated: what is taken is what an answer to a prompt usually looks like.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from botkit_sandbox.kore.reading import entries, objects, text_of
from botkit_sandbox.kore.understanding import normalised

ANSWER_LIMIT = 500
_DAYS = {"today": 0, "tomorrow": 1, "yesterday": -1}
_DATES = ("%Y-%m-%d", "%m-%d-%Y", "%m/%d/%Y", "%d.%m.%Y", "%d %B %Y", "%d %b %Y", "%B %d %Y", "%b %d %Y")
_TIME = re.compile(r"\b(\d{1,2})(?:[:.](\d{2}))?\s*([ap])\.?m\b|\b(\d{1,2})[:.](\d{2})\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Choice:
    """An item of a list of values. `names` are the words of its title and of its synonyms."""

    title: str
    value: str
    names: frozenset[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class ListInContext:
    """A list of values that a script put into the context. `keys` are the keys of an item: title, value and synonyms by name."""

    variable: str
    keys: Mapping[str, str]


def choices_of(component: Mapping[str, Any]) -> dict[str, tuple[Choice, ...]]:
    """The list of values of an entity, by language; empty for an entity of another type.

    An enumerated list stands in `allowedValues` of each language, a lookup list in `lookupValues` for all of them.
    """
    found: dict[str, tuple[Choice, ...]] = {}
    for language, entry in entries(component.get("localeData")):
        allowed = entry.get("allowedValues")
        items = objects(allowed.get("values")) if isinstance(allowed, dict) else []
        items = items or objects(component.get("lookupValues"))
        if choices := tuple(choice for choice in map(_choice, items) if choice.value):
            found[language] = choices
    return found


def list_in_context_of(component: Mapping[str, Any]) -> ListInContext | None:
    """Where a list of values stands in the context, if it is no list of the export."""
    for _, entry in entries(component.get("localeData")):
        allowed = entry.get("allowedValues")
        if isinstance(allowed, dict) and (variable := text_of(allowed.get("variable"))):
            keys = {text_of(allowed.get(f"{key}Key")): key for key in ("title", "value", "synonyms")}
            return ListInContext(variable, keys)
    return None


def choices_in(listed: ListInContext, found: Any) -> tuple[Choice, ...]:
    """The choices of a list in the context. An item is an object with the keys that the builder names, or a text."""
    choices = []
    for item in found if isinstance(found, list) else ():
        if isinstance(item, Mapping):
            choices.append(_choice({to: item[key] for key, to in listed.keys.items() if key in item}))
        elif isinstance(item, str | int | float):
            choices.append(_choice({"title": str(item)}))
    return tuple(choice for choice in choices if choice.value)


def _choice(item: Mapping[str, Any]) -> Choice:
    title = str(item.get("title") or item.get("value") or "")
    value = str(item.get("value") or title)
    held = item.get("synonyms")
    synonyms = list(map(text_of, held)) if isinstance(held, list) else [text_of(held)]
    # Some lists hold all synonyms of an item in one text.
    names = [title, value, *synonyms, *(name for one in synonyms for name in one.split(","))]
    return Choice(title.strip(), value, frozenset(filter(None, map(normalised, names))))


def chosen_choice(choices: Sequence[Choice], text: str) -> Choice | None:
    """The item that `text` names: exactly, or as the longest name that occurs in it."""
    words = normalised(text)
    for choice in choices:
        if words in choice.names:
            return choice
    best: tuple[int, Choice | None] = (0, None)
    for choice in choices:
        for name in choice.names:
            starts = range(len(words) - len(name) + 1)
            if len(name) > best[0] and any(words[at : at + len(name)] == name for at in starts):
                best = (len(name), choice)
    return best[1]


def entity_value(
    kind: str,
    text: str,
    *,
    today: date,
    choices: Sequence[Choice] = (),
    pattern: str = "",
    many: bool = False,
) -> Any:
    """The value of an entity of this type in `text`, or None if there is none.

    Args:
        kind: `entityType` of the component; a type that is not read here takes the whole text.
        text: the user's answer.
        today: the day that "tomorrow" follows.
        choices: the items of a list of values.
        pattern: of a regular expression entity.
        many: whether the entity holds a list.
    """
    text = text.strip()[:ANSWER_LIMIT]
    if choices:
        choice = chosen_choice(choices, text)
        value: Any = None if choice is None else choice.value
    elif kind == "regex":
        value = _matched(pattern, text)
    elif kind == "date" and text.casefold() in _DAYS:
        value = (today + timedelta(days=_DAYS[text.casefold()])).isoformat()
    else:
        value = _READERS.get(kind, _whole)(text)
    return [value] if many and value is not None else value


def _whole(text: str) -> str | None:
    return text or None


def _found(pattern: str) -> Callable[[str], str | None]:
    compiled = re.compile(pattern, re.IGNORECASE)

    def read(text: str) -> str | None:
        found = compiled.search(text)
        return found[0] if found else None

    return read


def _number(text: str) -> int | float | None:
    found = re.search(r"-?\d[\d,]*(?:\.\d+)?", text)
    if found is None:
        return None
    digits = found[0].replace(",", "")[:18]
    return float(digits) if "." in digits else int(digits)


def _phone(text: str) -> str | None:
    found = re.search(r"\+?\d[\d\s().-]{4,}\d", text)
    return re.sub(r"[^\d+]", "", found[0]) if found else None


def _date(text: str) -> str | None:
    plain = re.sub(r"(?<=\d)(?:st|nd|rd|th)\b|,", "", text)
    for candidate in (plain, *re.findall(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}", plain)):
        for form in _DATES:
            try:
                return datetime.strptime(candidate.strip(), form).date().isoformat()
            except ValueError:
                continue
    return None


def _time(text: str) -> str | None:
    found = _TIME.search(text)
    if found is None:
        return None
    hour, minute = int(found[1] or found[4]), int(found[2] or found[5] or 0)
    if found[3]:
        hour = hour % 12 + (12 if found[3].lower() == "p" else 0)
    return f"T{hour:02}:{minute:02}:00+00:00" if hour < 24 and minute < 60 else None


def _date_and_time(text: str) -> str | None:
    time = _time(text)
    date = _date(text if time is None else _TIME.sub("", text))
    return f"{date}{time or 'T00:00:00+00:00'}" if date else None


def _fraction(text: str) -> float | None:
    amount = _number(text)
    return None if amount is None else amount / 100


def _quantity(text: str) -> Mapping[str, Any] | None:
    amount = _number(text)
    unit = re.search(r"[A-Za-z°]+", text)
    if amount is None:
        return None
    return {"unit": unit[0] if unit else "", "amount": amount, "type": "", "source": text}


def _location(text: str) -> Mapping[str, Any] | None:
    """A place with its address. The emulator has no map: the coordinates are those of nowhere."""
    return {"formatted_address": text, "lat": 0.0, "lng": 0.0} if text else None


def _country(text: str) -> Mapping[str, Any] | None:
    names = {"localName": text, "shortName": text, "alpha2": text[:2].upper(), "alpha3": text[:3].upper()}
    return names if text else None


def _airport(text: str) -> Mapping[str, Any] | None:
    code = text[:3].upper()
    return {"IATA": code, "AirportName": text, "City": text, "ICAO": code} if text else None


def _currency(text: str) -> Mapping[str, Any] | None:
    amount = _number(text)
    code = re.search(r"\b[A-Za-z]{3}\b", text)
    known = {"$": "USD", "€": "EUR", "£": "GBP", "₹": "INR"}
    sign = next((known[character] for character in text if character in known), "USD")
    return None if amount is None else {"code": code[0].upper() if code else sign, "amount": amount}


def _matched(pattern: str, text: str) -> str | None:
    """The part that matches. A pattern that Python does not understand takes the whole text."""
    try:
        found = re.search(pattern, text)
    except re.error:
        return text or None
    return found[0] if found else None


_READERS: Mapping[str, Callable[[str], Any]] = {
    "number": _number,
    "integer": _number,
    "percentage": _fraction,
    "currencyv2": _currency,
    "currency": _currency,
    "quantity": _quantity,
    "location": _location,
    "country": _country,
    "airport": _airport,
    "email": _found(r"[^@\s<>(),;]+@[\w-]+(?:\.[\w-]+)+"),
    "phone_number": _phone,
    "zipcode": _found(r"\b[A-Z]?\d[\dA-Z]*(?:[ -]\d[\dA-Z]+)?\b"),
    "url": _found(r"(?:https?://|www\.)\S+"),
    "date": _date,
    "time": _time,
    "date_time": _date_and_time,
    "datetime": _date_and_time,
}
