"""Hooks per second through the whole service on one core, every one durable before its answer; and this machine's floor.

The service (`botkit serve`, SQLite with synchronous=FULL) is pinned to one core; the load and a stand-in for the platform share
the other. The floor is what the same load gets out of a bare WSGI echo on granian, and how fast a bare aiohttp client posts
the same bodies.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SERVICE_CORE, LOAD_CORE = 0, 1
BOT_ID = "st-11111111-2222-5333-8444-555555555555"
CLIENT_ID = "cs-11111111-2222-5333-8444-555555555555"
SECRET = "a secret of the benchmark, at least thirty-two bytes long"
_HOOK = f"/sdk/bots/{BOT_ID}/on_user_message"
_PINNED = "import os, sys; os.sched_setaffinity(0, {int(sys.argv.pop(1))}); "


def run(seconds: float = 10.0) -> dict[str, Any]:
    """Measure the service and both floors.

    Returns:
        ``service`` and ``wsgi_floor`` (each: acknowledged and relayed per second, p50 and p99 of the acknowledgement in
        milliseconds, counts), and ``aiohttp_posts_per_second``.
    """
    with tempfile.TemporaryDirectory(prefix="botkit-bench-") as folder:
        return {
            "service": _service(Path(folder), seconds),
            "wsgi_floor": _wsgi_floor(min(seconds, 5.0)),
            "aiohttp_posts_per_second": _aiohttp_floor(min(seconds, 5.0)),
        }


def _service(folder: Path, seconds: float) -> dict[str, float]:
    serve = ["serve", "--config", str(_configure(folder)), "--port", "0"]
    code = _PINNED + "from botkit.cli import main; main()"
    with _loader() as loader, _process([code, str(SERVICE_CORE), *serve]) as service:
        address = _line(service).rpartition(" ")[2]
        _await_answer(f"{address}/readyz")
        return _load(loader, port=int(address.rpartition(":")[2]), path=_HOOK, seconds=seconds, relayed=True)


def _wsgi_floor(seconds: float) -> dict[str, float]:
    code = _PINNED + "from benchmarks.hooks import _serve_echo; _serve_echo()"
    with _loader() as loader, _process([code, str(SERVICE_CORE)]) as service:
        port = int(_line(service))
        _await_answer(f"http://127.0.0.1:{port}/")
        return _load(loader, port=port, path="/", seconds=seconds, relayed=False)


def _aiohttp_floor(seconds: float) -> float:
    with _loader() as loader:
        sink_port = json.loads(_line(loader))["sink_port"]
        code = (
            _PINNED
            + "from benchmarks.hooks import _post_bare; _post_bare(int(sys.argv[1]), float(sys.argv[2]))"
        )
        with _process([code, str(SERVICE_CORE), str(sink_port), str(seconds)]) as poster:
            return float(_line(poster))


def _load(
    loader: subprocess.Popen[str], *, port: int, path: str, seconds: float, relayed: bool
) -> dict[str, float]:
    _line(loader)
    assert loader.stdin is not None
    job = {
        "port": port,
        "path": path,
        "bot_id": BOT_ID,
        "client_id": CLIENT_ID,
        "secret": SECRET,
        "seconds": seconds,
        "relayed": relayed,
    }
    loader.stdin.write(json.dumps(job) + "\n")
    loader.stdin.flush()
    result: dict[str, float] = json.loads(_line(loader))
    return result


def _configure(folder: Path) -> Path:
    (folder / "bots").mkdir()
    (folder / "bots" / "bench.yaml").write_text(
        json.dumps(
            {
                "version": 1,
                "bot": {"id": BOT_ID, "name": "Bench"},
                "kore": {"client_id": CLIENT_ID, "client_secret": SECRET, "callback_hosts": ["127.0.0.1"]},
                "agents": {
                    "default": "salesforce",
                    "systems": {
                        "salesforce": {
                            "type": "salesforce-miaw",
                            "organization_id": "00D000000000001",
                            "organization_base_url": "http://127.0.0.1:9",
                            "developer_name": "Bench",
                        }
                    },
                },
            }
        )
    )
    path = folder / "botkit.yaml"
    path.write_text(
        json.dumps(
            {
                "version": 1,
                "store": {"url": f"sqlite:///{folder / 'botkit.db'}"},
                "security": {"insecure_http": True},
                "bots": ["bots/*.yaml"],
            }
        )
    )
    return path


def _serve_echo() -> None:
    """The floor: granian with as many threads, a WSGI application that reads and answers."""
    from botkit.cli.serve import _reserve, _server

    port = _reserve("127.0.0.1", 0)
    print(port, flush=True)
    _server("127.0.0.1", port, 64).serve(target_loader=_echo_loader, wrap_loader=False)


def _echo_loader() -> Any:
    def echo(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", "2")])
        return [b"{}"]

    return echo


def _post_bare(port: int, seconds: float) -> None:
    """The floor: 32 tasks on one aiohttp session."""
    import aiohttp

    async def main() -> float:
        body, count = b"x" * 3000, 0
        end = time.perf_counter() + seconds

        async with aiohttp.ClientSession() as session:

            async def post() -> int:
                mine = 0
                while time.perf_counter() < end:
                    async with session.post(f"http://127.0.0.1:{port}/", data=body) as response:
                        await response.read()
                    mine += 1
                return mine

            count = sum(await asyncio.gather(*(post() for _ in range(32))))
        return count / seconds

    print(asyncio.run(main()), flush=True)


def _loader() -> Any:
    return _process(["-m", "benchmarks.load", str(LOAD_CORE)], code=False)


@contextmanager
def _process(arguments: list[str], *, code: bool = True) -> Iterator[subprocess.Popen[str]]:
    root = Path(__file__).resolve().parent.parent
    command = [sys.executable, *(["-c"] if code else []), *arguments]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    if not line:
        raise RuntimeError(f"a process of the benchmark ended with {process.wait(10)}")
    return line


def _await_answer(url: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
    raise RuntimeError(f"{url} does not answer")


if __name__ == "__main__":
    print(json.dumps(run(float(sys.argv[1]) if len(sys.argv) > 1 else 10.0), indent=2))
