"""A section's keys that are there, made into arguments: what is left out keeps the default of the settings class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def given(section: Any, **convert: Callable[[Any], object]) -> dict[str, Any]:
    """Those of `convert`'s keys that the section has, each with its value converted."""
    return {key: make(section[key]) for key, make in convert.items() if key in section}
