"""The Python of a page of the documentation, run as it is printed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from unittest.mock import patch

from botkit import BotKit

DOCS = Path(__file__).parents[2] / "docs"


def python_blocks(page: str) -> list[str]:
    """Each Python block of a page, after empty lines that keep its line numbers."""
    text = (DOCS / page).read_text("utf-8")
    found = re.finditer(r"^```python\n(.*?)^```$", text, re.S | re.M)
    return ["\n" * (text[: match.start()].count("\n") + 1) + match.group(1) for match in found]


def run(kit: BotKit, *blocks: str, page: str) -> dict[str, Any]:
    """Run blocks, one after the other. They get this kit, with any configuration they name.

    Returns:
        What they define.
    """
    namespace: dict[str, Any] = {"__name__": "documented"}
    with patch.object(BotKit, "from_config", lambda *_, **__: kit):
        for block in blocks:
            exec(compile(block, page, "exec"), namespace)
    return namespace
