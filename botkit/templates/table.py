"""The table template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from botkit.errors import TemplateInvalid
from botkit.templates import shapes
from botkit.templates.checks import MAX_COLUMNS, MAX_ROWS, check_number, check_text
from botkit.templates.template import Template

Cell = str | int | float


@dataclass(frozen=True, slots=True)
class Column:
    """A column's heading, and how what is below it stands.

    Raises:
        TemplateInvalid: no title.
    """

    title: str
    align: Literal["left", "center", "right"] = "left"

    def __post_init__(self) -> None:
        check_text(self.title, what="a column")

    def to_wire(self) -> list[str]:
        """Its JSON."""
        return [self.title] if self.align == "left" else [self.title, self.align]


def table_template(
    text: str,
    columns: Sequence[Column | str],
    rows: Sequence[Sequence[Cell]],
    *,
    design: Literal["regular", "responsive"] = "regular",
    speech_hint: str = "",
) -> Template:
    """Rows and columns; the web SDK shows it, the mobile SDKs do not.

    Args:
        text: what stands above it.
        columns: at most 20; a text stands for a column with this title.
        rows: at most 200, each with a cell for each column.
        design: ``responsive`` turns rows into cards where there is little room.
        speech_hint: what is said where there is nothing to see.

    Raises:
        TemplateInvalid: no text, column or row, too many, or a row with more or fewer cells than columns.
    """
    check_text(text, what="a table")
    headings = [Column(column) if isinstance(column, str) else column for column in columns]
    check_number(headings, what="columns", most=MAX_COLUMNS)
    check_number(rows, what="rows", most=MAX_ROWS)
    for number, row in enumerate(rows, start=1):
        if len(row) != len(headings):
            raise TemplateInvalid(
                f"row {number} has {len(row)} cells, the table {len(headings)} columns: give one for each"
            )
    content = shapes.template(
        "table",
        text=text,
        columns=[heading.to_wire() for heading in headings],
        table_design=design,
        speech_hint=speech_hint,
        elements=[{"Values": list(row)} for row in rows],
    )
    lines = [[heading.title for heading in headings], *([str(cell) for cell in row] for row in rows)]
    return Template("\n".join([text, *(" | ".join(line) for line in lines)]), content)
