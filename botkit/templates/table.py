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
    """A column's heading and alignment.

    Raises:
        TemplateInvalid: the title is blank.
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
    """Rows and columns. The web SDK shows tables, the mobile SDKs do not.

    Args:
        text: the text above the table.
        columns: at most 20 columns, or texts for columns with this title.
        rows: at most 200, each with one cell per column.
        design: ``responsive`` turns rows into cards on narrow screens.
        speech_hint: the spoken form, for voice channels.

    Raises:
        TemplateInvalid: the text is blank, there are too few or too many columns or rows, or a row has another number of cells.
    """
    check_text(text, what="a table")
    headings = [Column(column) if isinstance(column, str) else column for column in columns]
    check_number(headings, what="columns", most=MAX_COLUMNS)
    check_number(rows, what="rows", most=MAX_ROWS)
    for number, row in enumerate(rows, start=1):
        if len(row) != len(headings):
            raise TemplateInvalid(
                f"row {number} has {len(row)} cells, but the table has {len(headings)} columns: give one cell per column"
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
