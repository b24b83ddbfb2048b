"""Test your handlers without a network, and whole conversations against the emulated clouds.

The pytest plugin has the fixtures `kit_tester`, `botkit_payloads` and `botkit_sandbox`. Their classes are here, for use without
pytest. Everything else in this package is internal, and shared by BotKit's own tests.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botkit.testing.configuration import made_up_settings as made_up_settings
    from botkit.testing.kit_stage import KitStage as KitStage
    from botkit.testing.payload_parts import File as File
    from botkit.testing.payload_parts import User as User
    from botkit.testing.payloads import Payloads as Payloads
    from botkit.testing.records import AgentCall as AgentCall
    from botkit.testing.records import Call as Call
    from botkit.testing.records import StepResult as StepResult
    from botkit.testing.tester import KitTester as KitTester

_MODULES = {
    "AgentCall": "records",
    "Call": "records",
    "File": "payload_parts",
    "KitStage": "kit_stage",
    "KitTester": "tester",
    "Payloads": "payloads",
    "User": "payload_parts",
    "StepResult": "records",
    "made_up_settings": "configuration",
}
__all__ = [*sorted(_MODULES)]


def __getattr__(name: str) -> Any:
    """Import a public name at its first use: every run of pytest imports the plugin, and so this package."""
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{module}"), name)
