"""A dialog that no export has: a Webhook node alone, so that its handler can be tried before there is a bot with such a node."""

from __future__ import annotations

import uuid
from types import MappingProxyType

from botkit_sandbox.kore.bot import Component, Dialog, Node, Prompt

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "tried.sandbox.botkit.example")


def webhook_dialog(name: str, then: str, *, language: str) -> Dialog:
    """The Webhook node of this name, and behind it a Message node with this text, which may have ``{{context.…}}`` in it.

    Args:
        name: the component's: what a handler is registered for.
        then: what the bot says afterwards; empty for nothing.
        language: of `then`.
    """
    said = Prompt("default", language, then, scripted=False)
    webhook = _node("SDKWebHook", name, (), "message2" if then else "end")
    message = _node("message", f"{name}Told", (said,), "end")
    return Dialog(
        id=f"dg-{uuid.uuid5(_NAMESPACE, name)}",
        name=name,
        nodes={"SDKWebHook1": webhook, **({"message2": message} if then else {})},
        raw=MappingProxyType({}),
    )


def _node(kind: str, name: str, prompts: tuple[Prompt, ...], following: str) -> Node:
    component = Component(
        id=f"dc-{uuid.uuid5(_NAMESPACE, f'{kind}/{name}')}",
        kind=kind,
        name=name,
        prompts=prompts,
        error_prompts=(),
        script="",
        entity_type="",
        dialog_id="",
        raw=MappingProxyType({}),
    )
    number = 1 if kind == "SDKWebHook" else 2
    return Node(
        id=f"{kind}{number}",
        kind=kind,
        component=component,
        transitions=({"default": following},),
        parts=(),
        calls_dialog=False,
    )
