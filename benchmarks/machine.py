"""This machine: its cores, and the memory and processor time of a process and its children, from `/proc`."""

from __future__ import annotations

import os
import platform
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path

_CPUS = sorted(os.sched_getaffinity(0))
SERVICE_CORE, LOAD_CORE = _CPUS[0], _CPUS[-1]
"""The measured process has its own core; load and emulated clouds share the other."""

_TICKS = os.sysconf("SC_CLK_TCK")
_FSYNCS = 200


def described(folder: Path | None = None) -> dict[str, object]:
    """Processor, cores, versions, and the duration of an fsync in `folder`."""
    p50, p99 = _fsync_ms(folder or Path(tempfile.gettempdir()))
    return {
        "processor": _processor(),
        "cores": len(_CPUS),
        "service_core": SERVICE_CORE,
        "load_core": LOAD_CORE,
        "python": platform.python_version(),
        "kernel": platform.release(),
        "sqlite": sqlite3.sqlite_version,
        "fsync_p50_ms": p50,
        "fsync_p99_ms": p99,
        "load_before": os.getloadavg()[0],
    }


def family(pid: int) -> list[int]:
    """A process and all its descendants."""
    pids = [pid]
    for one in pids:
        for task in Path(f"/proc/{one}/task").iterdir():
            pids += [int(child) for child in (task / "children").read_text().split()]
    return pids


def rss_bytes(pid: int) -> int:
    """Resident memory of a process and its children."""
    page = os.sysconf("SC_PAGE_SIZE")
    return sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) * page for one in family(pid))


def peak_rss_bytes(pid: int) -> int:
    """The sum of the highest resident memory that a process and each of its children ever had."""
    total = 0
    for one in family(pid):
        _, _, rest = Path(f"/proc/{one}/status").read_text().partition("\nVmHWM:")
        total += int(rest.split(maxsplit=1)[0]) * 1024
    return total


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its living children so far."""
    total = 0
    for one in family(pid):
        # The second field is the command in parentheses and may hold spaces.
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / _TICKS


def cpu_seconds_of_ended_children(pid: int) -> float:
    """User and system time of the children of a process that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / _TICKS


def voluntary_switches(pid: int) -> int:
    """How often the threads of a process and its children gave up their core to wait for something."""
    total = 0
    for one in family(pid):
        for status in Path(f"/proc/{one}/task").glob("*/status"):
            _, _, rest = status.read_text().partition("\nvoluntary_ctxt_switches:")
            total += int(rest.partition("\n")[0])
    return total


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _fsync_ms(folder: Path) -> tuple[float, float]:
    with tempfile.TemporaryFile(dir=folder) as file:
        took = []
        for _ in range(_FSYNCS):
            os.write(file.fileno(), b"x" * 4096)
            began = time.perf_counter()
            os.fsync(file.fileno())
            took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took), sorted(took)[int(_FSYNCS * 0.99)]
