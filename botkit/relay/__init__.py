"""The relay acts: it carries out effects, listens to the agents' side, and keeps time."""

from botkit.relay.metrics import NoMetrics, RelayMetrics
from botkit.relay.relay import Relay

__all__ = ["NoMetrics", "Relay", "RelayMetrics"]
