"""The bot as the dialog engine runs it: typed and decoded, from any export that `export.load_export` reads.

An id that is missing or occurs twice is replaced, and a part of another type than expected counts as absent.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from botkit_sandbox.kore.bot_events import BotEvent, events_of, standard_not_understood
from botkit_sandbox.kore.decoding import decoded
from botkit_sandbox.kore.entities import Choice, ListInContext, choices_of, list_in_context_of
from botkit_sandbox.kore.export import BotExport
from botkit_sandbox.kore.inspection import NESTED_NODES, is_training
from botkit_sandbox.kore.knowledge import Known, knowledge_of
from botkit_sandbox.kore.node_options import PLAIN, NodeOptions, options_of
from botkit_sandbox.kore.prompts import Prompt, prompts_of
from botkit_sandbox.kore.reading import entries, in_language, objects, text_of
from botkit_sandbox.kore.understanding import Pattern, Utterance, normalised

INACTIVE_MS = 900_000
INACTIVE_AT_MOST_MS = 10 * 365 * 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Component:
    """The component of a node. `raw` is the object of the export, for getDialog.

    `choices` is the list of values of an entity, by language, and `listed` where the context has it instead; `pattern` is its
    regular expression, `many` whether it holds a list.
    A component that `shows_options` has its prompt rendered with its choices.
    """

    id: str
    kind: str
    name: str
    prompts: tuple[Prompt, ...] = ()
    error_prompts: tuple[Prompt, ...] = ()
    script: str = ""
    entity_type: str = ""
    dialog_id: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict)
    choices: Mapping[str, tuple[Choice, ...]] = field(default_factory=dict)
    listed: ListInContext | None = None
    pattern: str = ""
    many: bool = False
    shows_options: bool = False
    after_prompts: tuple[Prompt, ...] = ()


@dataclass(frozen=True, slots=True)
class Node:
    """A node in the graph of a dialog; `parts` are the nodes inside a botAction, the first one first."""

    id: str
    kind: str
    component: Component | None = None
    transitions: tuple[Mapping[str, Any], ...] = ()
    parts: tuple[Node, ...] = ()
    calls_dialog: bool = False
    options: NodeOptions = PLAIN


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

    @property
    def empty(self) -> bool:
        """Whether the export has the name of this dialog, and none of its nodes."""
        return all(node is _START for node in self.nodes.values())


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
    events: Mapping[str, BotEvent] = field(default_factory=dict)
    knowledge: tuple[Known, ...] = ()
    not_understood: tuple[Prompt, ...] = ()
    content: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    functions: str = ""

    @property
    def environment(self) -> dict[str, str]:
        return {str(item["key"]): str(item.get("value", "")) for item in self.variables}

    def content_in(self, language: str) -> dict[str, str]:
        """The content variables, each in this language if it has it."""
        values = {
            key: in_language(held, language, self.default_language) for key, held in self.content.items()
        }
        return {key: value for key, value in values.items() if value is not None}

    def dialog_named(self, name: str) -> Dialog | None:
        """A dialog by its name, as an external NLP engine would name it in nlMeta.intent."""
        wanted = normalised(name)
        return next((d for d in self.dialogs.values() if normalised(d.name) == wanted), None)


def bot_of(export: BotExport) -> Bot:
    """Read an export."""
    definition = export.definition
    components = {c.id: c for c in map(_component, _identified(definition, "dialogComponents", "dc"))}
    raw_dialogs = _identified(definition, "dialogs", "dg")
    dialogs = {d.id: d for d in (_dialog(raw, components, export.languages) for raw in raw_dialogs)}
    references = {text_of(dialog.raw.get("refId")): dialog.id for dialog in dialogs.values()}
    return Bot(
        id=export.bot_id,
        name=export.name,
        default_language=export.languages[0],
        languages=frozenset(export.languages),
        dialogs=dialogs,
        utterances=tuple(u for u in _utterances(definition, components, dialogs) if u.words),
        patterns=tuple(p for p in _patterns(definition, components) if p.dialog_id in dialogs),
        variables=tuple(v for v in objects(export.config.get("envVariables")) if "key" in v),
        inactive_ms=_milliseconds(definition.get("sessionInactiveTime")),
        events=events_of(definition, {**references, **{id_: id_ for id_ in dialogs}}),
        knowledge=knowledge_of(definition),
        not_understood=standard_not_understood(definition),
        content=_content(definition),
        functions=export.functions,
    )


def _content(definition: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The content variables by key, with the value in each language."""
    return {
        text_of(variable.get("key")): {
            language: text_of(entry.get("value")) for language, entry in entries(variable.get("localeData"))
        }
        for variable in objects(definition.get("contentVariables"))
    }


