"""What follows from what a handler has returned."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from botkit.errors import InvalidHandlerResult
from botkit.handlers.handoff_contexts import Moment
from botkit.handlers.progress import Outcome
from botkit.handlers.registry import Handler
from botkit.handlers.verdicts import Answer, Defer, Next, Sent, Stop
from botkit.handoff.events import ApiCall
from botkit.hooks.parser import Hook, HookParser
from botkit.kore.bodies import changed, members_to_change


def outcome_after(
    before: Outcome[Any],
    handler: Handler,
    returned: object,
    api_calls: tuple[ApiCall, ...],
    parser: HookParser,
) -> Outcome[Any]:
    """What the handlers of a hook have decided with this one.

    Args:
        before: with those before it.
        handler: this one.
        returned: what it returned.
        api_calls: the calls that it requested.
        parser: of its bot.

    Raises:
        InvalidHandlerResult: it returned something else than a verdict.
        HookRefused: the new message does not fit into the hook.
    """
    if returned is None and not api_calls:
        return before
    hook: Hook | Moment = before.hook
    answered = any(api_call.call in hook.kind.answers for api_call in api_calls)
    before = replace(before, api_calls=(*before.api_calls, *api_calls), answered=answered)
    match returned:
        case None | Sent():
            return before
        case Next(None | str() as message) if isinstance(hook, Hook):
            if message is not None:
                body = changed(hook.body, members_to_change({"message": message}))
                hook = parser.with_body(hook, body)
            return replace(before, hook=hook, choice=before.choice.then(returned.choice), answered=False)
        case Stop() if isinstance(hook, Hook):
            return replace(before, answered=True)
        case Answer() | Defer() if hook.kind.is_request:
            return replace(before, verdict=returned, answered=True)
        case _:
            raise InvalidHandlerResult(
                f"{handler.name} returned a {type(returned).__name__}, which is not a verdict; return the result of a "
                "method of ctx, or nothing"
            )
