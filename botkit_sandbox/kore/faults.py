"""Faults of BotKit's calls and of the platform's hooks, switched on by the control API.

Numbers in parentheses are sections of docs/protocols/kore-xo-botkit.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from botkit_sandbox.errors import FaultInvalid

_HOOK_FAULTS = ("duplicate_hooks", "forged_token", "expired_token")


@dataclass(slots=True)
class Fault:
    """A fault. All faults that match a request apply together.

    `count` is how often it still happens (None: until cleared), `path` a part of the request's path.
    """

    status: int | None = None
    """Answer a callback with this status and change nothing (400, 401, 404, 429, 500, 503 …)."""
    retry_after: int | None = None
    """Seconds for the Retry-After header of `status`."""
    delay_ms: int = 0
    """Wait before a callback is handled, or before a hook is posted."""
    page: bool = False
    """Answer a callback with a web page, as a login page or another host does."""
    refuse: bool = False
    """Close the connection of a callback at once."""
    silence: bool = False
    """Read a callback and never answer (the connection closes after a minute)."""
    drop_response: bool = False
    """Execute a callback, then close the connection instead of answering."""
    duplicate_hooks: bool = False
    """Post each hook twice."""
    forged_token: bool = False
    """Sign hooks with a wrong secret."""
    expired_token: bool = False
    """Sign hooks with an exp in the past."""
    count: int | None = None
    path: str = ""

    @property
    def on_hooks(self) -> bool:
        return any(getattr(self, name) for name in _HOOK_FAULTS)

    @property
    def on_callbacks(self) -> bool:
        return not self.on_hooks or bool(
            self.status or self.page or self.refuse or self.silence or self.drop_response
        )


@dataclass(slots=True)
class Faults:
    """The faults that are switched on."""

    rules: list[Fault] = field(default_factory=list)

    def replace(self, rules: list[Fault]) -> None:
        """Switch on exactly these faults."""
        self.rules = rules

    def for_callback(self, path: str) -> list[Fault]:
        """The faults of this call by BotKit. Each counts as having happened once more."""
        return self._use([rule for rule in self.rules if rule.on_callbacks and rule.path in path])

    def for_hook(self, path: str) -> list[Fault]:
        """The faults of this hook. Each counts as having happened once more."""
        return self._use([rule for rule in self.rules if rule.on_hooks and rule.path in path])

    def as_json(self) -> list[dict[str, Any]]:
        return [asdict(rule) for rule in self.rules]

    def _use(self, matching: list[Fault]) -> list[Fault]:
        for rule in matching:
            if rule.count is not None:
                rule.count -= 1
        self.rules = [rule for rule in self.rules if rule.count is None or rule.count > 0]
        return matching


def fault_of(content: object) -> Fault:
    """A fault from the control API's JSON.

    Raises:
        FaultInvalid: an unknown name, or a value of a wrong type.
    """
    if not isinstance(content, Mapping):
        raise FaultInvalid("a fault is a JSON object")
    known = {f.name: f.default for f in fields(Fault)}
    for name, value in content.items():
        if name not in known:
            raise FaultInvalid(f"{name} is not a fault; the faults are {', '.join(known)}")
        wanted = {"path": str}.get(name, bool if isinstance(known[name], bool) else int)
        if value is None and known[name] is None:
            continue
        if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
            raise FaultInvalid(f"{name} must be {'true or false' if wanted is bool else wanted.__name__}")
        if isinstance(value, int) and not 0 <= value <= 600_000:
            raise FaultInvalid(f"{name} must be between 0 and 600000")
    fault = Fault(**content)
    if fault.status is not None and not 400 <= fault.status <= 599:
        raise FaultInvalid("status must be an error, 400 to 599")
    if fault.count == 0:
        raise FaultInvalid("count must be at least 1")
    return fault
