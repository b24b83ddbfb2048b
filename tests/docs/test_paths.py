"""Every file and folder of the repository that a page names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted(ROOT.glob("*/README.md")),
    ROOT / "deploy/compose/README.md",
]
TOP = "benchmarks|botkit|botkit_sandbox|config|deploy|docs|examples|sample_bot|schemas|scripts|tests"
PATH = re.compile(rf"`((?:{TOP})/(?!_build)[\w./-]*)(?:::\w+)?`")
LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=lambda page: page.name
)
def test_named_paths_and_linked_files_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    text = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    others = page.parent.name == "protocols"  # names files of other repositories
    named = [] if others else [ROOT / match[1] for match in PATH.finditer(text)]
    linked = [page.parent / match[1] for match in LINK.finditer(re.sub("`[^`\n]*`", "", text))]
    assert [str(path) for path in [*named, *linked] if "_build" not in path.parts and not path.exists()] == []
