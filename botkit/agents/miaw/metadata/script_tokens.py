"""A script's tokens by their places: brackets, calls, and who owns a member."""

from __future__ import annotations

from collections.abc import Sequence

from botkit.agents.miaw.metadata.tokens import Token, tokens

ASSIGNMENTS = ("=", "||=", "??=", "&&=")
_OPENING, _CLOSING = ("(", "[", "{"), (")", "]", "}")
_END = Token("sign", "", 0)
"""Stands at every place outside of the script."""


class ScriptTokens:
    """The tokens of one script. A place is a token's index."""

    def __init__(self, text: str) -> None:
        self._tokens = list(tokens(text))

    def __len__(self) -> int:
        return len(self._tokens)

    def at(self, place: int) -> Token:
        return self._tokens[place] if 0 <= place < len(self._tokens) else _END

    def values(self, place: int, count: int) -> Sequence[str]:
        """The values of `count` tokens from `place` on."""
        return [self.at(place + offset).value for offset in range(count)]

    def closing(self, place: int) -> int:
        """The place of the bracket that closes the one at `place`; the end of the script if nothing does."""
        depth = 0
        for index in range(place, len(self._tokens)):
            token = self._tokens[index]
            if token.is_sign(*_OPENING):
                depth += 1
            elif token.is_sign(*_CLOSING):
                depth -= 1
                if depth == 0:
                    return index
        return len(self._tokens)

    def opening(self, place: int) -> int:
        """The place of the innermost bracket that is open before `place`; -1 if none is."""
        depth = 0
        for index in range(place - 1, -1, -1):
            token = self._tokens[index]
            if token.is_sign(*_CLOSING):
                depth += 1
            elif token.is_sign(*_OPENING):
                depth -= 1
                if depth < 0:
                    return index
        return -1

    def next_item(self, place: int) -> int:
        """Where the next entry of an object or the next argument begins, or the bracket that closes them all."""
        while place < len(self._tokens):
            token = self._tokens[place]
            if token.is_sign(","):
                return place + 1
            if token.is_sign(*_CLOSING):
                return place
            place = self.closing(place) + 1 if token.is_sign(*_OPENING) else place + 1
        return place

    def callee(self, place: int) -> str:
        """``console.log`` at the place of its parenthesis; empty where nothing is called."""
        end = place - 1
        if self.at(end).kind != "name":
            return ""
        start = self.chain_start(end)
        return "".join(self.values(start, end - start + 1))

    def chain_start(self, place: int) -> int:
        """Where ``a.b["c"].d`` begins whose last member is at `place`, be it a name or the text between brackets."""
        if self.at(place).kind != "name":
            place -= 1  # the bracket before the text
        while True:
            before = self.at(place - 1)
            if self.at(place).is_sign("["):
                if before.kind == "name" or before.is_sign("]", ")"):
                    place = self._before(place - 1)
                    continue
                return place
            if before.is_sign(".", "?."):
                place = self._before(place - 2)
                continue
            return place

    def _before(self, place: int) -> int:
        """The beginning of the link of a chain that ends at `place`: a name, or a bracketed member or call."""
        if self.at(place).is_sign("]"):
            return self.opening(place)
        if self.at(place).is_sign(")"):
            opened = self.opening(place)
            return opened - 1 if self.at(opened - 1).kind == "name" else opened
        return place

    def owner(self, place: int) -> str:
        """``x`` of the member ``x.y`` or ``x["y"]`` at `place`, and of ``x = {…, y: …}``; empty if there is none."""
        before = self.at(place - 1)
        if before.is_sign(".", "?.") or (before.is_sign("[") and self.at(place + 1).is_sign("]")):
            return self._name(place - 2)
        opened = self.opening(place)
        if self.at(opened).is_sign("{") and self.at(opened - 1).is_sign("=", ":"):
            return self._name(opened - 2)
        return ""

    def _name(self, place: int) -> str:
        token = self.at(place)
        if token.is_sign("]") and self.at(place - 1).kind == "text":
            return self.at(place - 1).value
        return token.value if token.kind in ("name", "text") else ""

    def ends_value(self, place: int) -> bool:
        """Whether an expression is over before `place`: by punctuation, or as a statement begins on another line."""
        token = self.at(place)
        if token.is_sign(";", ",", "}", ")", "]", ""):
            return True
        return token.kind == "name" and token.line > self.at(place - 1).line
