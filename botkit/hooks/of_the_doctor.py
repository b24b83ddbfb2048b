"""The two hooks with which `botkit doctor` tries the public address. Both are always refused, so that nothing happens.

A service recognises them by what makes their refusal certain, and logs no warning. So no other caller can pass as the doctor.
"""

from __future__ import annotations

EVENT = "on_client_event"
"""The event of both. No hand-off needs it, so metrics by event show these refusals apart from others."""
TOKEN = "botkit-doctor"  # noqa: S105 - it opens nothing
"""The token of the first one; no JWT, so nobody is authenticated by it (401)."""
BODY = b"botkit doctor"
"""The body of the second one, which has a valid token; no JSON, so it cannot be read (412)."""
