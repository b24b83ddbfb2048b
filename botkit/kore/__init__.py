"""What we say to Kore's XO platform: addresses, signed calls, templates, transcripts. No I/O."""

from botkit.kore.address import Address
from botkit.kore.calls import KoreCalls
from botkit.kore.messages import read_messages
from botkit.kore.replies import check_reply

__all__ = ["Address", "KoreCalls", "check_reply", "read_messages"]
