"""The results in `docs/benchmarks.md`: the table, where the time goes, and the plots. Only this module writes them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import plots
from benchmarks.rows import rows
from benchmarks.table import markdown

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
BEGIN = "<!-- results: written by `python -m benchmarks --report` -->"
END = "<!-- end of results -->"

_PICTURES = {
    "latency.svg": "Share of an agent's messages that arrived within so many milliseconds",
    "hooks.svg": "Hooks relayed per second, over the measured time",
}


def write(measured: Mapping[str, Any], page: Path = PAGE) -> None:
    """Replace the results in the page, and the plots in ``images`` beside it.

    Raises:
        ValueError: the page has no place for results.
    """
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{page} has no lines {BEGIN} and {END}")
    images = page.parent / "images"
    images.mkdir(exist_ok=True)
    drawn = plots.drawn(measured["results"])
    for name in _PICTURES:
        if name in drawn:
            (images / name).write_text(drawn[name], encoding="utf-8")
        else:
            (images / name).unlink(missing_ok=True)
    page.write_text(f"{before}{begin}\n\n{results(measured)}\n\n{end}{after}", encoding="utf-8")


def title(measured: Mapping[str, Any]) -> str:
    """The title of the table."""
    rounds = measured["runs"]
    return "BotKit on one core" + (f"; hooks and streams: medians of {rounds} rounds" if rounds > 1 else "")


def results(measured: Mapping[str, Any]) -> str:
    """The results in Markdown."""
    parts = [markdown(rows(measured["results"]), measured["machine"], title=title(measured))]
    drawn = plots.drawn(measured["results"])
    parts += [f"![{text}](images/{name})" for name, text in _PICTURES.items() if name in drawn]
    if "profile" in measured["results"]:
        parts.append(_profile(measured["results"]["profile"]))
    return "\n\n".join(parts)


def _profile(profile: Mapping[str, Mapping[str, float]]) -> str:
    """Where the processor time goes, as one table."""
    whats = list(profile)
    totals = {what: sum(parts.values()) for what, parts in profile.items()}
    lines = [
        "Where the processor time goes, in µs, from runs of the service under a profiler, scaled to its time without one:",
        "",
        f"| part | {' | '.join(f'one {what}' for what in whats)} |",
        "|---" * (len(whats) + 1) + "|",
    ]
    for part in max(profile.values(), key=len):
        cells = [f"{profile[what][part]:.0f} ({profile[what][part] / totals[what]:.0%})" for what in whats]
        lines.append(f"| {part} | {' | '.join(cells)} |")
    lines.append(f"| **all** | {' | '.join(f'**{totals[what]:,.0f}**' for what in whats)} |")
    return "\n".join(lines)
