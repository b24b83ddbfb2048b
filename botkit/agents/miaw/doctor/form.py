"""Compares the published pre-chat form with the attributes that this bot and its dialogs send (docs/protocols/salesforce-miaw.md,
1.1 and 2.1). What dialogs send is known from an export of the bot.

It is not certain that every deployment lists its hidden fields. So attributes that a form lacks are a finding only if it lists
hidden fields, or has the name with other letters.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from botkit.agents.miaw.metadata.names import STANDARD, VALUE_LIMIT, problem_of, unlike_api_names
from botkit.agents.miaw.metadata.scripts import Found, Script, attributes_in
from botkit.agents.miaw.prechat import Field, read_fields
from botkit.checks import Outcome, Surroundings, failed, passed, undecided, warned
from botkit.http.lenient_json import Members, items, text

_CHAIN = (
    "add each as a parameter of the channel and a hidden field of the deployment, spelled alike, and publish; or take it out of "
    "handoff.attributes or the dialog's preChatInfo"
)
_DOUBT_FIX = "send what is missing from the dialog's preChatInfo, or change the form and publish; look into the named scripts"
_SHOWN = 20
_LENGTHS: Mapping[str, int] = {
    "user_id": 38,
    "session_id": 24,
    "channel": 20,
    "language": 5,
    "case_id": 18,
    "reference": 9,
}
"""The lengths that the platform's own ids and words have; names, addresses and intents have any."""
_ANY = 40
"""A field below this length is too short for many names and e-mail addresses."""


def asks_again(deployment: Members) -> bool:
    """Whether the form is for every messaging session: then a message after an ended one gets a 417 (3.1)."""
    return any(text(form.get("displayContext")) == "Session" for form in items(deployment.get("forms")))


def judge(deployment: Members, surroundings: Surroundings, *, meta_infos: Collection[str]) -> Outcome:
    """What Salesforce does with the attributes of this bot and of its dialogs, as far as the form shows it.

    Args:
        deployment: `embeddedServiceConfig` of the token's answer.
        surroundings: the bot, with the scripts of its export if there is one.
        meta_infos: the dialog's objects that this agent system reads.
    """
    fields = read_fields(deployment)
    scripts = [Script(name, text) for name, text in surroundings.scripts or ()]
    dialogs = attributes_in(scripts, meta_infos=meta_infos)
    origins = _origins(surroundings, dialogs)
    unusable = [f"{_shown(name)} {problem}" for name in origins if (problem := problem_of(name))]
    if not fields:
        return undecided(
            "the token's answer has no pre-chat form, so it cannot be seen which attributes Salesforce keeps",
            f"check by hand that the published deployment has {_listed(origins)}",
        )
    by_name = {field.name: field for field in fields}
    lists_hidden = any(field.hidden for field in fields)
    unlisted = _lacking(by_name, origins)
    lacking = unlisted if lists_hidden else []
    wrong = [*unusable, *_misspelt(by_name, origins), *_too_long(by_name, surroundings)]
    doubts = [
        *_required(by_name, origins, known=surroundings.scripts is not None),
        *_other_types(by_name, surroundings.attributes),
        *([unlike] if (unlike := unlike_api_names(unlisted)) else []),
        *map(_shown, dialogs.unresolved[:_SHOWN]),
    ]
    if asks_again(deployment):
        doubts.append("the form is asked for in every session, not once in a conversation")
    dropped = (
        f"Salesforce drops {_listed(_with_origin(origins, lacking))} silently, since the form has no such field"
        if lacking
        else ""
    )
    if wrong or (dropped and (surroundings.own_attributes or any(origins[name] for name in lacking))):
        return failed("; ".join(filter(None, [*wrong, dropped, *doubts])), _CHAIN)
    if dropped or doubts:
        return warned("; ".join(filter(None, [dropped, *doubts])), _CHAIN if dropped else _DOUBT_FIX)
    if unlisted:
        return undecided(
            f"the form lists no hidden fields, so it cannot be seen whether Salesforce keeps {_listed(unlisted)}",
            "look at a MessagingSession record after a first hand-off: are the fields filled?",
        )
    whose = "this bot and its dialogs" if dialogs.attributes else "this bot"
    return passed(f"the form has every attribute of {whose}: {_listed(origins)}")


def _origins(surroundings: Surroundings, dialogs: Found) -> dict[str, str]:
    """Each attribute with the script that sets it; of one that BotKit sends by itself an empty text."""
    origins = dict.fromkeys(surroundings.attributes, "")
    for name, scripts in dialogs.attributes.items():
        origins.setdefault(name, _shown(", ".join(scripts)))
    return origins


def _with_origin(origins: Mapping[str, str], names: Sequence[str]) -> list[str]:
    return [f"{_shown(name)} (script {origins[name]})" if origins[name] else name for name in names]


def _misspelt(fields: Mapping[str, Field], origins: Mapping[str, str]) -> list[str]:
    spellings = {name.casefold(): name for name in fields}
    wrong = [name for name in origins if name not in fields and name.casefold() in spellings]
    return [
        f"{shown} is spelled {spellings[name.casefold()]} in the form, and dropped silently"
        for name, shown in zip(wrong, _with_origin(origins, wrong), strict=True)
    ]


def _lacking(fields: Mapping[str, Field], origins: Mapping[str, str]) -> list[str]:
    """The attributes without a field, except Salesforce's own."""
    known = {name.casefold() for name in (*fields, *STANDARD)}
    return [name for name in origins if name.casefold() not in known]


def _too_long(fields: Mapping[str, Field], surroundings: Surroundings) -> list[str]:
    found = []
    for name, fact in surroundings.attributes.items():
        limit = fields[name].max_length if name in fields else 0
        length = _length(fact, surroundings)
        if 0 < limit < length:
            found.append(f"{name} takes {limit} characters, and this bot sends {length}")
    return found


def _length(fact: str, surroundings: Surroundings) -> int:
    """The length of a fact. For one that people choose, the least length that a field should have."""
    match fact:
        case "bot_name":
            return min(len(surroundings.bot_name.encode("utf-16-le")) // 2, VALUE_LIMIT)
        case "name" | "email" | "last_intent":
            return _ANY
        case _:
            return _LENGTHS.get(fact, 0)


def _required(fields: Mapping[str, Field], origins: Mapping[str, str], *, known: bool) -> list[str]:
    """Required fields that nothing fills; `known`: whether it is known what dialogs send."""
    missing = [field.name for field in fields.values() if field.required and field.name not in origins]
    who = "which no script of the export sends" if known else "which only a dialog can send"
    return [f"the form requires {_listed(missing)}, {who}"] if missing else []


def _other_types(fields: Mapping[str, Field], sent: Mapping[str, str]) -> list[str]:
    found = []
    for name, fact in sent.items():
        kind = fields[name].kind if name in fields else "Text"
        if kind not in ("Text", "Phone") and not (kind == "Email" and fact == "email"):
            found.append(f"{name} is a field of the type {kind}, and this bot sends a text")
    return found


def _shown(text: str) -> str:
    """A text of an export, cut and without what would control a terminal."""
    return "".join(one if one.isprintable() else "?" for one in text[:VALUE_LIMIT])


def _listed(names: Sequence[str] | Mapping[str, str]) -> str:
    shown = [_shown(name) for name in list(names)[:_SHOWN]]
    return ", ".join(shown) + (" and others" if len(names) > len(shown) else "")
