"""Applications with a kit for the tests of bodies over HTTP/2: one for WSGI, and one for ASGI."""

from __future__ import annotations

import os

from flask import Flask

from botkit.asgi.interface import Application
from botkit.asgi.not_found import NotFound
from botkit.kit import BotKit


def wsgi() -> Flask:
    """A Flask application."""
    app = Flask(__name__)
    BotKit.from_config(os.environ["BOTKIT_CONFIG"]).init_app(app)
    return app


def asgi() -> Application:
    """An application that has nothing else."""
    kit = BotKit.from_config(os.environ["BOTKIT_CONFIG"])
    return kit.asgi_pages(kit.asgi(NotFound("")))
