"""A start after ``kill -9``, with a thousand open conversations: when the service is ready, and what it does after that.

``python -m benchmarks.starts`` prints the medians of five starts. Times count from the start of the process, so they are the time
of the machine too: the processor time beside each tells what was the service's own.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import click
import jwt

from benchmarks.machine import LOAD_CORE, SERVICE_CORE, cpu_seconds
from benchmarks.payloads import user_id, user_message
from benchmarks.processes import (
    BOT_ID,
    CLIENT_ID,
    SECRET,
    Process,
    configure,
    environment,
    pinned,
    python_of,
    service,
)
from botkit.testing.serving import free_ports

STARTS = 5
CONVERSATIONS = 1000
READY, ACKNOWLEDGED, STREAMS = "ready", "first acknowledgement", "all streams open"
_LIMIT_SECONDS = 120.0
_LOOK_SECONDS = 0.002


def run(
    conversations: int = CONVERSATIONS, starts: int = STARTS, tree: Path | None = None
) -> Mapping[str, Mapping[str, float]]:
    """Open the conversations, and kill and start the service again and again.

    Args:
        conversations: with an agent, over event streams.
        starts: how often.
        tree: another checkout of this project; by default this one.

    Returns:
        For each of `READY`, `ACKNOWLEDGED` and `STREAMS`: the medians of the ``seconds`` since the process was started, and of
        the ``cpu_seconds`` that it had used by then.
    """
    with (
        tempfile.TemporaryDirectory(prefix="botkit-bench-") as folder,
        pinned(LOAD_CORE, "benchmarks.clouds", "miaw") as clouds,
    ):
        addresses = json.loads(clouds.line())
        configuration = configure(Path(folder), addresses["system"])
        with service(configuration, tree) as (process, port):
            clouds.ask(do="open", port=port, count=conversations, listening=True)
            os.kill(process.pid, signal.SIGKILL)
        found = [
            _start(configuration, clouds, addresses["platform_url"], conversations, tree)
            for _ in range(starts)
        ]
    return {
        moment: {unit: statistics.median(one[moment][unit] for one in found) for unit in found[0][moment]}
        for moment in found[0]
    }


def _start(
    configuration: Path, clouds: Process, platform_url: str, conversations: int, tree: Path | None
) -> Mapping[str, Mapping[str, float]]:
    """One start, and the kill after it."""
    clouds.ask(do="await_silence")
    port = free_ports(1)
    found: dict[str, Mapping[str, float]] = {}
    python, folder = python_of(tree)
    command = [python, "-m", "botkit", "serve", "--config", str(configuration), "--port", str(port)]
    nothing = subprocess.DEVNULL
    began = time.monotonic()
    process = subprocess.Popen(
        command, cwd=folder, env=environment(folder), stdin=nothing, stdout=nothing, stderr=nothing
    )
    try:
        os.sched_setaffinity(process.pid, {SERVICE_CORE})

        def note(moment: str) -> None:
            found[moment] = {"seconds": time.monotonic() - began, "cpu_seconds": cpu_seconds(process.pid)}

        def ready() -> None:
            _answer(port, "GET", "/readyz")
            note(READY)

        def acknowledged() -> None:
            token = jwt.encode(
                {"appId": CLIENT_ID, "exp": int(time.time()) + 3600}, SECRET, algorithm="HS256"
            )
            body = user_message(bot_id=BOT_ID, platform_url=platform_url, request=time.time_ns() // 10**6)
            body = body.replace(user_id(0).encode(), user_id(conversations).encode())  # With no agent.
            _answer(port, "POST", f"/sdk/bots/{BOT_ID}/on_user_message", body, {"token": token})
            note(ACKNOWLEDGED)

        waiting = [threading.Thread(target=wait) for wait in (ready, acknowledged)]
        for one in waiting:
            one.start()
        clouds.ask(do="await_listeners", count=conversations)
        note(STREAMS)
        for one in waiting:
            one.join()
    finally:
        process.kill()
        process.wait()
    return found


def _answer(
    port: int, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> None:
    """Ask until it is answered with 200. Before the service accepts connections, the first one that is taken waits for it.

    Raises:
        RuntimeError: it is not answered in time.
    """
    deadline = time.monotonic() + _LIMIT_SECONDS
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_LIMIT_SECONDS)
        try:
            connection.request(method, path, body, dict(headers or {}))
            if connection.getresponse().status == http.HTTPStatus.OK:
                return
        except ConnectionError:
            pass
        finally:
            connection.close()
        time.sleep(_LOOK_SECONDS)
    raise RuntimeError(f"{path} was not answered")


@click.command()
@click.option("--conversations", type=click.IntRange(1), default=CONVERSATIONS, show_default=True)
@click.option("--starts", type=click.IntRange(1), default=STARTS, show_default=True)
@click.option(
    "--against",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Measure this checkout of BotKit.",
)
def main(conversations: int, starts: int, against: Path | None) -> None:
    """Measure the start after a kill."""
    for moment, measured in run(conversations, starts, against).items():
        print(
            f"{moment:24} {measured['seconds']:6.2f} s   {measured['cpu_seconds']:6.2f} s of processor time"
        )


if __name__ == "__main__":
    main()
