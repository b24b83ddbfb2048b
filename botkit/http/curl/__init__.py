"""The relay's carrier: libcurl on the relay's own event loop."""

from botkit.http.curl.transport import CurlTransport

__all__ = ["CurlTransport"]
