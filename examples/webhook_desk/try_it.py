# Run it: .venv/bin/python examples/webhook_desk/try_it.py [PORT]    webhook_desk.py says how to install it before
"""The desk at work: the emulated Kore XO platform, BotKit and a desk, each with an address on this machine."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from desk import create_app

from botkit.testing.process import ServiceProcess, write_configuration
from botkit_sandbox.server import running_sandbox

KEY = "only-for-trying"


def main(port: int = 8001) -> None:
    """Run it all until Ctrl-C: the page on `port`, Salesforce's stand-in on the next, then BotKit, then the desk."""
    with TemporaryDirectory() as folder, running_sandbox(port=port) as addresses:
        configuration = write_configuration(Path(folder), addresses, port=port + 2)
        bot = Path(folder, "bots", "acme.yaml")
        desk = {"type": "webhook-desk", "url": f"http://127.0.0.1:{port + 3}", "key": KEY}
        settings = yaml.safe_load(bot.read_text(encoding="utf-8"))
        settings["agents"] = {"default": "desk", "systems": {"desk": desk}}
        bot.write_text(yaml.safe_dump(settings), encoding="utf-8")
        with ServiceProcess(configuration, port=port + 2):
            print(f'Say "talk to an agent" on   http://127.0.0.1:{port}/', flush=True)
            print(
                f"and answer on the desk at   http://127.0.0.1:{port + 3}/   Ctrl-C stops it all.", flush=True
            )
            create_app(KEY).run(port=port + 3)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
