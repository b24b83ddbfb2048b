"""JavaScript as tokens: enough to find objects and assignments in a script without running it.

A script that cannot be read completely, for example one with an open quotation mark, gives the tokens up to there. A slash is
taken for a regular expression where a value may begin, and for a division elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["name", "text", "number", "template", "regex", "sign"]

_NAME = r"[A-Za-z_$\u00a0-\uffff][\w$]*"
_TOKEN = re.compile(
    rf"""
    (?P<skip>\s+|//[^\n]*|/\*.*?(?:\*/|\Z)|\#![^\n]*)
    |(?P<name>{_NAME})
    |(?P<number>0[xXoObB][0-9A-Fa-f]+|(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<template>`(?:[^`\\]|\\.)*`)
    |(?P<sign>\.\.\.|=>|[=!]==?|[<>]=?|&&=?|\|\|=?|\?\?=?|\?\.(?!\d)|[-+*/%&|^]=|\+\+|--|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_REGEX = re.compile(r"/(?:[^/\\\n\[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/[a-z]*")
_VALUE_ENDS = (")", "]", "}")
_WORDS_BEFORE_A_VALUE = frozenset(
    {"return", "typeof", "case", "in", "of", "delete", "void", "throw", "new", "else"}
)

_ESCAPE = re.compile(
    r"\\(?:u\{([0-9A-Fa-f]{1,6})\}|u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|\r?\n|(.))", re.DOTALL
)
_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0"}


@dataclass(frozen=True, slots=True)
class Token:
    """One token; `value` is the source, or what a quoted text stands for. `line` counts from 1."""

    kind: Kind
    value: str
    line: int

    def is_sign(self, *signs: str) -> bool:
        return self.kind == "sign" and self.value in signs


def tokens(script: str) -> Iterator[Token]:
    """The tokens of a script, without comments and white space."""
    position, line = 0, 1
    before: Token | None = None
    while position < len(script):
        match = _REGEX.match(script, position) if _value_may_begin(before) else None
        kind: str | None = "regex" if match else None
        if match is None:
            match = _TOKEN.match(script, position)
            if match is None:  # pragma: no cover (the last alternative takes any character)
                return
            kind = match.lastgroup
        source = match[0]
        if kind == "sign" and source in "\"'`":  # a quotation mark that nothing closes
            return
        if kind != "skip":
            value = _unescaped(source[1:-1]) if kind in ("text", "template") else source
            before = Token(kind, value, line)  # type: ignore[arg-type]  # the groups' names are the kinds
            yield before
        line += source.count("\n")
        position = match.end()


def _value_may_begin(before: Token | None) -> bool:
    """Whether a slash after this token begins a regular expression."""
    if before is None:
        return True
    if before.kind == "name":
        return before.value in _WORDS_BEFORE_A_VALUE
    return before.kind == "sign" and before.value not in _VALUE_ENDS


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(_character, text) if "\\" in text else text


def _character(escape: re.Match[str]) -> str:
    digits = escape[1] or escape[2] or escape[3]
    if digits:
        number = int(digits, 16)
        return chr(number) if number <= 0x10FFFF else "\ufffd"
    letter = escape[4]
    return "" if letter is None else _LETTERS.get(letter, letter)
