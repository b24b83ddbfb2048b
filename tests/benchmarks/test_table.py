from __future__ import annotations

from benchmarks.rows import Row
from benchmarks.table import markdown

MACHINE = {
    "processor": "A processor",
    "cores": 2,
    "service_core": 0,
    "load_core": 1,
    "python": "3.11",
    "sqlite": "3.40",
    "fsync_p50_ms": 0.2,
    "fsync_p99_ms": 0.3,
    "load_before": 0.1,
}


def test_every_line_of_the_markdown_table_has_the_cells_of_its_head() -> None:
    rows = [
        Row("hooks", 3210.4, "/s", aim=3000, more_is_better=True, floor="echo 60,000", peer="1,800"),
        Row("  cost", 2.04, "%", aim=15, spread=(-0.5, 3.25)),
    ]
    table = markdown(rows, MACHINE, title="BotKit").split("\n\n")[1].splitlines()
    assert table == [
        "| measure | here | aim | met | floor | best peer |",
        "|---|---|---|---|---|---|",
        "| hooks | 3,210 /s | ≥ 3,000 | yes | echo 60,000 | 1,800 |",
        "| cost | 2.04 % (-0.50 to 3.25) | ≤ 15 | yes | – | – |",
    ]
