"""The store did not commit an input."""

from __future__ import annotations

from botkit.errors.base import BotKitError


class LedgerError(BotKitError):
    """The store did not commit: nothing of the input was kept, and the hook is not acknowledged.

    Check the disk: is it full, read-only or gone?
    """

    code = "BK-3000"


class LedgerBusy(LedgerError):
    """Another process holds the store and refuses this one: it does not share (`botkit serve`), or its configuration differs.

    Stop one of the two. Only workers of an application share a store, and only with the same configuration files.
    """

    code = "BK-3001"


class LedgerClosed(LedgerError):
    """The service is stopping, or was stopped, and accepts no more input.

    Start it again, if that does not happen by itself; then the platform's next attempts are accepted.
    """

    code = "BK-3002"


class LeaderLost(LedgerError):
    """The leader of a shared store went before it had answered, and no follower took over in time.

    The platform's next attempt is accepted. Read the old leader's log to see why it went.
    """

    code = "BK-3003"


class LedgerUnusable(LedgerError):
    """The store cannot be reached or used as it is set up: an old server, a setting that loses hooks, a missing right or package.

    The message ends with the fix. `botkit doctor` makes the same checks.

    Args:
        what: what is wrong, without a password and without a full stop.
        fix: how to correct it, likewise.
    """

    code = "BK-3004"

    def __init__(self, what: str, fix: str) -> None:
        self.what = what
        self.fix = fix
        super().__init__(f"{what}; {fix}")
