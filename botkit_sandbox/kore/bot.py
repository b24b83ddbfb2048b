"""The bot as the dialog engine runs it: typed and decoded, from a valid export."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote

from botkit_sandbox.kore.export import BotExport
from botkit_sandbox.kore.inspection import is_training
from botkit_sandbox.kore.understanding import Pattern, Utterance, normalised


@dataclass(frozen=True, slots=True)
class Prompt:
    """One wording of a message. A `scripted` one is JavaScript that prints the message."""

    channel: str
    language: str
    text: str
    scripted: bool


@dataclass(frozen=True, slots=True)
class Component:
    """The component of a node. `raw` is the object of the export, for getDialog."""

    id: str
    kind: str
    name: str
    prompts: tuple[Prompt, ...]
    error_prompts: tuple[Prompt, ...]
    script: str
    entity_type: str
    dialog_id: str
    raw: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Node:
    """A node in the graph of a dialog; `parts` are the nodes inside a botAction."""

    id: str
    kind: str
    component: Component | None
    transitions: tuple[Mapping[str, Any], ...]
    parts: tuple[Node, ...]
    calls_dialog: bool


@dataclass(frozen=True, slots=True)
class Dialog:
    """One dialog task."""

    id: str
    name: str
    nodes: Mapping[str, Node]
    raw: Mapping[str, Any]

    @property
    def start(self) -> Node:
        return next(iter(self.nodes.values()))


@dataclass(frozen=True, slots=True)
class Bot:
    """The parts of the export that the engine needs."""

    id: str
    name: str
    default_language: str
    languages: frozenset[str]
    dialogs: Mapping[str, Dialog]
    utterances: tuple[Utterance, ...]
    patterns: tuple[Pattern, ...]
    variables: tuple[Mapping[str, Any], ...]
    inactive_ms: int

    @property
    def environment(self) -> dict[str, str]:
        return {str(item["key"]): str(item.get("value", "")) for item in self.variables}

    def dialog_named(self, name: str) -> Dialog | None:
        """A dialog by its name, as an external NLP engine would name it in nlMeta.intent."""
        wanted = normalised(name)
        return next((d for d in self.dialogs.values() if normalised(d.name) == wanted), None)


def bot_of(export: BotExport) -> Bot:
    """Read an export in which `export.check` found no problem."""
    definition = export.definition
    components = {c.id: c for c in map(_component, _objects(definition, "dialogComponents"))}
    dialogs = {d.id: d for d in (_dialog(raw, components) for raw in _objects(definition, "dialogs"))}
    by_reference = {str(c.raw.get("refId")): c.dialog_id for c in components.values()}
    utterances = [
        Utterance(
            dialog_id=components[str(sentence["taskId"])].dialog_id,
            language=str(sentence.get("language", "en")),
            words=normalised(str(sentence.get("sentence", ""))),
        )
        for sentence in _objects(definition, "sentences")
        if is_training(sentence)
    ]
    utterances += [Utterance(dialog_id=d.id, language="", words=normalised(d.name)) for d in dialogs.values()]
    return Bot(
        id=export.bot_id,
        name=export.name,
        default_language=str(definition.get("defaultLanguage", "en")),
        languages=frozenset(map(str, definition.get("supportedLanguages") or ["en"])),
        dialogs=dialogs,
        utterances=tuple(u for u in utterances if u.words and u.dialog_id in dialogs),
        patterns=tuple(p for p in _patterns(definition, by_reference) if p.dialog_id in dialogs),
        variables=tuple(
            v for v in export.config.get("envVariables", []) if isinstance(v, dict) and "key" in v
        ),
        inactive_ms=int(definition.get("sessionInactiveTime") or 900_000),
    )


def _objects(owner: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    value = owner.get(key)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _component(raw: Mapping[str, Any]) -> Component:
    return Component(
        id=str(raw["_id"]),
        kind=str(raw.get("type", "")),
        name=str(raw.get("name", "")),
        prompts=tuple(_prompts(raw, "message")),
        error_prompts=tuple(_prompts(raw, "errorMessage")),
        script=unquote(str(raw.get("script", ""))),
        entity_type=str(raw.get("entityType", "")),
        dialog_id=str(raw.get("dialogId", "")),
        raw=raw,
    )


def _prompts(raw: Mapping[str, Any], key: str) -> Iterator[Prompt]:
    for message in _objects(raw, key):
        locale = message.get("localeData")
        for language, entry in (locale if isinstance(locale, dict) else {}).items():
            if isinstance(entry, dict) and isinstance(entry.get("text"), str):
                text = unquote(entry["text"])
                yield Prompt(
                    channel=str(message.get("channel", "default")),
                    language=str(language),
                    text=text,
                    scripted=entry.get("type", "basic") != "basic" and "print(" in text,
                )


def _dialog(raw: Mapping[str, Any], components: Mapping[str, Component]) -> Dialog:
    names = [entry.get("name") for entry in raw.get("localeData", {}).values() if isinstance(entry, dict)]
    nodes = [_node(node, components) for node in _objects(raw, "nodes")]
    return Dialog(
        id=str(raw["_id"]),
        name=str(next(filter(None, names), raw.get("lname", ""))),
        nodes={node.id: node for node in nodes},
        raw=raw,
    )


def _node(raw: Mapping[str, Any], components: Mapping[str, Component]) -> Node:
    return Node(
        id=str(raw.get("nodeId")),
        kind=str(raw.get("type")),
        component=components.get(str(raw.get("componentId"))),
        transitions=tuple(_objects(raw, "transitions")),
        parts=tuple(_node(part, components) for part in _objects(raw, "nodes")),
        calls_dialog=bool(raw.get("flowTaskId"))
        or (raw.get("type") == "intent" and raw.get("nodeId") != "intent0"),
    )


def _patterns(definition: Mapping[str, Any], by_reference: Mapping[str, str]) -> Iterator[Pattern]:
    for raw in _objects(definition, "patterns"):
        dialog_id = by_reference.get(str(raw.get("refId")), "")
        for language, entry in raw.get("localeData", {}).items():
            for item in _objects(entry, "patterns") if isinstance(entry, dict) else []:
                yield Pattern.written(dialog_id, str(language), str(item.get("value", "")))


_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "tried.sandbox.botkit.example")


def webhook_dialog(name: str, then: str, *, language: str) -> Dialog:
    """A dialog that no export has: a Webhook node of this name, then a Message node with this text, which may contain
    ``{{context.…}}``. With it, a webhook handler can be tried without a bot that has such a node.

    Args:
        name: the name of the component, for which a handler is registered.
        then: the text that the bot sends afterwards; empty for none.
        language: of `then`.
    """
    said = Prompt("default", language, then, scripted=False)
    webhook = _webhook_node("SDKWebHook", name, (), "message2" if then else "end")
    message = _webhook_node("message", f"{name}Told", (said,), "end")
    return Dialog(
        id=f"dg-{uuid.uuid5(_NAMESPACE, name)}",
        name=name,
        nodes={"SDKWebHook1": webhook, **({"message2": message} if then else {})},
        raw=MappingProxyType({}),
    )


def _webhook_node(kind: str, name: str, prompts: tuple[Prompt, ...], following: str) -> Node:
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
