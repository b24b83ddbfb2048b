"""Mounting a kit in a Flask application: the middleware around it, the pages and the ``flask botkit`` commands in it."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, jsonify, request

from botkit.errors import BotKitError, NotConfigured
from botkit.flask.commands import commands
from botkit.flask.mounted import Kit, Mounted, mounted_in
from botkit.observability.metrics import CONTENT_TYPE, OPENMETRICS
from botkit.service.service import Service


def mount(app: Flask, kit: Kit, service: Service) -> None:
    """Mount a kit with a service of its own. Raises: NotConfigured if another kit with the same prefix is mounted."""
    kits = mounted_in(app)
    prefix = service.settings.server.prefix
    if any(mounted.service.settings.server.prefix == prefix for mounted in kits):
        raise NotConfigured(
            f"a kit is mounted here already with the server.prefix {prefix!r}, and would get no more hooks: mount each "
            "kit once, and give each a prefix of its own"
        )
    app.register_blueprint(_pages(service, f"botkit_{len(kits)}" if kits else "botkit"))
    if not kits:
        app.cli.add_command(commands)
    kits.append(Mounted(kit, service))
    app.wsgi_app = service.middleware(app.wsgi_app, context_factory=app.app_context)  # type: ignore[method-assign]


def _pages(service: Service, name: str) -> Blueprint:
    pages = Blueprint(name, __name__, url_prefix=service.settings.server.prefix or None)

    @pages.get("/healthz")
    def healthz() -> Response:
        """Liveness: the process answers."""
        return jsonify(status="ok")

    @pages.get("/readyz")
    def readyz() -> tuple[Response, int]:
        """Readiness: the store commits and the relay runs."""
        try:
            parts = service.ready()
        except BotKitError as error:
            return jsonify(status="unready", error=f"{error.code}: {error}"), 503
        ready = all(parts.values())
        return jsonify(status="ready" if ready else "unready", **parts), 200 if ready else 503

    @pages.get("/metrics")
    def metrics() -> Response:
        """The metrics, for Prometheus; in OpenMetrics' format, which has exemplars, if it is accepted."""
        openmetrics = "application/openmetrics-text" in request.headers.get("Accept", "")
        try:
            text = service.exposition(openmetrics=openmetrics)
            return Response(text, content_type=OPENMETRICS if openmetrics else CONTENT_TYPE)
        except BotKitError as error:
            return Response(f"{error.code}: {error}\n", 503, content_type="text/plain; charset=utf-8")

    return pages
