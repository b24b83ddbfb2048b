"""Mounting a kit in a Flask application: the middleware around it, the pages and the ``flask botkit`` commands in it."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, request

from botkit.flask.commands import commands
from botkit.flask.mounted import Kit, Mounted, mounted_in
from botkit.handlers.endpoint import prefix_taken
from botkit.observability import pages
from botkit.service.service import Service


def mount(app: Flask, kit: Kit, service: Service) -> None:
    """Mount a kit with a service of its own. Raises: NotConfigured if another kit with the same prefix is mounted."""
    kits = mounted_in(app)
    prefix = service.settings.server.prefix
    if any(mounted.service.settings.server.prefix == prefix for mounted in kits):
        raise prefix_taken(prefix)
    app.register_blueprint(_pages(service, f"botkit_{len(kits)}" if kits else "botkit"))
    if not kits:
        app.cli.add_command(commands)
    kits.append(Mounted(kit, service))
    app.wsgi_app = service.middleware(app.wsgi_app, context_factory=app.app_context)  # type: ignore[method-assign]


def _pages(service: Service, name: str) -> Blueprint:
    blueprint = Blueprint(name, __name__, url_prefix=service.settings.server.prefix or None)

    @blueprint.get("/healthz")
    def healthz() -> Response:
        return _response(pages.HEALTHY)

    @blueprint.get("/readyz")
    def readyz() -> Response:
        return _response(pages.readyz(service))

    @blueprint.get("/metrics")
    def metrics() -> Response:
        return _response(pages.metrics(service, request.headers.get("Accept", "")))

    return blueprint


def _response(page: pages.Page) -> Response:
    return Response(page.body, page.status, content_type=page.content_type)
