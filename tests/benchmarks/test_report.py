from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks import report
from tests.benchmarks.test_table import MACHINE

SERVED: dict[str, Any] = {
    "through_per_second": 2500.0,
    "ack_p50_ms": 8.0,
    "ack_p99_ms": 20.0,
    "cpu_us_per_hook": 300.0,
    "series": [[0.0, 0, 0], [1.0, 2500, 2500], [2.0, 5000, 5000]],
}
MEASURED: dict[str, Any] = {
    "machine": MACHINE,
    "runs": 3,
    "results": {
        "hooks": SERVED,
        "hooks-peer": {**SERVED, "through_per_second": 800.0},
        "profile": {"hook": {"loop": 100.0, "door": 0.0}, "agent's message": {"loop": 900.0, "door": 100.0}},
    },
}


def page(folder: Path) -> Path:
    path = folder / "benchmarks.md"
    path.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    return path


def test_results_replace_older_ones_between_their_marks(tmp_path: Path) -> None:
    path = page(tmp_path)
    for _ in range(2):
        report.write(MEASURED, path)
    text = path.read_text()
    assert text.startswith(f"before\n{report.BEGIN}\n")
    assert text.endswith(f"{report.END}\nafter\n")
    assert (
        text.count("| hooks relayed, durable, botkit serve | 2,500 /s | ≥ 2.5 × Node | yes | 800 (3.12 ×) |")
        == 1
    )
    assert "| loop | 100 (100%) | 900 (90%) |" in text
    assert "old" not in text


def test_the_page_shows_the_pictures_of_its_own_results_and_no_older_one(tmp_path: Path) -> None:
    path = page(tmp_path)
    both = {**MEASURED, "results": {"hooks": SERVED, "bridge": {"ms": [1.0, 2.0]}}}
    report.write(both, path)
    assert "](images/latency.svg)" in path.read_text()
    report.write({**MEASURED, "results": {"hooks": SERVED}}, path)
    assert [file.name for file in (tmp_path / "images").iterdir()] == ["hooks.svg"]
    assert "](images/latency.svg)" not in path.read_text()
    assert "](images/hooks.svg)" in path.read_text()


def test_a_page_without_a_place_for_results_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "benchmarks.md"
    path.write_text("nothing")
    with pytest.raises(ValueError, match="has no lines"):
        report.write(MEASURED, path)
    assert path.read_text() == "nothing"


def test_the_documentation_has_a_place_for_results() -> None:
    text = report.PAGE.read_text()
    assert text.index(report.BEGIN) < text.index(report.END)
