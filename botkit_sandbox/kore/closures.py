"""The closure of a session as hooks report it: late, repeated, in several spellings.

See docs/protocols/kore-xo-botkit.md, 2.6 and 2.8.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botkit_sandbox.kore.calls import Call
from botkit_sandbox.kore.core import Core
from botkit_sandbox.kore.payloads import event_hook
from botkit_sandbox.kore.users import User


@dataclass(frozen=True, slots=True)
class Closure:
    """How a sessionClosure is written (2.6, 2.8).

    Attributes:
        event: `event` of the hook.
        session: the session that the hook names, instead of the user's present one; empty for none.
        channel: whether the hook names the channel.
        only_event: it comes late: nothing is closed now.
    """

    event: Mapping[str, Any] | str = field(default_factory=lambda: {"eventType": "sessionClosure"})
    session: str | None = None
    channel: bool = True
    only_event: bool = False


SESSION_CLOSURE = Closure()


def closure_hook(core: Core, user: User, call: Call, closure: Closure) -> dict[str, Any]:
    """on_event for the closure of a session."""
    body = copy.deepcopy(event_hook(core, user, call, event={}))
    event, channel = closure.event, body["channel"]
    session = body["context"]["session"]["BotUserSession"]
    if closure.session is not None:
        for place, name in ((session, "conversationSessionId"), (channel, "sessionId")):
            del place[name]
            if closure.session:
                place[name] = closure.session
    if not closure.channel:
        del channel["type"], session["channels"], session["lastMessage"]["channel"]
    return body | {"event": event if isinstance(event, str) else dict(event)}
