"""Kore's SDK calls for scripts and notebooks: synchronous, over requests.

from botkit.client import KoreClient

with KoreClient.from_config("config/botkit.yaml") as kore:
    kore.send_user_message(payload, "Your parcel is on its way.")
"""

from botkit.client.kore_client import KoreClient
from botkit.kore.history import HistoryMessage, MessagePage
from botkit.kore.reads import BotVariable, Dialog

__all__ = ["BotVariable", "Dialog", "HistoryMessage", "KoreClient", "MessagePage"]
