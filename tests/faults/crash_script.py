"""The hand-off that is played with crashes, from the message before it to the message after it; and its history."""

from __future__ import annotations

from tests.faults.crash_stage import Lives
from tests.faults.history import Violations, violations
from tests.hooks.hook_payloads import agent_transfer, user_message

TYPED = ["typed early", "first", "second", "third"]
SAID = ["eins", "zwei", "drei"]
MOMENTS = ["on_handoff_started", "on_agent_joined Jane", "on_agent_joined Omar", "on_handoff_ended"]
TOLD = ["looking", "send bye", "Jane joined", "Jane left", "Omar joined", "ended"]


def play(lives: Lives) -> None:
    """A hand-off, from the message before it to the message after it."""
    platform, desk = lives.platform, lives.desk

    def types(text: str) -> None:
        lives.posts("on_user_message", user_message, text, agent_transfer=True)

    def told(text: str) -> None:
        lives.until(f"the user is told {text}", lambda: text in platform.told)

    lives.posts("on_user_message", user_message, "an agent please", agent_transfer=False)
    lives.posts("on_agent_transfer", agent_transfer)
    types("typed early")
    lives.until("a conversation is opened", lambda: desk.opened)
    desk.joins("Jane")
    told("Jane joined")
    types("first")
    desk.says("eins", "Jane")
    types("second")
    desk.transfers("Jane")
    told("Jane left")
    desk.joins("Omar")
    desk.says("zwei", "Omar")
    types("third")
    desk.says("drei", "Omar")
    lives.until("the last word is shown", lambda: "drei" in platform.shown)
    types("bye")
    told("ended")
    lives.until("the session is closed", lambda: desk.closed)
    lives.until("the user is given back", lambda: platform.cleared)
    lives.posts("on_user_message", user_message, "thanks, bot", agent_transfer=False)
    lives.until("the bot gets it", lambda: "thanks, bot" in platform.to_bot)
    lives.until("the handlers have been called", lambda: platform.asked)
    lives.until("nothing is under way", lambda: lives.life.ledger.depth == 0)


def history(lives: Lives) -> Violations:
    """What either side has sent and the other was shown, with what was done twice in words.

    Raises: AssertionError if the hand-off was not opened and closed once, or moments are missing or out of order.
    """
    platform, desk = lives.platform, lives.desk
    assert len(desk.opened) == 1
    assert desk.closed == desk.opened
    found = [
        violations(TYPED, list(desk.arrived.values())),
        violations(SAID, platform.shown),
        violations(TOLD, platform.told),
        violations(["an agent please", "thanks, bot"], platform.to_bot),
    ]
    # Handlers are called at least once, in order; a crash repeats the one that was running.
    called = violations(MOMENTS, platform.moments)
    assert called == Violations(repeated=called.repeated)
    assert len(called.repeated) <= lives.crashes
    # Nobody notices that a user is given back once more.
    assert platform.cleared - 1 <= lives.crashes
    # A handler's own message is not looked for: nobody knows what else has its words.
    again = ["what the handler of the end writes"] * (platform.asked - 1)
    return Violations(
        lost=tuple(text for one in found for text in one.lost),
        repeated=(*(text for one in found for text in one.repeated), *again),
        invented=tuple(text for one in found for text in one.invented),
        out_of_order=tuple(text for one in found for text in one.out_of_order),
    )


def judge(lives: Lives) -> Violations:
    """Everything arrived once and in order, or was counted as a possible duplicate."""
    found = history(lives)
    assert found == Violations(repeated=found.repeated)
    # Salesforce knows a repetition by its id.
    assert not set(TYPED) & set(found.repeated)
    assert len(found.repeated) <= lives.possible_duplicates
    return found
