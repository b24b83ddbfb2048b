"""A kit behind a WSGI server, as a process that can be killed: `python -m tests.faults.wsgi_service --config FILE --port N`."""

from __future__ import annotations

import argparse
import signal
import threading
from pathlib import Path

from botkit.config.load import load
from botkit.kit import create_app
from botkit.testing.serving import Server


def main() -> None:
    """Serve until SIGTERM: in the main thread, or in one that goes on after it, and then nobody closes the kit."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--in-another-thread", action="store_true")
    chosen = parser.parse_args()
    app = create_app(load(chosen.config))
    kit = app.extensions["botkit"][0].kit
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    kit.start()
    server = Server(app, port=chosen.port)
    print(f"listens on {server.url}", flush=True)
    if chosen.in_another_thread:
        threading.Thread(target=stopped.wait).start()
        return
    stopped.wait()
    server.close()
    kit.close()


if __name__ == "__main__":
    main()
