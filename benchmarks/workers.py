"""Hooks per second through gunicorn's workers on one SQLite file, on a disk whose syncs take ten milliseconds.

``python -m benchmarks.workers [--workers 4] [--sync-ms 10] [--against TREE]``. All versions run at the same time; the load takes
turns with them, so that a busy machine disturbs all of them. It needs a C compiler: a small library, loaded before all others,
makes the syncs slow. Workers are not pinned to a core.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.hooks import post_hooks
from benchmarks.machine import LOAD_CORE, cpu_seconds
from benchmarks.processes import configure, pinned
from botkit.testing.serving import free_ports
from botkit.testing.waiting import within

_ROOT = Path(__file__).resolve().parent.parent
_START_SECONDS = 60.0


def slow_syncs(folder: Path) -> Path:
    """Compile the library that makes syncs slow. Raises: subprocess.CalledProcessError without a C compiler."""
    library = folder / "slow_sync.so"
    source = Path(__file__).with_name("slow_sync.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"], check=True)
    return library


@contextmanager
def gunicorn(
    configuration: Path, tree: Path, library: Path, *, workers: int, sync_ms: float
) -> Iterator[tuple[int, int]]:
    """Run the workers. Yields the process id of their arbiter and their port, when all of them have started."""
    port = free_ports(1)
    command = (
        *(sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", str(workers)),
        *("--threads", "16", "--log-level", "warning", f"benchmarks.servers:_kit({str(configuration)!r})"),
    )
    slow = {"LD_PRELOAD": str(library), "SYNC_MS": str(sync_ms)} if sync_ms else {}
    with subprocess.Popen(command, cwd=tree, env={**os.environ, "PYTHONPATH": str(tree), **slow}) as popen:
        try:
            if not within(_START_SECONDS, lambda: _listening(popen.pid) >= workers):
                raise RuntimeError("the workers have not started")
            yield popen.pid, port
        finally:
            popen.terminate()
            popen.wait(_START_SECONDS)


def _listening(pid: int) -> int:
    """How many workers run their threads."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return sum(len(list(Path(f"/proc/{child}/task").iterdir())) > 1 for child in children)


def main() -> None:
    """Measure, and print a line for each tree: the medians of all turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--sync-ms", type=float, default=10.0)
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--against", type=Path, action="append", default=[])
    options = parser.parse_args()
    trees = [_ROOT, *(one.resolve() for one in options.against)]
    with ExitStack() as stack:
        served = []
        for tree in trees:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="botkit-bench-")))
            workers = gunicorn(
                configure(folder), tree, slow_syncs(folder), workers=options.workers, sync_ms=options.sync_ms
            )
            pid, port = stack.enter_context(workers)
            loader = stack.enter_context(pinned(LOAD_CORE, "benchmarks.load"))
            loader.line()
            served.append((tree, pid, port, loader))
            post_hooks(loader, port, seconds=options.seconds)
        found: dict[Path, list[dict[str, Any]]] = {tree: [] for tree in trees}
        for turn in range(options.turns):
            for tree, pid, port, loader in served if turn % 2 else reversed(served):
                used = cpu_seconds(pid)
                result = post_hooks(loader, port, seconds=options.seconds, warm_up_seconds=0.2)
                result["cpu_us"] = (cpu_seconds(pid) - used) / result["acknowledged"] * 1e6
                found[tree].append(result)
        for tree, results in found.items():
            rate, p50, p99, cpu = (
                statistics.median([result[key] for result in results])
                for key in ("acknowledged_per_second", "ack_p50_ms", "ack_p99_ms", "cpu_us")
            )
            print(
                f"{tree.name}: {rate:.0f} hooks/s, p50 {p50:.1f} ms, p99 {p99:.1f} ms, "
                f"{cpu:.0f} us of processor time each",
                flush=True,
            )


if __name__ == "__main__":
    main()
