"""The reference pages that are generated from the code are up to date."""

from __future__ import annotations

import pytest

from scripts import reference


@pytest.mark.parametrize("name", ["errors.md", "metrics.md", "commands.md"])
def test_the_page_is_what_the_generator_writes(name: str) -> None:
    written = (reference.FOLDER / name).read_text(encoding="utf-8")
    assert written == reference.pages()[name], "run: make tables"


def test_the_error_index_has_the_sandboxs_errors_too() -> None:
    page = reference.errors_page()
    assert "| `BK-5009` | `KitTesterMisused` |" in page
    assert "| `BK-7001` | `ExportError` |" in page
