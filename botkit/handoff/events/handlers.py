"""Events of the bot's own handlers and jobs: the API calls they request, deferred webhooks and their answers."""

from __future__ import annotations

from botkit.handoff.conversation import Instant
from botkit.handoff.events.base import BaseEvent
from botkit.handoff.events.hooks import AgentTransfer, PlatformHookEvent
from botkit.handoff.record import Record


class ApiCall(Record, frozen=True):
    """One call of the platform's API that a handler requests, by its name in `kore.requests.SDK_CALLS`.

    `changes` is a JSON object as text: the members that replace the payload's own. `transfer` belongs to
    ``start_agent_session``: the hand-off to open.
    """

    call: str
    changes: str = ""
    transfer: AgentTransfer | None = None

    _hidden = frozenset({"changes"})


class HookHandled(BaseEvent, frozen=True, kw_only=True):
    """A hook that handlers have seen: the calls they request, and the hook's event as they left it.

    `proceed`: the default behaviour for the event follows the calls.
    """

    api_calls: tuple[ApiCall, ...]
    original: PlatformHookEvent
    proceed: bool = True


class CallsRequested(BaseEvent, frozen=True, kw_only=True):
    """Calls requested outside any hook, such as by a background job. The user's newest payload addresses them."""

    api_calls: tuple[ApiCall, ...]


class HookDeferred(BaseEvent, frozen=True, kw_only=True):
    """on_webhook whose answer comes later. At `due` it is answered with `otherwise`: changes to its context, as JSON text."""

    request_id: str
    due: Instant
    otherwise: str = ""

    _hidden = frozenset({"otherwise"})


class HookAnswered(BaseEvent, frozen=True, kw_only=True):
    """The answer to a deferred webhook: changes to its context as JSON text, or with `replace` the whole context."""

    context: str = ""
    replace: bool = False

    _hidden = frozenset({"context"})
