"""HTTP requests and responses as values, and the carriers that send them."""

from botkit.http.values import (
    CallbackTransport,
    Done,
    Request,
    Response,
    Stream,
    Transport,
    begin_in_task,
)

__all__ = [
    "CallbackTransport",
    "Done",
    "Request",
    "Response",
    "Stream",
    "Transport",
    "begin_in_task",
]
