"""A dialog's definition, from the answer to getDialog (protocols/kore-xo-botkit.md 4.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from botkit.errors import BadReply
from botkit.kore.variables import answer_object


@dataclass(frozen=True, slots=True)
class Dialog:
    """The graph of a dialog and what its nodes hold, as the platform exports them (7.3).

    Attributes:
        id: ``dg-…``.
        nodes: each with `nodeId`, `type`, `componentId`, `transitions` and more.
        components: each with `_id`, `name`, `type` and more.
    """

    id: str
    nodes: tuple[Mapping[str, object], ...] = field(repr=False)
    components: tuple[Mapping[str, object], ...] = field(repr=False)

    def component(self, name: str) -> Mapping[str, object] | None:
        """The component with this name; of several the last, as in Kore's own SDK."""
        return next((part for part in reversed(self.components) if part.get("name") == name), None)


def read_dialog(body: bytes) -> Dialog:
    """The dialog in an answer to `KoreCalls.get_dialog`.

    Raises:
        BadReply: the answer is an error in the shape of an answer, or nothing the platform gives.
    """
    what = "get dialog"
    answer = answer_object(body, what=what)
    dialog_id = answer.get("_id")
    if not isinstance(dialog_id, str):
        raise BadReply(what, detail="no dialog in the answer")
    return Dialog(dialog_id, _objects(answer.get("nodes")), _objects(answer.get("components")))


def _objects(value: object) -> tuple[Mapping[str, object], ...]:
    return tuple(item for item in value if isinstance(item, dict)) if isinstance(value, list) else ()
