"""The kits that are mounted in a Flask application: ``app.extensions["botkit"]``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from flask import Flask, current_app, has_app_context

from botkit.handlers.registry import Handler
from botkit.service.service import Service

EXTENSION = "botkit"


class Kit(Protocol):
    """The part of a `BotKit` that this package needs."""

    @property
    def handlers(self) -> tuple[Handler, ...]:
        """Every handler, in the order in which they are called."""


@dataclass(frozen=True, slots=True)
class Mounted:
    """A kit in a Flask application, with the service that runs its configuration there."""

    kit: Kit
    service: Service


def mounted_in(app: Flask) -> list[Mounted]:
    """The kits of an application, in the order in which they were mounted."""
    kits: list[Mounted] = app.extensions.setdefault(EXTENSION, [])
    return kits


def current_service(kit: Kit) -> Service | None:
    """The service of a kit in the current application, if there is one."""
    if not has_app_context():
        return None
    kits: list[Mounted] = current_app.extensions.get(EXTENSION, [])
    return next((mounted.service for mounted in kits if mounted.kit is kit), None)
