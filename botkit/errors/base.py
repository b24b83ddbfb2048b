"""The base class of every error."""

from __future__ import annotations

from typing import ClassVar


class BotKitError(Exception):
    """The base class of every BotKit error."""

    code: ClassVar[str] = "BK-0000"
    retryable: ClassVar[bool] = False
