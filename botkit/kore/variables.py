"""A bot's variables in one language, from the answer to fetchBotVariable (protocols/kore-xo-botkit.md 4.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from botkit.errors import BadReply
from botkit.http.lenient_json import decoded


@dataclass(frozen=True, slots=True)
class BotVariable:
    """One variable of the bot.

    Attributes:
        id: the platform's id of it.
        key: its name in ``env.…`` or ``content.…``.
        value: its value in the language that was asked for.
        type: ``env`` or ``locale``, as the platform spells it.
        raw: the whole record.
    """

    id: str
    key: str
    value: object = field(repr=False)
    type: str = ""
    raw: Mapping[str, object] = field(repr=False, default_factory=dict)


def read_variables(body: bytes, *, language: str = "") -> tuple[BotVariable, ...]:
    """The variables in an answer to `KoreCalls.fetch_bot_variable`, in the platform's order.

    Args:
        body: the answer.
        language: which was asked for, to name it if the bot does not speak it.

    Raises:
        BadReply: the answer is an error in the shape of an answer, or nothing the platform gives.
    """
    what = f"fetch bot variables in {language}" if language else "fetch bot variables"
    records = answer_object(body, what=what).get("variables")
    if not isinstance(records, list):
        raise BadReply(what, detail="no variables in the answer")
    return tuple(_variable(record) for record in records if isinstance(record, dict))


def answer_object(body: bytes, *, what: str) -> dict[str, object]:
    """An answer that is a JSON object without ``errors``.

    Raises:
        BadReply: it is something else. What the platform says beside the error's code may quote people and is left out.
    """
    try:
        answer = decoded(body)
    except ValueError:
        raise BadReply(what, detail="not JSON") from None
    if not isinstance(answer, dict):
        raise BadReply(what, detail="not a JSON object")
    if "errors" in answer:
        raise BadReply(what, detail="the platform answered with errors; check the request and the language")
    return answer


def _variable(record: dict[str, object]) -> BotVariable:
    return BotVariable(
        id=_text(record.get("_id")),
        key=_text(record.get("key")),
        value=record.get("value"),
        type=_text(record.get("variableType")),
        raw=record,
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
