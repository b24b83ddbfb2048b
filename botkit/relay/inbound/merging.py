"""Brings the events of a list and of a stream into one order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from botkit.handoff.events import AgentJoined, AgentSaid, AgentSessionEnded, FromAgents, StatusReported


def without_overtaken(events: Iterable[FromAgents]) -> Iterator[FromAgents]:
    """Leave out that the session waits where the next event is the agent's arrival: a commit less for a quick agent."""
    before: FromAgents | None = None
    for event in events:
        if (
            isinstance(before, StatusReported)
            and before.status == "waiting"
            and isinstance(event, AgentJoined)
        ):
            before = replace(event, record=event.record or before.record)
            continue
        if before is not None:
            yield before
        before = event
    if before is not None:
        yield before


def any_end(events: Sequence[FromAgents]) -> bool:
    """Whether one of the events ends the session."""
    return any(isinstance(event, AgentSessionEnded) for event in events)


def joined(earlier: Sequence[FromAgents], later: Sequence[FromAgents]) -> Sequence[FromAgents]:
    """Two readings of the list: the later one may leave out old events that the earlier one had."""
    known = {event.key for event in later}
    return [*(event for event in earlier if event.key not in known), *later]


def merged(listed: Sequence[FromAgents], streamed: Sequence[FromAgents]) -> list[FromAgents]:
    """All events in the list's order; those that only the stream has (typing, entries newer than the list) come last."""
    if not streamed:
        return list(listed)
    known = {event.key for event in listed}
    positions = {event.key: event.position for event in streamed if event.position}
    ordered = [
        replace(event, position=positions[event.key])
        if not event.position and event.key in positions
        else event
        for event in listed
    ]
    ordered.extend(event for event in streamed if not event.key or event.key not in known)
    return ordered


def ends_last(events: list[FromAgents]) -> list[FromAgents]:
    """Messages after the end are moved before it: after the end they would not be shown."""
    first = next((n for n, event in enumerate(events) if isinstance(event, AgentSessionEnded)), None)
    if first is None:
        return events
    after = events[first:]
    said = [event for event in after if isinstance(event, AgentSaid)]
    return [*events[:first], *said, *(event for event in after if not isinstance(event, AgentSaid))]
