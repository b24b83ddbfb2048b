"""Errors of the configuration, in files and in code."""

from __future__ import annotations

from dataclasses import dataclass

from botkit.errors.base import BotKitError


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem in a configuration file.

    `str()` gives ``file:line: path: what is wrong; how to fix it``.
    """

    file: str
    line: int
    path: str
    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.path}: {self.what}; {self.fix}"


class ConfigurationError(BotKitError):
    """The configuration cannot be used; `problems` lists everything that is wrong with it.

    Run `botkit check`: it prints each problem with its file, its line and the fix.
    """

    code = "BK-1000"

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


class UnusableValue(ValueError):
    """A value of a configuration file cannot be used; it becomes a `Problem` at the value's line.

    Args:
        what: what is wrong with it, without the value itself and without a full stop.
        fix: how to correct it, without a full stop; it may quote the value.
        discreet_fix: `fix` without the value, for values that came from the environment or a file.
    """

    def __init__(self, what: str, fix: str, *, discreet_fix: str | None = None) -> None:
        self.what = what
        self.fix = fix
        self.discreet_fix = fix if discreet_fix is None else discreet_fix
        super().__init__(f"{what}; {fix}")


class SettingInvalid(BotKitError, ValueError):
    """A setting that was given in code, not in a file, cannot be used.

    The message names the setting and says which values are accepted.
    """

    code = "BK-1001"
