"""WSGI applications around a kit, as somebody with handlers of their own would write them.

``python -m benchmarks.applications NAME CONFIGURATION`` serves one exactly as ``botkit serve`` does.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from flask import Flask

from botkit import BotKit
from botkit.cli.serve import run
from botkit.config.settings import Settings


def plain(settings: Settings) -> Flask:
    """No handler."""
    app = Flask(__name__)
    BotKit(settings).init_app(app)
    return app


APPLICATIONS: Mapping[str, Callable[[Settings], Flask]] = {"plain": plain}


if __name__ == "__main__":
    run(Path(sys.argv[2]), host=None, port=0, as_json=True, make_app=APPLICATIONS[sys.argv[1]])
