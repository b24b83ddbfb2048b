"""What follows when an attempt fails: another attempt, the wait for the user's next payload, or giving up."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import cast

from botkit.boottime import BootTime
from botkit.errors import CallBroken, CallError, RateLimited, Unreachable, UnreachableCause
from botkit.handoff.conversation import ConversationId
from botkit.handoff.effects import AgentEffect, OutboundEffect, PlatformEffect, SendFile
from botkit.http.retry import Backoff
from botkit.ledger.interface import OutboxItem
from botkit.observability.events import get_logger
from botkit.observability.failures import failure_of
from botkit.observability.tracebacks import where
from botkit.relay.clock import Clock
from botkit.relay.heartbeat import Heartbeat
from botkit.relay.journal import Journal
from botkit.relay.leaving import Leaves
from botkit.relay.metrics import RelayMetrics
from botkit.relay.outbound.circuit_breaker import CircuitBreaker
from botkit.relay.outbound.doubts import Doubts
from botkit.relay.outbound.payloads import Payloads
from botkit.relay.outbound.progress import Progress
from botkit.relay.outbound.retry_policy import (
    is_job_message,
    is_message_to_agents,
    is_noticed_twice,
    is_repeated,
    may_have_been_accepted,
    payload_may_be_stale,
    retry_policy,
)

_log = get_logger("botkit.relay")

MAX_PARKED = 1_000
"""Max parked job messages across all users; more are refused at once. Parked messages count as undelivered, and must not keep
the store from accepting hooks or from being swept."""
_KEPT_SECONDS = 2 * 86_400.0
"""How long it is known since when this process has a conversation: longer than any effect is tried."""


@dataclass(slots=True, kw_only=True, eq=False)
class FailedAttempts:
    """Decides what follows when attempts fail, and says so in the log, the metrics and the story.

    Args:
        payloads: the payloads of effects.
        journal: the log and the stories.
        doubts: whether a message has arrived although its attempt failed.
        backoff_of: the usual waits between the attempts of an effect.
        platform_seconds: how long an effect's platform usually may take to answer.
        parked: the number of job messages that wait for their users.
        in_doubt: called with an effect that may have been carried out, and is not done.
        clock: the time.
        heartbeat: the time in which this process stood still.
        chance: draws from [0, 1).
        metrics: counts failures.
    """

    payloads: Payloads
    journal: Journal
    doubts: Doubts
    backoff_of: Callable[[OutboxItem], Backoff]
    platform_seconds: Callable[[OutboxItem], float]
    parked: Callable[[], int]
    in_doubt: Callable[[OutboxItem], None]
    clock: Clock
    heartbeat: Heartbeat
    chance: Callable[[], float]
    metrics: RelayMetrics
    _started: BootTime = field(init=False)
    _taken_over: dict[ConversationId, BootTime] = field(init=False, default_factory=dict)
    """When conversations with undelivered effects came, the oldest first."""

    def __post_init__(self) -> None:
        self._started = self.clock.boottime()

    def attempt_failed(
        self, item: OutboxItem, progress: Progress, breaker: CircuitBreaker, error: BaseException
    ) -> None:
        """An attempt failed, or a defect kept it from being made: tell the breaker, and decide what comes next."""
        if not isinstance(error, CallError):
            progress.attempted = True
            error = self._broken(item, progress, error)
        # A rate limit without a status is the agent system's own pacing: no remote was called.
        elif not isinstance(error, RateLimited) or error.status is not None:
            progress.attempted = True
            self.count_repetition(item, progress)
            if not isinstance(error, Unreachable):
                breaker.reached(works=not error.retryable)
            elif not isinstance(item.effect, SendFile):
                # A file calls two remotes: which one failed is not known.
                breaker.unreachable(self.clock.boottime(), failure_of(error))
        self._note_failure(item, progress, error)

    def kept_from(self, item: OutboxItem, progress: Progress, breaker: CircuitBreaker) -> None:
        """The open breaker has kept a task from the attempt that was due: the item waits for its turn, or is given up."""
        if not is_repeated(item.effect, _held_back(item, breaker)) or self.is_past_deadline(item):
            self.give_up_held_back(item, progress, breaker)
        else:
            self.held_back(item, progress, breaker)

    def held_back(self, item: OutboxItem, progress: Progress, breaker: CircuitBreaker) -> None:
        """An item waits until the breaker closes; the story of its hand-off says so, once."""
        if progress.failures == 0:
            progress.failures = 1
            failure = failure_of(_held_back(item, breaker))
            wait = breaker.pause_left(self.clock.boottime())
            self.journal.retried(item, failure, failures=1, wait=wait, held=True)

    def give_up_held_back(self, item: OutboxItem, progress: Progress, breaker: CircuitBreaker) -> None:
        """An item was tried, and the breaker has held it back until its deadline."""
        progress.failures += 1
        progress.fatal = _held_back(item, breaker)

    def is_past_deadline(self, item: OutboxItem) -> bool:
        """Whether the item is tried no more, once it has been tried."""
        return self.left(item) <= 0

    def left(self, item: OutboxItem) -> float:
        """Seconds until the retry deadline, 0 or less when it has passed.

        Time in which this process stood still does not count.
        """
        return self.heartbeat.patience_left(self.since(item), self._backoff(item).give_up_after)

    def count_repetition(self, item: OutboxItem, progress: Progress) -> None:
        """An attempt was made: of a message that the agents may have already, it is a repetition."""
        if progress.in_doubt and isinstance(item.effect, AgentEffect) and is_message_to_agents(item.effect):
            self.metrics.repeated_to_agents(item.effect.system)

    def remember_doubt(self, item: OutboxItem, progress: Progress) -> None:
        """Remember that an earlier process may have carried the effect out."""
        if item.in_doubt and progress.doubt is None and is_noticed_twice(item.effect):
            silent_seconds = self.platform_seconds(item)
            progress.doubt = self.doubts.of_former_process(item, silent_seconds=silent_seconds)

    def since(self, item: OutboxItem) -> BootTime:
        """The start of the retry deadline. Time without a possible attempt does not count: before this process started or had the
        conversation, and while the effect waited for the user's next payload.
        """
        since = max(item.decided_at, self._taken_over.get(item.conversation_id, self._started))
        if not isinstance(item.effect, AgentEffect):
            since = max(since, self.payloads.renewed_at(item.conversation_id) or since)
        return since

    def take_over(self, conversations: Iterable[ConversationId]) -> None:
        """Effects of these conversations came from another process."""
        now = self.clock.boottime()
        for conversation_id in conversations:
            self._taken_over.pop(conversation_id, None)
            self._taken_over[conversation_id] = now
        while (first := next(iter(self._taken_over), None)) and now - self._taken_over[first] > _KEPT_SECONDS:
            del self._taken_over[first]

    def lose(self, leaves: Leaves) -> None:
        """These conversations leave this process."""
        for conversation_id in [one for one in self._taken_over if leaves(one)]:
            del self._taken_over[conversation_id]

    def _broken(self, item: OutboxItem, progress: Progress, defect: BaseException) -> CallBroken:
        place = where(defect)
        if not progress.broken:
            progress.broken = True
            _log.error("effect_broken", lane=item.lane, outbox_id=item.id, error=place)
        return CallBroken(kind_of(item.effect), detail=place)

    def _note_failure(self, item: OutboxItem, progress: Progress, error: CallError) -> None:
        """Decide between another attempt, the wait for a newer payload, and giving up; the first two are noted."""
        progress.failures += 1
        progress.in_doubt = progress.in_doubt or may_have_been_accepted(error)
        self._note_doubt(item, progress, error)
        if progress.rejected_payload is None and self._may_wait_for_user(item, error):
            progress.rejected_payload, progress.next_delay = progress.payload, None
        else:
            delay = self._next_delay(item, progress, error)
            if delay is None:
                progress.fatal = error
                return
            progress.next_delay, progress.paced = delay, error.retry_after is not None
        self.metrics.effect_retried(kind_of(item.effect))
        self.journal.retried(
            item, failure_of(error), failures=progress.failures, wait=progress.next_delay, held=False
        )

    def _note_doubt(self, item: OutboxItem, progress: Progress, error: CallError) -> None:
        """The failed attempt may have been carried out. A platform that was too slow gets more time for the next one."""
        if not isinstance(item.effect, PlatformEffect) or not may_have_been_accepted(error):
            return
        silent_seconds = 0.0
        if error.cause == "timeout":
            waited = self.platform_seconds(item) * progress.patience
            # While this process stood still, an answer may have come that nobody has read.
            silent_seconds = max(0.0, waited - self.heartbeat.stood_still(self.clock.boottime()))
        if silent_seconds:
            progress.patience *= 2.0
        if is_noticed_twice(item.effect):
            progress.doubt = self.doubts.again(item, progress.doubt, silent_seconds=silent_seconds)
            self.in_doubt(item)

    def _may_wait_for_user(self, item: OutboxItem, error: CallError) -> bool:
        if not payload_may_be_stale(item.effect, error):
            return False
        if not is_job_message(item.effect):
            return True
        return self.parked() < MAX_PARKED and self.payloads.are_renewed(item.conversation_id)

    def _next_delay(self, item: OutboxItem, progress: Progress, error: CallError) -> float | None:
        if not is_repeated(item.effect, error):
            return None
        backoff, chance = self._backoff(item), self.chance()
        delay = backoff.next_attempt_in(
            progress.failures,
            chance=chance,
            retry_after=error.retry_after,
            left=self.left(item),
        )
        if delay is None and not progress.attempted:
            return max(backoff.delay(progress.failures, chance=chance), error.retry_after or 0.0)
        return delay

    def _backoff(self, item: OutboxItem) -> Backoff:
        return retry_policy(item.effect, self.backoff_of(item))


def _held_back(item: OutboxItem, breaker: CircuitBreaker) -> CallError:
    """The failure of an item that was not tried, because the remote did not answer several times in a row."""
    latest = breaker.latest
    if latest is None:
        detail = "held back: the remote did not answer several times in a row"
        return Unreachable(kind_of(item.effect), detail=detail, cause="held")
    cause = cast(UnreachableCause, latest.cause)
    detail = f"{latest.words} (held back until it answers)"
    error = Unreachable(latest.call, detail=detail, cause=cause, fix=latest.fix)
    error.host = latest.host
    return error


def kind_of(effect: OutboundEffect) -> str:
    """The effect's name in metrics and logs."""
    return type(effect).__name__
