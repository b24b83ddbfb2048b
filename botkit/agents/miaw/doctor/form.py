"""Compares the published pre-chat form with the attributes that this bot sends (docs/protocols/salesforce-miaw.md, 1.1 and 2.1).

It is not certain that every deployment lists its hidden fields. So attributes that a form lacks are a finding only if it lists
hidden fields, or has the name with other letters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from botkit.checks import Outcome, Surroundings, failed, passed, undecided, warned
from botkit.http.lenient_json import Members, flag, items, text, whole

_CHAIN = (
    "add each as a parameter of the channel and a hidden field of the deployment, spelled alike, and publish; or take it out of "
    "handoff.attributes"
)
_LENGTHS: Mapping[str, int] = {"user_id": 38, "session_id": 24, "channel": 20, "language": 5, "case_id": 18}
"""The lengths that the platform's own ids and words have; names, addresses and intents have any."""
_ANY = 40
"""A field below this length is too short for many names and e-mail addresses."""
_MOST = 255


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the form; `max_length` is 0 where none is stated."""

    name: str
    kind: str
    required: bool
    hidden: bool
    max_length: int


def read_fields(deployment: Members) -> tuple[Field, ...]:
    """The fields of every form in `embeddedServiceConfig`; a hidden field may stand in two lists."""
    found: dict[str, Field] = {}
    for form in items(deployment.get("forms")):
        for listed in ("formFields", "hiddenFormFields"):
            for member in items(form.get(listed)):
                name = text(member.get("name"))
                hidden = listed == "hiddenFormFields" or flag(member.get("isHidden")) is True
                required = flag(member.get("required")) is True
                kind = text(member.get("type")) or "Text"
                found.setdefault(name, Field(name, kind, required, hidden, whole(member.get("maxLength"))))
    return tuple(found.values())


def asks_again(deployment: Members) -> bool:
    """Whether the form is for every messaging session: then a message after an ended one gets a 417 (3.1)."""
    return any(text(form.get("displayContext")) == "Session" for form in items(deployment.get("forms")))


def judge(deployment: Members, surroundings: Surroundings) -> Outcome:
    """What Salesforce does with this bot's attributes, as far as the form shows it."""
    fields = read_fields(deployment)
    sent = surroundings.attributes
    if not fields:
        return undecided(
            "the token's answer has no pre-chat form, so it cannot be seen which attributes Salesforce keeps",
            f"check by hand that the published deployment has {_listed(sent)}",
        )
    by_name = {field.name: field for field in fields}
    wrong = [*_misspelt(by_name, sent), *_too_long(by_name, surroundings)]
    lacking = [] if not any(field.hidden for field in fields) else _lacking(by_name, sent)
    doubts = [*_required(by_name, sent), *_other_types(by_name, sent)]
    if asks_again(deployment):
        doubts.append("the form is asked for in every session, not once in a conversation")
    dropped = (
        f"Salesforce drops {_listed(lacking)} silently, since the form has no such field" if lacking else ""
    )
    if wrong or (dropped and surroundings.own_attributes):
        return failed("; ".join(filter(None, [*wrong, dropped, *doubts])), _CHAIN)
    if dropped or doubts:
        fix = (
            _CHAIN
            if dropped
            else "send what is missing from the dialog's preChatInfo, or change the form and publish"
        )
        return warned("; ".join(filter(None, [dropped, *doubts])), fix)
    if not any(field.hidden for field in fields) and (unseen := _lacking(by_name, sent)):
        return undecided(
            f"the form lists no hidden fields, so it cannot be seen whether Salesforce keeps {_listed(unseen)}",
            "look at a MessagingSession record after a first hand-off: are the fields filled?",
        )
    return passed(f"the form has every attribute of this bot: {_listed(sent)}")


def _misspelt(fields: Mapping[str, Field], sent: Mapping[str, str]) -> list[str]:
    spellings = {name.casefold(): name for name in fields}
    return [
        f"{name} is spelled {spellings[name.casefold()]} in the form, and dropped silently"
        for name in sent
        if name not in fields and name.casefold() in spellings
    ]


def _lacking(fields: Mapping[str, Field], sent: Mapping[str, str]) -> list[str]:
    """The attributes without a field, except Salesforce's own, which begin with an underscore."""
    known = {name.casefold() for name in fields}
    return [name for name in sent if name.casefold() not in known and not name.startswith("_")]


def _too_long(fields: Mapping[str, Field], surroundings: Surroundings) -> list[str]:
    found = []
    for name, fact in surroundings.attributes.items():
        limit = fields[name].max_length if name in fields else 0
        length = _length(fact, surroundings)
        if 0 < limit < length:
            found.append(f"{name} takes {limit} characters, and this bot sends {length}")
    return found


def _length(fact: str, surroundings: Surroundings) -> int:
    """How long a fact is; of one that people choose, what a field should take at least."""
    match fact:
        case "bot_name":
            return min(len(surroundings.bot_name.encode("utf-16-le")) // 2, _MOST)
        case "name" | "email" | "last_intent":
            return _ANY
        case _:
            return _LENGTHS.get(fact, 0)


def _required(fields: Mapping[str, Field], sent: Mapping[str, str]) -> list[str]:
    missing = [field.name for field in fields.values() if field.required and field.name not in sent]
    return [f"the form requires {_listed(missing)}, which only a dialog can send"] if missing else []


def _other_types(fields: Mapping[str, Field], sent: Mapping[str, str]) -> list[str]:
    found = []
    for name, fact in sent.items():
        kind = fields[name].kind if name in fields else "Text"
        if kind not in ("Text", "Phone") and not (kind == "Email" and fact == "email"):
            found.append(f"{name} is a field of the type {kind}, and this bot sends a text")
    return found


def _listed(names: Sequence[str] | Mapping[str, str]) -> str:
    shown = list(names)[:20]
    return ", ".join(shown) + (" and others" if len(names) > len(shown) else "")
