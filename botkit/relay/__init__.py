"""The relay carries out effects, receives events from the agents' side, and runs timers."""

from botkit.relay.metrics import RelayMetrics
from botkit.relay.relay import Relay

__all__ = ["Relay", "RelayMetrics"]
