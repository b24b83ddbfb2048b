"""Whether a payload can be answered, and only where the configuration allows.

Whoever can post a hook names the URLs we call with the bot's signature, so their hosts are checked before anything is taken
(and again by whatever makes the calls).
"""

from __future__ import annotations

from botkit.errors import HookInvalid, HostNotAllowed
from botkit.hooks.payload import Payload
from botkit.http.hosts import AllowedHosts
from botkit.kore.address import Address

_NEEDED = {
    "on_user_message": "send_bot_message_url",
    "on_bot_message": "send_user_message_url",
    "on_agent_transfer": "send_user_message_url",
}
"""The URL without which an event cannot be gone on with."""
_SLASHES_OF_ORIGIN = 2


def check(
    payload: Payload, body: bytes, *, event: str, bot_id: str, component_id: str, hosts: AllowedHosts
) -> None:
    """Return if the payload may and can be answered.

    Raises:
        HookInvalid: a URL names a host that is not configured, or the URL the event needs is neither given nor derivable.
    """
    try:
        base = payload.base_url
        if base:
            hosts.check(base, what="take a hook")
        # What follows a whole path segment cannot change the host any more, so these need no look of their own.
        checked = f"{base}/" if base and base.count("/") > _SLASHES_OF_ORIGIN else None
        for url in (
            payload.send_user_message_url,
            payload.send_bot_message_url,
            payload.skip_user_message_url,
            payload.skip_bot_message_url,
            payload.send_alert_message_url,
            payload.clear_conversation_session_url,
            payload.reset_bot_url,
            payload.send_bot_event_url,
            payload.callback_url,
        ):
            if url and not (checked and url.startswith(checked)):
                hosts.check(url, what="take a hook")
    except HostNotAllowed as error:
        raise HookInvalid(f"Callback URL refused: {error.detail}; see kore.callback_hosts") from error
    needed = _NEEDED.get(event)
    if needed is None or getattr(payload, needed):
        return
    address = Address.parse(body, bot_id=bot_id, component_id=component_id)
    if not getattr(address, needed):
        raise HookInvalid(f"{_spelled(needed)} is missing, and cannot be derived from baseUrl and requestId")


def _spelled(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
