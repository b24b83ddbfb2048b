"""Transitions: which node follows, by conditions on entities, the context, a confirmation or an intent.

docs/protocols/kore-xo-botkit.md, 7.3 and 7.8. An operator that is empty or missing means "exists".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from botkit_sandbox.kore.bot import Dialog, Node


@dataclass(frozen=True, slots=True)
class Situation:
    """What conditions are tested on.

    Attributes:
        context: the dialog's context.
        answer: what the user answered to a confirmation: yes or no.
        intent: the dialog that the user's message selects.
        others: env and content, which values of conditions may name.
    """

    context: Mapping[str, Any]
    answer: str | None = None
    intent: str | None = None
    others: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def following(dialog: Dialog, node: Node, situation: Situation) -> Node | None:
    """The node after this one, or None for the end of the dialog."""
    return dialog.nodes.get(target(dialog, node.transitions, situation))


def target(dialog: Dialog, transitions: Sequence[Mapping[str, Any]], situation: Situation) -> str:
    """The nodeId to which transitions lead: of the first condition that holds, else of the default; `end` or empty for none."""
    default = ""
    for transition in transitions:
        condition = transition.get("if")
        if isinstance(condition, Mapping):
            if "then" in transition and _holds(condition, dialog, situation):
                return str(transition["then"])
        elif isinstance(transition.get("default"), str):
            default = default or transition["default"]
    return default


def awaits_intent(node: Node) -> bool:
    """Whether a Message node waits for what the user says next (a condition on an intent)."""
    conditions = (transition.get("if") for transition in node.transitions)
    return any(isinstance(condition, Mapping) and condition.get("intent") for condition in conditions)


def value_at(context: Mapping[str, Any], path: str) -> Any:
    """The value at a path such as ``context.entities.City`` or ``orders[0].id``; None if there is none.

    A list of tones is also read by the name of a tone: ``context.message_tone.angry`` is its level.
    """
    found: Any = context
    for step in path.strip().removeprefix("context.").replace("[", ".").replace("]", "").split("."):
        step = step.strip("\"'")
        if isinstance(found, Mapping):
            found = found.get(step)
        elif isinstance(found, list) and step == "length":
            found = len(found)
        elif isinstance(found, list) and step.isdecimal() and int(step) < len(found):
            found = found[int(step)]
        elif isinstance(found, list):
            found = next(
                (t.get("level") for t in found if isinstance(t, dict) and t.get("tone_name") == step), None
            )
        else:
            return None
    return found


def is_blank(value: Any) -> bool:
    """Whether an entity or a variable has no value. Scripts of real bots write `" "` so that an entity is asked again (7.8)."""
    return value is None or (isinstance(value, str) and not value.strip())


def _holds(condition: Mapping[str, Any], dialog: Dialog, situation: Situation) -> bool:
    tests = condition.get("tests")
    if isinstance(tests, list):
        results = [_holds(test, dialog, situation) for test in tests if isinstance(test, Mapping)]
        return any(results) if str(condition.get("conjoin", "and")).lower() == "or" else all(results)
    if condition.get("dialogAct"):
        return bool(situation.answer == str(condition["dialogAct"]).lower())
    if condition.get("intent"):
        node = dialog.nodes.get(str(condition["intent"]))
        component = node.component if node is not None else None
        return component is not None and component.dialog_id == situation.intent
    if condition.get("field"):
        found, names = _entity(str(condition["field"]), dialog, situation.context)
    elif isinstance(condition.get("context"), str):
        found, names = value_at(situation.context, condition["context"]), ()
    else:
        return False
    test = _OPERATORS.get(str(condition.get("op") or "exists").lower())
    wanted = _wanted(condition.get("value"), situation)
    if test is _OPERATORS["eq"]:
        return any(test(value, wanted) for value in (found, *names))
    if test is _OPERATORS["neq"]:
        return all(test(value, wanted) for value in (found, *names))
    return test is not None and test(found, wanted)


def _entity(node_id: str, dialog: Dialog, context: Mapping[str, Any]) -> tuple[Any, Sequence[str]]:
    """The value of the entity of a node, and the titles of this item in its list of values."""
    node = dialog.nodes.get(node_id)
    if node is None or node.component is None:
        return None, ()
    found = value_at(context, f"entities.{node.component.name}")
    lists = node.component.choices.values()
    return found, [choice.title for choices in lists for choice in choices if choice.value == found]


def _wanted(value: Any, situation: Situation) -> Any:
    """A fixed value, or the value of a variable: context.…, env.… or content.…"""
    if isinstance(value, str):
        where, _, path = value.strip("{} ").partition(".")
        if where == "context" and path:
            return value_at(situation.context, path)
        if where in situation.others and path:
            return value_at(situation.others[where], path)
    return value


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip().casefold()


def _equal(found: Any, wanted: Any) -> bool:
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    one, other = _number(found), _number(wanted)
    if one is not None and other is not None:
        return one == other
    return found is not None and _plain(found) == _plain(wanted)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _contains(found: Any, wanted: Any) -> bool:
    if isinstance(found, list):
        return any(_equal(item, wanted) for item in found)
    return found is not None and _plain(wanted) in _plain(found)


def _compared(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """A comparison of numbers, or of two texts such as dates."""

    def compare(found: Any, wanted: Any) -> bool:
        one, other = _number(found), _number(wanted)
        if one is not None and other is not None:
            return test(one, other)
        if isinstance(found, str) and isinstance(wanted, str) and one is None and other is None:
            return test(found, wanted)
        return False

    return compare


_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "exists": lambda found, _: not is_blank(found),
    "exist": lambda found, _: not is_blank(found),
    "ex": lambda found, _: not is_blank(found),
    "dne": lambda found, _: is_blank(found),
    "eq": _equal,
    "neq": lambda found, wanted: not _equal(found, wanted),
    "cnt": _contains,
    "contains": _contains,
    "dcnt": lambda found, wanted: not _contains(found, wanted),
    "in": lambda found, wanted: any(
        _equal(found, item) for item in (wanted if isinstance(wanted, list) else str(wanted).split(","))
    ),
    "sw": lambda found, wanted: found is not None and _plain(found).startswith(_plain(wanted)),
    "startswith": lambda found, wanted: found is not None and _plain(found).startswith(_plain(wanted)),
    "ew": lambda found, wanted: found is not None and _plain(found).endswith(_plain(wanted)),
    "endswith": lambda found, wanted: found is not None and _plain(found).endswith(_plain(wanted)),
    "gt": _compared(lambda one, other: one > other),
    "gte": _compared(lambda one, other: one >= other),
    "lt": _compared(lambda one, other: one < other),
    "lte": _compared(lambda one, other: one <= other),
}
