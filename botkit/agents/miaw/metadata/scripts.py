"""The attributes that a bot's scripts put into `preChatInfo`, found by reading the scripts, not by running them.

Found are the names in

    miawMetaInfo.preChatInfo = {"City": city, country};        also {"preChatInfo": {…}}, Object.assign({…}, {…}), and
    info = {…}; info.Street = …; x.preChatInfo = info;         objects in variables of the same script
    miawMetaInfo.preChatInfo.Order_Number = …;                 also ["Order_Number"]

Everything else that decides names, such as a name in a variable or an object from a function, is reported with its line: only
a person can say what it does.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from botkit.agents.miaw.metadata.script_tokens import ASSIGNMENTS, ScriptTokens
from botkit.agents.miaw.metadata.tokens import Token

PRE_CHAT = "preChatInfo"
_META_INFO = "MetaInfo"
_ASSIGN = "Object.assign"
_READERS = ("console.", "koreDebugger.", "JSON.stringify", "Object.keys", "Object.values", "Object.entries")
"""Calls that change no object."""
_DEEPEST = 8
"""How far objects are followed: from one variable to the next, and into one another."""
_NOT_WRITTEN_OUT = "sets a name that is not written out"
_UNKNOWN_OBJECT = "takes an object whose names are not written out"


@dataclass(frozen=True, slots=True)
class Script:
    """A script of a bot, and the name of its node."""

    name: str
    text: str


@dataclass(slots=True)
class Found:
    """What was found.

    Attributes:
        attributes: the names, each with the scripts that set it.
        unresolved: one sentence for each place that may set further names.
    """

    attributes: dict[str, list[str]] = field(default_factory=dict)
    unresolved: list[str] = field(default_factory=list)


def attributes_in(scripts: Iterable[Script], *, meta_infos: Collection[str]) -> Found:
    """The attributes that these scripts set for an agent system.

    Args:
        scripts: all scripts of a bot; those without `preChatInfo` cost nothing.
        meta_infos: the dialog's objects that the agent system reads, such as ``miawMetaInfo``. What a script puts into
            another object with such a name, such as ``liveChatMetaInfo``, is left out.
    """
    found = Found()
    for script in scripts:
        if PRE_CHAT in script.text:
            _Reading(script, meta_infos, found).read()
    found.attributes = dict(sorted(found.attributes.items()))
    return found


class _Reading:
    """Reads one script."""

    def __init__(self, script: Script, meta_infos: Collection[str], found: Found) -> None:
        self._name = script.name
        self._script = ScriptTokens(script.text)
        self._meta_infos = meta_infos
        self._found = found

    def read(self) -> None:
        for place in range(len(self._script)):
            token = self._script.at(place)
            if token.value == PRE_CHAT and token.kind in ("name", "text"):
                owner = self._script.owner(place)
                if not owner.endswith(_META_INFO) or owner in self._meta_infos:
                    self._mention(place)
            elif PRE_CHAT in token.value and token.kind in ("text", "template") and self._is_passed(place):
                self._unresolved(place, "is named in a text that is passed to a function")

    # --- the places where the object is mentioned ---

    def _mention(self, place: int) -> None:
        at = self._script.at
        in_brackets = at(place - 1).is_sign("[") and at(place + 1).is_sign("]")
        after = place + 2 if in_brackets else place + 1
        is_member = in_brackets or at(place).kind == "name"
        if at(after).is_sign(*ASSIGNMENTS) and is_member:
            self._value(after + 1, ())
        elif at(after).is_sign(":") and at(place - 1).is_sign("{", ","):
            self._entry_value(place, after + 1)
        elif at(after).is_sign(".", "?.", "[") and is_member:
            self._member(after)
        elif at(place - 1).is_sign("{", ",") and at(after).is_sign(",", "}"):
            if at(place).kind == "name" and not self._is_pattern(place):
                self._variable(PRE_CHAT, place, ())  # {preChatInfo}
        elif is_member:
            self._whole(self._script.chain_start(place), after)
        elif self._is_passed(place):
            self._unresolved(place, "is named in a text that is passed to a function")

    def _entry_value(self, place: int, value: int) -> None:
        """``{preChatInfo: {…}}``, or in a pattern the name of a variable: ``const {preChatInfo: info} = …``."""
        if not self._is_pattern(place):
            self._value(value, ())
        elif self._script.at(value).kind == "name":
            self._members_of(self._script.at(value).value, ())

    def _is_pattern(self, place: int) -> bool:
        """Whether the braces around take an object apart: ``const {preChatInfo} = …``."""
        opened = self._script.opening(place)
        return self._script.at(opened).is_sign("{") and self._script.at(
            self._script.closing(opened) + 1
        ).is_sign("=")

    def _whole(self, start: int, after: int) -> None:
        """The object itself as a value: another name for it, or an argument of a function."""
        before = self._script.at(start - 1)
        if before.is_sign("=") and self._script.at(start - 2).kind == "name":
            if not self._script.at(start - 3).is_sign(".", "?."):
                self._members_of(self._script.at(start - 2).value, ())
        elif before.is_sign("(", ",") and self._script.at(after).is_sign(",", ")"):
            opened = self._script.opening(start)
            callee = self._script.callee(opened)
            if callee == _ASSIGN:
                if opened == start - 1:
                    self._arguments(opened, ())
            elif callee and not callee.startswith(_READERS):
                self._unresolved(start, f"is passed to {callee}, which may set further names")

    def _is_passed(self, place: int) -> bool:
        callee = self._script.callee(self._script.opening(place))
        return bool(callee) and not callee.startswith(_READERS)

    def _member(self, place: int) -> None:
        """``.Name =``, ``["Name"] =`` or ``[name] =``; a member that is only read sets nothing."""
        inner = self._script.at(place + 1)
        if not self._script.at(place).is_sign("["):
            if self._script.at(place + 2).is_sign(*ASSIGNMENTS):
                self._add(inner.value)
            return
        closing = self._script.closing(place)
        if self._script.at(closing + 1).is_sign(*ASSIGNMENTS):
            self._bracketed(place, closing)

    def _bracketed(self, place: int, closing: int) -> None:
        inner = self._script.at(place + 1)
        if closing == place + 2 and _is_written_out(inner):
            self._add(inner.value)
        else:
            self._unresolved(place, _NOT_WRITTEN_OUT)

    # --- values ---

    def _value(self, place: int, path: tuple[str, ...]) -> None:
        """The value that begins here: an object, a variable, `Object.assign`, JSON, or something that is reported."""
        while self._script.at(place).is_sign("("):
            place += 1
        token = self._script.at(place)
        if len(path) > _DEEPEST:
            self._unresolved(place, _UNKNOWN_OBJECT)
        elif token.is_sign("{"):
            self._literal(place, path)
        elif token.value in ("null", "undefined") or self._is_itself(place):
            return
        elif self._script.values(place, 4) == ["Object", ".", "assign", "("]:
            self._arguments(place + 3, path)
        elif self._script.values(place, 4) == ["JSON", ".", "parse", "("]:
            self._json(place)
        elif token.kind == "name" and self._script.ends_value(place + 1):
            self._variable(token.value, place, path)
        else:
            self._unresolved(place, _UNKNOWN_OBJECT)

    def _literal(self, place: int, path: tuple[str, ...]) -> None:
        end = self._script.closing(place)
        place += 1
        while place < end:
            self._entry(place, path)
            place = self._script.next_item(place)

    def _entry(self, place: int, path: tuple[str, ...]) -> None:
        token, following = self._script.at(place), self._script.at(place + 1)
        if token.is_sign("..."):
            self._value(place + 1, (*path, ""))
        elif token.is_sign("["):
            self._bracketed(place, self._script.closing(place))
        elif token.kind in ("name", "text", "number") and following.is_sign(":", ",", "}", "("):
            self._add(token.value)
        elif token.kind == "name" and token.value in ("get", "set", "async"):
            self._add(following.value)
        else:
            self._unresolved(place, "has an entry that cannot be read")

    def _arguments(self, place: int, path: tuple[str, ...]) -> None:
        """Each argument of `Object.assign`, whose opening parenthesis is here."""
        end = self._script.closing(place)
        place += 1
        while place < end:
            self._value(place, (*path, ""))
            place = self._script.next_item(place)

    def _variable(self, name: str, place: int, path: tuple[str, ...]) -> None:
        """Every assignment in this script to a variable and to its members."""
        if name in path:
            return
        made = [
            index + 2
            for index in range(len(self._script))
            if self._is_variable(index, name) and self._script.at(index + 1).is_sign(*ASSIGNMENTS)
        ]
        for value in made:
            self._value(value, (*path, name))
        self._members_of(name, (*path, name))
        if not made and not self._is_taken_apart(name):
            self._unresolved(place, f"takes {name}, which this script does not make")

    def _members_of(self, name: str, path: tuple[str, ...]) -> None:
        for place in range(len(self._script)):
            if not self._is_variable(place, name):
                continue
            before, following = self._script.at(place - 1), self._script.at(place + 1)
            if following.is_sign(".", "?.", "["):
                self._member(place + 1)
            elif before.is_sign("(", ",") and following.is_sign(",", ")"):
                opened = self._script.opening(place)
                if opened == place - 1 and self._script.callee(opened) == _ASSIGN and path:
                    self._arguments(opened, path)

    def _is_variable(self, place: int, name: str) -> bool:
        token = self._script.at(place)
        return (
            token.kind == "name" and token.value == name and not self._script.at(place - 1).is_sign(".", "?.")
        )

    def _is_taken_apart(self, name: str) -> bool:
        """Whether a pattern makes the variable: ``const {preChatInfo} = …``; its names are set elsewhere."""
        return any(
            self._is_variable(place, name) and self._is_pattern(place) for place in range(len(self._script))
        )

    def _json(self, place: int) -> None:
        """``JSON.parse("{…}")``."""
        text = self._script.at(place + 4)
        try:
            value = json.loads(text.value) if _is_written_out(text) else None
        except ValueError:
            value = None
        if isinstance(value, dict):
            for name in value:
                self._add(name)
        else:
            self._unresolved(place, _UNKNOWN_OBJECT)

    def _is_itself(self, place: int) -> bool:
        """``x.preChatInfo``, alone, assigned again or ``|| {}``: its names are found where they are set."""
        while self._script.at(place).kind == "name" and self._script.at(place + 1).is_sign(".", "?."):
            place += 2
        after = place + 1
        return self._script.at(place).value == PRE_CHAT and (
            self._script.ends_value(after)
            or self._script.at(after).is_sign(*ASSIGNMENTS)
            or (
                self._script.at(after).is_sign("||", "??") and self._script.values(after + 1, 2) == ["{", "}"]
            )
        )

    # --- results ---

    def _add(self, name: str) -> None:
        places = self._found.attributes.setdefault(name, [])
        if self._name not in places:
            places.append(self._name)

    def _unresolved(self, place: int, what: str) -> None:
        line = self._script.at(min(place, len(self._script) - 1)).line
        sentence = f"{self._name}, line {line}: {PRE_CHAT} {what}"
        if sentence not in self._found.unresolved:
            self._found.unresolved.append(sentence)


def _is_written_out(token: Token) -> bool:
    return token.kind in ("text", "number") or (token.kind == "template" and "${" not in token.value)
