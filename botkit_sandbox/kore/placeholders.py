"""Placeholders in the texts of a bot: ``{{context.entities.City}}``, or any expression of JavaScript.

docs/protocols/kore-xo-botkit.md, 7.8.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from typing import Any

from botkit_sandbox.errors import ScriptError
from botkit_sandbox.kore.script import Evaluation, Surroundings, evaluate
from botkit_sandbox.kore.transitions import value_at

_PLACEHOLDER = re.compile(r"\{\{(.{1,500}?)\}\}", re.DOTALL)
_PATH = re.compile(r"[A-Za-z_$][\w$]*(?:\.[\w$]+|\[\d+\])*")
_OTHERS = frozenset({"env", "content"})
_NAMES_OF_SCRIPTS = frozenset(
    {"UserContext", "UserSession", "BotContext", "BotUserSession", "EnterpriseContext", "koreUtil"}
)


async def filled_in(
    text: str, *, context: Mapping[str, Any], around: Surroundings, absent: str = ""
) -> tuple[str, tuple[str, ...]]:
    """`text` with the values of its placeholders, or `absent`, and one sentence for each expression that fails.

    A path is read directly. Everything else is executed, all placeholders of a text in one script engine.
    """
    expressions = [found.strip() for found in _PLACEHOLDER.findall(text)]
    if not expressions:
        return text, ()
    values = {one: _read(one, context, around) for one in expressions if _is_path(one)}
    executed = list(dict.fromkeys(one for one in expressions if one not in values))
    problems: list[str] = []
    if executed:
        try:
            found = await asyncio.to_thread(evaluate, executed, context=context, around=around)
        except ScriptError as error:
            found = [Evaluation("", str(error))] * len(executed)
        for expression, value in zip(executed, found, strict=True):
            values[expression] = value.text
            if value.error:
                problems.append(f"{{{{{expression[:80]}}}}} has no value: {value.error}")
    return _PLACEHOLDER.sub(lambda match: values[match[1].strip()] or absent, text), tuple(problems)


def filled_in_script(source: str, *, context: Mapping[str, Any], around: Surroundings) -> str:
    """A scripted message with the values of its paths, which stand in the JavaScript as they are (7.8)."""

    def value(match: re.Match[str]) -> str:
        expression = match[1].strip()
        if not _is_path(expression):
            return match[0]  # a block inside a block
        return _read(expression, context, around) or "undefined"

    return _PLACEHOLDER.sub(value, source)


def _is_path(expression: str) -> bool:
    start = re.split(r"[.\[]", expression, maxsplit=1)[0]
    return _PATH.fullmatch(expression) is not None and start not in _NAMES_OF_SCRIPTS


def _read(path: str, context: Mapping[str, Any], around: Surroundings) -> str:
    where, _, rest = path.partition(".")
    if where in _OTHERS:
        return str((around.environment if where == "env" else around.content).get(rest, ""))
    found = value_at(context, path)
    if isinstance(found, bool):
        return str(found).lower()
    if isinstance(found, Mapping | list):
        return json.dumps(found, ensure_ascii=False)
    return "" if found is None else str(found)