def _identified(definition: Mapping[str, Any], key: str, prefix: str) -> Iterator[Mapping[str, Any]]:
    """The objects of a list, each with an id of its own. The first of several with one id keeps it."""
    seen: set[str] = set()
    for number, raw in enumerate(objects(definition.get(key))):
        own = raw.get("_id")
        if not isinstance(own, str) or not own or own in seen:
            raw = {**raw, "_id": f"{prefix}-{uuid.uuid5(_NAMESPACE, f'{key}/{number}/{own}')}"}
        seen.add(raw["_id"])
        yield raw


def _utterances(
    definition: Mapping[str, Any], components: Mapping[str, Component], dialogs: Mapping[str, Dialog]
) -> Iterator[Utterance]:
    for sentence in filter(is_training, objects(definition.get("sentences"))):
        component = components.get(str(sentence.get("taskId")))
        if component is not None and component.dialog_id in dialogs:
            yield Utterance(
                dialog_id=component.dialog_id,
                language=text_of(sentence.get("language")) or "en",
                words=normalised(text_of(sentence.get("sentence"))),
            )
    for dialog in dialogs.values():
        yield Utterance(dialog_id=dialog.id, language="", words=normalised(dialog.name))


def _component(raw: Mapping[str, Any]) -> Component:
    return Component(
        id=str(raw["_id"]),
        kind=text_of(raw.get("type")),
        name=text_of(raw.get("name")),
        prompts=tuple(prompts_of(raw.get("message"))),
        error_prompts=tuple(prompts_of(raw.get("errorMessage"))),
        script=decoded(text_of(raw.get("script"))),
        entity_type=text_of(raw.get("entityType")),
        dialog_id=text_of(raw.get("dialogId")),
        raw=raw,
        choices=choices_of(raw),
        listed=list_in_context_of(raw),
        pattern=text_of(raw.get("regexPattern")),
        many=raw.get("isArray") is True,
        shows_options=raw.get("applyDefaultTemplate") is True,
        after_prompts=tuple(prompts_of(raw.get("submitMessage"))),
    )


def _dialog(raw: Mapping[str, Any], components: Mapping[str, Component], languages: Sequence[str]) -> Dialog:
    named = dict(entries(raw.get("localeData")))
    held = [*(named[language] for language in languages if language in named), *named.values(), raw]
    names = [text_of(entry.get("name")) for entry in held]
    nodes = [_node(node, components) for node in objects(raw.get("nodes"))]
    nodes.sort(key=lambda node: node.id != "intent0")  # a dialog starts there, also if it stands elsewhere
    return Dialog(
        id=str(raw["_id"]),
        name=next(filter(None, names), text_of(raw.get("lname")) or str(raw["_id"])),
        nodes=_first_by_id(nodes) or {"intent0": _START},
        raw=raw,
    )


def _node(raw: Mapping[str, Any], components: Mapping[str, Component], depth: int = 1) -> Node:
    component = components.get(str(raw.get("componentId")))
    kind = text_of(raw.get("type"))
    inner: list[Mapping[str, Any]] = []
    if depth <= NESTED_NODES:
        # The component has the graph inside, with its transitions; the node only lists it, in any order (7.3).
        graph = objects(component.raw.get("nodes")) if component is not None else []
        inner = sorted(graph or objects(raw.get("nodes")), key=lambda part: part.get("level") != "root")
    return Node(
        id=str(raw.get("nodeId")),
        kind=kind,
        component=component,
        transitions=tuple(objects(raw.get("transitions"))),
        parts=tuple(_node(part, components, depth + 1) for part in inner),
        calls_dialog=bool(raw.get("flowTaskId")) or (kind == "intent" and raw.get("nodeId") != "intent0"),
        options=options_of(raw),
    )


def _first_by_id(nodes: Iterable[Node]) -> dict[str, Node]:
    found: dict[str, Node] = {}
    for node in nodes:
        found.setdefault(node.id, node)
    return found


def _patterns(definition: Mapping[str, Any], components: Mapping[str, Component]) -> Iterator[Pattern]:
    by_reference = {str(c.raw.get("refId")): c.dialog_id for c in components.values()}
    for raw in objects(definition.get("patterns")):
        dialog_id = by_reference.get(str(raw.get("refId")), "")
        for language, entry in entries(raw.get("localeData")):
            for item in objects(entry.get("patterns")):
                yield Pattern.written(dialog_id, language, text_of(item.get("value")))


def _milliseconds(value: object) -> int:
    if isinstance(value, int | float) and 0 < value < INACTIVE_AT_MOST_MS:
        return int(value)
    return INACTIVE_MS


_START = Node(id="intent0", kind="intent")
"""What a dialog without nodes has."""
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
    own = f"dc-{uuid.uuid5(_NAMESPACE, f'{kind}/{name}')}"
    component = Component(id=own, kind=kind, name=name, prompts=prompts)
    number = 1 if kind == "SDKWebHook" else 2
    return Node(id=f"{kind}{number}", kind=kind, component=component, transitions=({"default": following},))
