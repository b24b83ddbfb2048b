"""Why hand-offs end: in words for people, and what to change where the failed calls do not tell it.

For the log lines of hand-offs and for `botkit explain`.
"""

from __future__ import annotations

from typing import NamedTuple


class Ending(NamedTuple):
    """One reason of an end.

    Attributes:
        words: what happened, after "ended:".
        fix: what to change; empty if nothing is wrong, or if the failed call tells it.
        of_the_setup: whether only a wrong set-up ends a hand-off so. The log line is a warning then.
    """

    words: str
    fix: str = ""
    of_the_setup: bool = False


ENDINGS: dict[str, Ending] = {
    "agent": Ending("the agent ended it"),
    "user": Ending("the user ended it"),
    "handler": Ending("a handler of the bot ended it"),
    "idle": Ending("the user was silent for too long"),
    "platform": Ending("the platform closed its session"),
    "platform_closed": Ending("the platform closed its session"),
    "platform_timeout": Ending(
        "the platform had closed its session",
        "make the platform's inactivity duration longer than handoff.accept_timeout",
        of_the_setup=True,
    ),
    "nobody_accepted": Ending(
        "no agent accepted in time",
        "see whether agents of the queue are online in Omni-Channel and have capacity, or raise handoff.accept_timeout",
    ),
    "ended_unanswered": Ending(
        "the agents' side ended it before any agent was there",
        "look at the routing flow: it may end a session itself when the queue is closed or empty",
    ),
    "routing_failed": Ending(
        "the agents' side could not route it",
        "look at the channel's routing flow and queue: is the flow active, does it route to a queue with agents who are online?",
        of_the_setup=True,
    ),
    "closed": Ending("the agents' side had closed it"),
    "expired": Ending(
        "the access token expired",
        "raise the lifetime of guests' tokens on the messaging channel (anonymousUserJwtExpirationTime, 60 to 4320 minutes)",
        of_the_setup=True,
    ),
    "unreachable": Ending("the agents' side could not be reached for too long"),
    "unavailable": Ending(
        "the agents' side says that no agent is available",
        "see whether agents are online, and whether the business hours are open",
    ),
    "refused": Ending("the agents' side refused it"),
    "broken": Ending(
        "a defect kept BotKit from going on",
        "report it, with the lines effect_broken and receiver_broken of the log",
    ),
    "user_lost": Ending("the platform did not take a message to the user"),
}
"""By the label `why` of the metric."""
_NOBODY_IS_THERE = "Unavailable"
"""The reason of a routing failure that no set-up causes."""


def ending(why: str) -> Ending:
    """The ending with this label; one that is not known is told by its label."""
    return ENDINGS.get(why) or Ending(why)


def advice_about(what: str, why: str) -> tuple[str, str]:
    """The level of a log line about an event of a hand-off, and its fix; empty for none.

    Args:
        what: the event, as `botkit_handoff_total` counts it.
        why: its label.
    """
    if what == "routing_failed":
        found = ENDINGS["unavailable" if why == _NOBODY_IS_THERE else what]
    elif what == "handoff_ended" and why != "routing_failed":  # That has a line of its own.
        found = ending(why)
    else:
        return "info", ""
    return "warning" if found.of_the_setup else "info", found.fix
