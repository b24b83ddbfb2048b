"""The XO platform's API without I/O: addresses, signed requests, rendered messages, replies."""

from botkit.hooks.address import Address
from botkit.kore.arrivals import times_shown
from botkit.kore.replies import check_reply
from botkit.kore.requests import KoreRequests
from botkit.kore.transcript import has_channel, read_transcript

__all__ = ["Address", "KoreRequests", "check_reply", "has_channel", "read_transcript", "times_shown"]
