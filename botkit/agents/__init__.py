"""The plug-in API of agent systems, in one place: a third party's system imports from this module alone."""

from botkit.agents.api import (
    AgentSystem,
    AgentSystemFactory,
    Batch,
    Capabilities,
    File,
    Granted,
    StatesLimits,
    TakesCustomEvents,
    TakesFiles,
    TakesIdleNotices,
)

__all__ = [
    "AgentSystem",
    "AgentSystemFactory",
    "Batch",
    "Capabilities",
    "File",
    "Granted",
    "StatesLimits",
    "TakesCustomEvents",
    "TakesFiles",
    "TakesIdleNotices",
]
