"""The form of exports before 2018: one dialog alone, whose nodes name their components by position.

docs/protocols/kore-xo-botkit.md, 7.3. The dialog is turned into a bot definition of today with that one dialog.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "single-dialog.sandbox.botkit.example")
_LANGUAGE = "en"


def is_single_dialog(content: Mapping[str, Any]) -> bool:
    """Whether `content` is a dialog with its own components."""
    return isinstance(content.get("nodes"), list) and isinstance(content.get("components"), list)


def bot_of_single_dialog(content: Mapping[str, Any]) -> dict[str, Any]:
    """A bot definition with this dialog and its components."""
    name = str(content.get("name") or content.get("lname") or "Dialog")
    own = str(content.get("_id") or name)
    dialog_id = f"dg-{uuid.uuid5(_NAMESPACE, own)}"
    components = [_component(part, index, own, dialog_id) for index, part in enumerate(content["components"])]
    dialog = {
        "_id": dialog_id,
        "refId": _id(own, "dialog"),
        "lname": name.lower(),
        "localeData": {_LANGUAGE: {"name": name, "shortDesc": str(content.get("shortDesc") or "")}},
        "nodes": [_node(node, components) for node in content["nodes"]],
    }
    return {
        "_id": f"st-{_id(own, 'bot')}",
        "refId": _id(own, "bot reference"),
        "defaultLanguage": _LANGUAGE,
        "supportedLanguages": [_LANGUAGE],
        "localeData": {_LANGUAGE: {"name": name}},
        "dialogs": [dialog],
        "dialogComponents": components,
        "sentences": [],
    }


def _component(part: object, index: int, own: str, dialog_id: str) -> dict[str, Any]:
    raw = dict(part) if isinstance(part, dict) else {}
    made = {**raw, "_id": f"dc-{_id(own, f'component {index}')}", "refId": _id(own, f"reference {index}")}
    for key in ("message", "errorMessage"):
        if isinstance(raw.get(key), list):
            made[key] = [_prompt(prompt) for prompt in raw[key]]
    if raw.get("type") == "intent":
        made["dialogId"] = dialog_id
    return made


def _prompt(prompt: object) -> object:
    """A wording of old stands in the prompt itself, without a language."""
    if not isinstance(prompt, dict) or "localeData" in prompt:
        return prompt
    entry = {"type": prompt.get("type", "basic"), "text": prompt.get("text", "")}
    return {"channel": prompt.get("channel", "default"), "localeData": {_LANGUAGE: entry}}


def _node(node: object, components: list[dict[str, Any]]) -> object:
    index = node.get("componentIndex") if isinstance(node, dict) else None
    if not isinstance(node, dict) or not isinstance(index, int) or not 0 <= index < len(components):
        return node
    return {**node, "componentId": components[index]["_id"]}


def _id(*parts: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, "/".join(parts)))
