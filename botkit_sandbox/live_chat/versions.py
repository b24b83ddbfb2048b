"""What came with which version of the API (protocol section 6)."""

from __future__ import annotations

from botkit_sandbox.live_chat.settings import LiveChatSandboxSettings

FIRST = 29
IDLE_TIMEOUTS = 35
RECONNECT = 37
WAITS = 47


def offers(settings: LiveChatSandboxSettings, version: int, *, since: int) -> bool:
    """Whether a client that names `version` gets what came with version `since`."""
    return version >= since or not settings.version_gates
