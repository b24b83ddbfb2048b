"""Stand-ins: what the emulator answers in place of the services and forms of a bot, which it does not call or show.

docs/protocols/kore-xo-botkit.md, 7.8. An answer comes from the user of the sandbox, else from the sample response that the export
has, else it is an empty success.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from botkit_sandbox.errors import StandInUnknown
from botkit_sandbox.kore.reading import objects, text_of

Kind = Literal["service", "form"]
Origin = Literal["default", "sample", "own"]


@dataclass(frozen=True, slots=True)
class StandIn:
    """A service or form with its answer: {statusCode, body} of a service, the values of the fields of a form.

    Attributes:
        name: the name of the component.
        kind: service or form.
        answer: what the dialog gets.
        origin: where the answer is from: the export's sample, the user of the sandbox, or neither.
        key: where in the context the dialog finds it: the name of the service, or of the form.
    """

    name: str
    kind: Kind
    answer: Mapping[str, Any]
    origin: Origin
    key: str

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "kind": self.kind, "answer": self.answer, "origin": self.origin}


@dataclass(slots=True)
class StandIns:
    """All stand-ins of a bot, by the name of the component."""

    _defaults: Mapping[str, StandIn]
    _own: dict[str, StandIn] = field(default_factory=dict)

    def of(self, name: str, kind: Kind) -> StandIn:
        """The stand-in of a component, also of one that the export does not list."""
        known = self._own.get(name) or self._defaults.get(name)
        return known if known is not None else StandIn(name, kind, _EMPTY[kind], "default", name)

    def all(self) -> list[StandIn]:
        return [self._own.get(name, default) for name, default in self._defaults.items()]

    def give(self, name: str, answer: Mapping[str, Any]) -> StandIn:
        """Replace the answer of a stand-in.

        Raises:
            StandInUnknown: the bot has no service or form of this name.
            ValueError: the answer of a service has no valid `statusCode`.
        """
        default = self._default(name)
        if default.kind == "service":
            answer = _response(answer)
        self._own[name] = replace(default, answer=answer, origin="own")
        return self._own[name]

    def reset(self, name: str) -> StandIn:
        """Go back to the answer of the export. Raises StandInUnknown."""
        default = self._default(name)
        self._own.pop(name, None)
        return default

    def _default(self, name: str) -> StandIn:
        if name not in self._defaults:
            raise StandInUnknown(f"the bot has no service or form named {name[:80]}")
        return self._defaults[name]


def stand_ins_of(definition: Mapping[str, Any]) -> StandIns:
    """The services and forms of an export, with their sample responses."""
    forms = {text_of(form.get("refId")): form for form in objects(definition.get("forms"))}
    found: dict[str, StandIn] = {}
    for component in objects(definition.get("dialogComponents")):
        name = text_of(component.get("name"))
        if component.get("type") == "service":
            sample = next(_samples(component), None)
            found[name] = StandIn(
                name, "service", sample or _EMPTY["service"], "sample" if sample else "default", name
            )
        elif component.get("type") == "form":
            form = forms.get(text_of(component.get("resourceId")), {})
            values = dict(_fields(form))
            found[name] = StandIn(name, "form", values, "default", text_of(form.get("name")) or name)
    return StandIns(found)


def _response(answer: Mapping[str, Any]) -> dict[str, Any]:
    status = answer.get("statusCode", 200)
    if isinstance(status, bool) or not isinstance(status, int) or not 100 <= status <= 599:
        raise ValueError("statusCode must be a whole number from 100 to 599")
    headers = answer.get("headers", {})
    if not isinstance(headers, Mapping):
        raise ValueError("headers must be an object")
    return {"statusCode": status, "body": answer.get("body", {}), "headers": headers}


def _samples(component: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The successful sample responses that the builder stored, the default one first."""
    samples = sorted(objects(component.get("sampleResponse")), key=lambda one: not one.get("isDefault"))
    for sample in samples:
        try:
            response = json.loads(text_of(sample.get("response")) or "null")
        except ValueError:
            continue
        if isinstance(response, dict) and "body" in response and "statusCode" in response:
            status = response["statusCode"]
            if isinstance(status, int) and 200 <= status < 300:
                yield {"statusCode": status, "body": response["body"], "headers": {}}
        elif isinstance(response, dict) and isinstance(response.get("payload"), dict):
            payload = response["payload"]
            if "errors" not in payload:
                yield {"statusCode": 200, "body": _table(component, payload), "headers": {}}
        elif isinstance(response, dict | list) and response and "errors" not in response:
            yield {"statusCode": 200, "body": response, "headers": {}}  # as the builder of 2019 stored it


def _table(component: Mapping[str, Any], payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answer of a data table: a query finds rows; other calls return the row."""
    call = component.get("payload")
    if isinstance(call, dict) and call.get("method") == "query" and "queryResult" not in payload:
        return {"hasMore": False, "total": 1, "queryResult": [payload]}
    return payload


_VALUES: Mapping[str, Any] = {
    "number": 1,
    "date": "2026-01-15",
    "time": "10:30",
    "email": "user@example.com",
    "phoneNumber": "+15550100200",
    "checkbox": True,
    "url": "https://example.com",
}
_NO_FIELDS = frozenset({"button", "note", "proTip", "title", "image", "divider"})


def _fields(form: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The fields of a form, each with a value that a user might enter."""
    for part in objects(form.get("components")):
        name, kind = text_of(part.get("name")), text_of(part.get("type"))
        meta = part.get("metaData")
        values = objects(meta.get("values")) if isinstance(meta, dict) else []
        if values:
            yield name, values[0].get("value")
        elif name and kind not in _NO_FIELDS:
            yield name, _VALUES.get(kind, name)
        yield from _fields(part)


_EMPTY: Mapping[Kind, Mapping[str, Any]] = {
    "service": {"statusCode": 200, "body": {}, "headers": {}},
    "form": {},
}
