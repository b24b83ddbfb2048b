"""Impossible requests of handlers, jobs and tests."""

from __future__ import annotations

from botkit.errors.base import BotKitError


class SdkError(BotKitError):
    """A handler, a job or a test asked for something that is impossible; nothing was done.

    See the subclass; the message says what to change.
    """

    code = "BK-5000"


class HandlerTooLate(SdkError):
    """A handler's context was used after its hook was finished.

    Keep `ctx.conversation` instead: it may be used at any time.
    """

    code = "BK-5001"


class WrongThread(SdkError):
    """A blocking call was made on an event loop.

    Await the method of the same name under `aio`.
    """

    code = "BK-5002"


class UserNotReachable(SdkError):
    """No payload of this user is stored: they have not written yet, or not for hours.

    Set `kore.keep_payloads`, or wait until the user writes.
    """

    code = "BK-5003"


class NothingToAnswer(SdkError):
    """No webhook with this requestId waits for an answer.

    It has been answered, has reached its time limit, or was never deferred.
    """

    code = "BK-5004"


class NotConfigured(SdkError):
    """The kit does not know which configuration to use, or the configuration has no such bot.

    Give the kit a configuration, or make the call within the application's context; the message says which.
    """

    code = "BK-5005"


class TemplateInvalid(SdkError, ValueError):
    """A message template cannot be built.

    The message names the part to change.
    """

    code = "BK-5006"


class InvalidHandlerResult(SdkError):
    """A handler returned an invalid value, so its result is ignored.

    Return the result of a method of `ctx`, or None.
    """

    code = "BK-5007"


class HandlerTimeout(SdkError):
    """A handler exceeded its time limit, and the hook continued without it.

    Move slow work to a job that writes with `kit.conversation(…)`, or give the handler `seconds=`.
    """

    code = "BK-5008"


class KitTesterMisused(SdkError):
    """A test asked `botkit.testing` for something that cannot happen in the present state.

    The message names the step that has to come first.
    """

    code = "BK-5009"
