"""Compares a hand-off's attributes with the deployment's pre-chat form (docs/protocols/salesforce-miaw.md, 1.1 and 2.1).

Salesforce silently drops an attribute that the published form lacks, also if only the case of its letters differs. The form is
in every token answer. It is not certain that every deployment lists its hidden fields, so a form without any says nothing of
fields that it lacks, and a finding is a line of the log and nothing more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from botkit.agents.miaw.metadata.names import STANDARD
from botkit.http.lenient_json import Members, flag, items, text, whole
from botkit.observability.events import get_logger

_log = get_logger("botkit.agents")

_MAX_FINDINGS = 100
_MAX_SHOWN = 300
_FIXES = {
    "prechat_fields_unknown": "add them to the deployment's pre-chat as hidden fields, map them on the channel, and publish",
    "prechat_fields_missing": "fill them by handoff.attributes or preChatInfo, or make them optional, and publish",
}
_OTHER_CASE = "write them letter by letter as the deployment's form does (form_has)"


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


class PrechatForm:
    """The form as the newest token answer describes it. Each finding is logged once.

    Args:
        system: the agent system's name in the configuration.
    """

    def __init__(self, system: str) -> None:
        self._system = system
        self._required: dict[str, bool] = {}
        self._spellings: dict[str, str] = {}
        self._lists_hidden = False
        self._told: set[tuple[str, str]] = set()

    def learn(self, deployment: Members) -> None:
        """Take the fields of `embeddedServiceConfig`; one without a form changes nothing."""
        if fields := read_fields(deployment):
            self._required = {field.name: field.required for field in fields}
            self._spellings = {name.casefold(): name for name in self._required}
            self._lists_hidden = any(field.hidden for field in fields)

    def compare(self, attributes: Mapping[str, str], *, session_id: str) -> None:
        """Log attributes that the form lacks, except the standard ones, and required fields without a value.

        The line has the reference of the hand-off that showed it first.
        """
        spellings = self._spellings
        lacking = [name for name in attributes if name not in self._required and name not in STANDARD]
        unknown = [name for name in lacking if self._lists_hidden or name.casefold() in spellings]
        missing = [name for name, required in self._required.items() if required and not attributes.get(name)]
        other_case = [spellings[name.casefold()] for name in unknown if name.casefold() in spellings]
        self._tell("prechat_fields_unknown", session_id, unknown, other_case)
        self._tell("prechat_fields_missing", session_id, missing, [])

    def _tell(self, event: str, session_id: str, names: list[str], other_case: list[str]) -> None:
        shown = ", ".join(names)[:_MAX_SHOWN]
        if not names or (event, shown) in self._told or len(self._told) >= _MAX_FINDINGS:
            return
        self._told.add((event, shown))
        more = {"form_has": ", ".join(other_case)[:_MAX_SHOWN]} if other_case else {}
        fix = _FIXES[event] if not other_case else _OTHER_CASE
        _log.warning(event, system=self._system, session=session_id, names=shown, **more, fix=fix)
