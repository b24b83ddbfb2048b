"""Where an error happened, without its text, which may quote a message or a token."""

from __future__ import annotations

import traceback

_FRAMES = 8


def where(error: BaseException) -> str:
    """An error's type and the places it passed through, innermost last."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    passed = " > ".join(
        f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames
    )
    return f"{type(error).__name__} at {passed or 'an unknown place'}"
