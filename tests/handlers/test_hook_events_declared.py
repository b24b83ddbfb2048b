"""Each hook event is declared once; its context and its decorator match the declaration."""

from __future__ import annotations

import inspect
from dataclasses import fields

from botkit.handlers.contexts import CONTEXTS, HandlerDecorators
from botkit.handlers.handoff_contexts import HANDOFF_CONTEXTS
from botkit.handoff.moments import MOMENTS
from botkit.hooks.address import CALL_URLS
from botkit.hooks.events import HOOK_EVENTS, HookEvent
from botkit.kore.requests import SDK_CALLS


def test_every_event_has_a_context_and_a_decorator() -> None:
    decorators = [name for name, _ in inspect.getmembers(HandlerDecorators, inspect.isfunction)]
    assert set(CONTEXTS) == set(HOOK_EVENTS)
    assert {name for name in decorators if name.startswith("on_")} == {*HOOK_EVENTS, *MOMENTS}
    assert set(HANDOFF_CONTEXTS) == set(MOMENTS)


def test_the_calls_of_a_declaration_exist() -> None:
    for event in HOOK_EVENTS.values():
        assert event.answers <= set(SDK_CALLS)
        assert {event.skip, event.needed_call} <= {"", *SDK_CALLS}


def test_every_call_has_a_url() -> None:
    assert set(SDK_CALLS) <= set(CALL_URLS)


def test_an_unknown_event_differs_from_a_declared_one_in_nothing_but_its_name() -> None:
    plain, variable_update = HookEvent(name="on_new"), HOOK_EVENTS["on_variable_update"]
    differing = [
        f.name for f in fields(HookEvent) if getattr(plain, f.name) != getattr(variable_update, f.name)
    ]
    assert differing == ["name"]
