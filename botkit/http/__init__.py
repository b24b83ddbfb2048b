"""HTTP requests and responses as values, and the carriers that send them."""

from botkit.http.values import Request, Response, Stream, Transport

__all__ = ["Request", "Response", "Stream", "Transport"]
