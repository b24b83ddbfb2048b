"""Bytes that arrive in parts."""

from __future__ import annotations


def joined(whole: bytes | bytearray, part: bytes) -> bytes | bytearray:
    """What has arrived and its next part. Parts are not kept apart: each of two bytes would take twenty times its size."""
    if not whole:
        return part
    if isinstance(whole, bytes):
        whole = bytearray(whole)
    whole += part
    return whole
