"""The relay's carrier: libcurl on the relay's own event loop."""

from botkit.http.curl.transport import OLDEST_LIBCURL, CurlTransport

__all__ = ["OLDEST_LIBCURL", "CurlTransport"]
