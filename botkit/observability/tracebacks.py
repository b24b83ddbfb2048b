"""The place of an error without its text, which may quote a message or a token."""

from __future__ import annotations

import traceback

_FRAMES = 8


def where(error: BaseException) -> str:
    """The type of an error and its innermost frames, innermost last."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    places = " > ".join(
        f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames
    )
    return f"{type(error).__name__} at {places or 'an unknown place'}"
