"""Rules for what the bot's own handlers ask for: their calls first, in order, then what is left of the default."""

from __future__ import annotations

from collections.abc import Callable

from botkit.handoff import opening
from botkit.handoff.conversation import Conversation, Instant
from botkit.handoff.decision import Decision
from botkit.handoff.effects import CallUser, CallWithHook, Effect
from botkit.handoff.ending import end
from botkit.handoff.events import ApiCall, CallsRequested, Event, HookHandled
from botkit.handoff.rules import Rules

Decide = Callable[[Rules, Conversation, Event], Decision]


def handled(rules: Rules, conversation: Conversation, event: HookHandled, decide: Decide) -> Decision:
    """A hook that handlers have seen."""
    # Whoever asks for nothing but agents, and has them already, has answered nothing: what the user wrote is for them.
    answered = not event.proceed and not (_has_agents(conversation) and _only_wants_agents(event))
    conversation, effects = _do(rules, conversation, event.api_calls, event.at, CallWithHook)
    if answered:
        return Decision(conversation, effects)
    default = decide(rules, conversation, event.original)
    return Decision(default.conversation, (*effects, *default.effects))


def asked(rules: Rules, conversation: Conversation, event: CallsRequested) -> Decision:
    """Calls outside any hook."""
    return Decision(*_do(rules, conversation, event.api_calls, event.at, CallUser))


def _has_agents(conversation: Conversation) -> bool:
    return conversation.session is not None


def _only_wants_agents(event: HookHandled) -> bool:
    return bool(event.api_calls) and all(ask.transfer is not None for ask in event.api_calls)


def _do(
    rules: Rules,
    conversation: Conversation,
    api_calls: tuple[ApiCall, ...],
    at: Instant,
    call: type[CallWithHook] | type[CallUser],
) -> tuple[Conversation, tuple[Effect, ...]]:
    effects: list[Effect] = []
    for ask in api_calls:
        session = conversation.session
        if ask.call == "clear_agent_session" and session is not None:
            step = end(rules, conversation, session, at, why="handler", words="conversationClosedMessage")
        elif ask.transfer is not None:
            if session is not None:
                continue  # There is an agent already, or one is being looked for.
            effects.append(call(ask.call, ask.changes))
            step = opening.agent_transfer(rules, conversation, ask.transfer)
        else:
            effects.append(call(ask.call, ask.changes))
            continue
        conversation = step.conversation
        effects += step.effects
    return conversation, tuple(effects)
