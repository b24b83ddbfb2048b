"""A bot's variables and dialogs, read from the platform (docs/protocols/kore-xo-botkit.md, 4.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from botkit.errors import BadReply
from botkit.http.lenient_json import items
from botkit.kore.replies import answer_object


@dataclass(frozen=True, slots=True)
class BotVariable:
    """One variable of the bot.

    Attributes:
        id: the platform's id of the variable.
        key: its name in ``env.…`` or ``content.…``.
        value: its value in the requested language.
        type: ``env`` or ``locale``, in the platform's spelling.
        raw: the whole record.
    """

    id: str
    key: str
    value: object = field(repr=False)
    type: str = ""
    raw: Mapping[str, object] = field(repr=False, default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dialog:
    """The graph of a dialog and the components of its nodes, as the platform exports them (7.3).

    Attributes:
        id: ``dg-…``.
        nodes: each with `nodeId`, `type`, `componentId`, `transitions` and more.
        components: each with `_id`, `name`, `type` and more.
    """

    id: str
    nodes: tuple[Mapping[str, object], ...] = field(repr=False)
    components: tuple[Mapping[str, object], ...] = field(repr=False)

    def component(self, name: str) -> Mapping[str, object] | None:
        """The component with this name; the last one if there are several, as in Kore's own SDK."""
        return next((part for part in reversed(self.components) if part.get("name") == name), None)


def read_variables(body: bytes, *, language: str = "") -> tuple[BotVariable, ...]:
    """Read the answer to `KoreRequests.fetch_bot_variable`, in the platform's order. Errors name `language`.

    Raises:
        BadReply: the answer reports an error, or is not a list of variables.
    """
    what = f"fetch bot variables in {language}" if language else "fetch bot variables"
    records = answer_object(body, what=what).get("variables")
    if not isinstance(records, list):
        raise BadReply(what, detail="no variables in the answer")
    return tuple(
        BotVariable(
            id=_text(record.get("_id")),
            key=_text(record.get("key")),
            value=record.get("value"),
            type=_text(record.get("variableType")),
            raw=record,
        )
        for record in records
        if isinstance(record, dict)
    )


def read_dialog(body: bytes) -> Dialog:
    """Read the answer to `KoreRequests.get_dialog`. Raises: BadReply if the answer reports an error, or is not a dialog."""
    what = "get dialog"
    answer = answer_object(body, what=what)
    dialog_id = answer.get("_id")
    if not isinstance(dialog_id, str):
        raise BadReply(what, detail="no dialog in the answer")
    return Dialog(dialog_id, tuple(items(answer.get("nodes"))), tuple(items(answer.get("components"))))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
