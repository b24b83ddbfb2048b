"""Rules for the API calls that handlers and jobs request: first the calls, in order, then the default behaviour, if any."""

from __future__ import annotations

from collections.abc import Callable

from botkit.handoff import opening
from botkit.handoff.conversation import AgentSession, Conversation, Instant
from botkit.handoff.decision import Decision
from botkit.handoff.effects import CallUser, CallWithHook, Effect
from botkit.handoff.ending import end
from botkit.handoff.events import AgentTransfer, ApiCall, CallsRequested, Event, HookHandled
from botkit.handoff.rules import Rules

Decide = Callable[[Rules, Conversation, Event], Decision]


def handled(rules: Rules, conversation: Conversation, event: HookHandled, decide: Decide) -> Decision:
    """A hook that handlers have seen."""
    # A handler that only opens an agent session has answered nothing if there is one: the user's message goes to the agents.
    transfers = [call.transfer for call in event.api_calls]
    opens_only = bool(transfers) and all(transfer is not None for transfer in transfers)
    redundant = opens_only and all(_is_redundant(conversation.session, transfer) for transfer in transfers)
    conversation, effects = _carry_out(rules, conversation, event.api_calls, event.at, CallWithHook)
    if not event.proceed and not redundant:
        return Decision(conversation, effects)
    default = decide(rules, conversation, event.original)
    return Decision(default.conversation, (*effects, *default.effects))


def _is_redundant(session: AgentSession | None, transfer: AgentTransfer | None) -> bool:
    """Whether the agent session that this transfer would open exists already."""
    return session is not None and (transfer is None or not opening.is_outdated(session, transfer))


def requested(rules: Rules, conversation: Conversation, event: CallsRequested) -> Decision:
    """Calls outside any hook."""
    return Decision(*_carry_out(rules, conversation, event.api_calls, event.at, CallUser))


def _carry_out(
    rules: Rules,
    conversation: Conversation,
    api_calls: tuple[ApiCall, ...],
    at: Instant,
    effect: type[CallWithHook] | type[CallUser],
) -> tuple[Conversation, tuple[Effect, ...]]:
    effects: list[Effect] = []
    for api_call in api_calls:
        session = conversation.session
        if api_call.call == "clear_agent_session" and session is not None:
            step = end(rules, conversation, session, at, why="handler", words="conversationClosedMessage")
        elif api_call.transfer is not None:
            if _is_redundant(session, api_call.transfer):
                continue
            effects.append(effect(api_call.call, api_call.changes))
            step = opening.agent_transfer(rules, conversation, api_call.transfer)
        else:
            effects.append(effect(api_call.call, api_call.changes))
            continue
        conversation = step.conversation
        effects += step.effects
    return conversation, tuple(effects)
