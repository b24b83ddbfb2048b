"""The page about the emulated platform names every switch."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from botkit_sandbox.kore import KoreSandboxSettings
from botkit_sandbox.kore.callbacks import _ACTIONS
from botkit_sandbox.kore.faults import Fault

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "sandbox-kore.md").read_text()


@pytest.mark.parametrize("name", [field.name for field in fields(KoreSandboxSettings)])
def test_every_switch_is_explained(name: str) -> None:
    assert f"| `{name}` |" in PAGE


@pytest.mark.parametrize("name", [field.name for field in fields(Fault)])
def test_every_fault_is_explained(name: str) -> None:
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("name", sorted(set(_ACTIONS) - {"closeConversationSession"}))
def test_every_call_is_explained(name: str) -> None:
    assert f"{name}/{{R}}" in PAGE
