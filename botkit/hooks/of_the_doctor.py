"""The two hooks with which `botkit doctor` tries the public address. Both are always refused, so that nothing happens.

A service knows them by what makes their refusal certain, and logs no warning. No other caller can hide behind that.
"""

from __future__ import annotations

EVENT = "on_client_event"
"""The event of both. It is none of those that a hand-off needs, so counts by event show their refusals apart."""
TOKEN = "botkit-doctor"  # noqa: S105 - it opens nothing
"""The token of the first one; no JWT, so nobody is authenticated by it (401)."""
BODY = b"botkit doctor"
"""The body of the second one, which has a valid token; no JSON, so it cannot be read (412)."""
