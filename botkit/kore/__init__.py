"""The XO platform's API without I/O: addresses, signed requests, rendered messages, replies."""

from botkit.hooks.address import Address
from botkit.kore.history import read_transcript
from botkit.kore.replies import check_reply
from botkit.kore.requests import KoreRequests

__all__ = ["Address", "KoreRequests", "check_reply", "read_transcript"]
