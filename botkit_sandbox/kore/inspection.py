"""The checks of a bot definition, see docs/protocols/kore-xo-botkit.md, 7.5.

They work on raw JSON, so that an invalid export yields explanations and not exceptions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from botkit_sandbox.kore.script import syntax_error

_UUID5 = r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"
_ENCODED = re.compile(r"(?:[A-Za-z0-9\-_.!~*'()]|%[0-9A-Fa-f]{2})*")
_CREDENTIALS = (
    re.compile(
        r"(?i)\b(?:password|passwd|client_?secret|api_?key|access_?token|secret)\b[\"']?\s*[:=]\s*[\"'][^\"'{$\s]{6,}"
    ),
    re.compile(r"(?i)\bbearer\s+[A-Za-z0-9._\-]{16,}"),
    re.compile(r"\beyJ[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]{10,}\."),
    re.compile(r"://[^/\s:@]+:[^/\s:@]+@"),
    re.compile(r"\bAKIA[0-9A-Z]{16}\b"),
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
)


def inspect_definition(definition: Mapping[str, Any]) -> list[str]:
    """Every problem of a bot definition, one sentence each with its fix."""
    return list(_problems(definition))


def inspect_config(config: Mapping[str, Any]) -> list[str]:
    """Every problem of config.json."""
    problems = []
    if not isinstance(config.get("name"), str) or not config["name"]:
        problems.append('config.json has no "name"; give it the name of the bot')
    variables = config.get("envVariables", [])
    if not isinstance(variables, list):
        return [*problems, 'config.json: "envVariables" is not a list; use [] for none']
    for variable in variables:
        if not isinstance(variable, dict) or not isinstance(variable.get("key"), str):
            problems.append('config.json: an entry of "envVariables" has no "key"; name it or remove it')
        elif variable.get("value") and re.search(r"(?i)secret|password|token|apikey", variable["key"]):
            problems.append(
                f"config.json: variable {variable['key']} looks like a credential and has a value; empty it"
            )
    return problems


def is_training(sentence: Mapping[str, Any]) -> bool:
    """Whether an entry of `sentences` trains a dialog; other kinds train features that the sandbox lacks."""
    return str(sentence.get("type", "DialogIntent")) == "DialogIntent"


def _problems(definition: Mapping[str, Any]) -> Iterator[str]:
    yield from _identity(definition)
    components = _by_id(definition, "dialogComponents")
    dialogs = _by_id(definition, "dialogs")
    yield from _ids("dialogs", "dg", definition)
    yield from _ids("dialogComponents", "dc", definition)
    for dialog_id, dialog in dialogs.items():
        yield from _dialog(dialog_id, dialog, dialogs=dialogs, components=components)
    for component_id, component in components.items():
        yield from _component(component_id, component, dialogs=dialogs)
    yield from _training(definition, components)


def _identity(definition: Mapping[str, Any]) -> Iterator[str]:
    bot_id = definition.get("_id")
    if not isinstance(bot_id, str) or not re.fullmatch(f"st-{_UUID5}", bot_id):
        yield (
            f"the bot's _id is {bot_id!r}; it must be st- and a UUID of version 5, or BotKit's routes will not take it"
        )
    locale = definition.get("localeData")
    if not isinstance(locale, dict):
        yield "the bot has no localeData; it carries the bot's name"
        return
    languages = definition.get("supportedLanguages") or ["en"]
    default = definition.get("defaultLanguage", "en")
    if default not in languages:
        yield f"defaultLanguage {default} is not one of supportedLanguages; add it there"
    for language in languages:
        entry = locale.get(language)
        if not isinstance(entry, dict) or not entry.get("name"):
            yield f"localeData.{language}.name is missing; every supported language needs the bot's name"
    for key in ("dialogs", "dialogComponents", "sentences"):
        if not isinstance(definition.get(key), list):
            yield f'"{key}" is missing or not a list; export the bot with its tasks and NLP data'


def _by_id(definition: Mapping[str, Any], key: str) -> dict[str, Mapping[str, Any]]:
    return {str(item.get("_id")): item for item in _objects(definition.get(key))}


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _ids(key: str, prefix: str, definition: Mapping[str, Any]) -> Iterator[str]:
    seen: set[str] = set()
    for item in _objects(definition.get(key)):
        identifier = str(item.get("_id"))
        if not re.fullmatch(f"{prefix}-{_UUID5}", identifier):
            yield f"{key}: _id {identifier!r} is not {prefix}- and a UUID of version 5; make it one"
        if identifier in seen:
            yield f"{key}: _id {identifier} occurs twice; every item needs its own"
        seen.add(identifier)
        if not item.get("refId"):
            yield f"{key}: {identifier} has no refId; the platform matches imports by it"


def _dialog(
    dialog_id: str,
    dialog: Mapping[str, Any],
    *,
    dialogs: Mapping[str, Mapping[str, Any]],
    components: Mapping[str, Mapping[str, Any]],
) -> Iterator[str]:
    name = dialog.get("lname") or dialog_id
    nodes = _objects(dialog.get("nodes"))
    if not nodes:
        yield f"dialog {name}: it has no nodes; it needs at least its intent"
        return
    if nodes[0].get("nodeId") != "intent0" or nodes[0].get("type") != "intent":
        yield f"dialog {name}: the first node must be its intent, with nodeId intent0"
    ids = [str(node.get("nodeId")) for node in nodes]
    for duplicate in sorted({i for i in ids if ids.count(i) > 1}):
        yield f"dialog {name}: nodeId {duplicate} occurs twice; every node needs its own"
    for node in nodes:
        yield from _node(
            f"dialog {name}, node {node.get('nodeId')}", node, ids, dialog_id, dialogs, components
        )


def _node(
    where: str,
    node: Mapping[str, Any],
    ids: list[str],
    dialog_id: str,
    dialogs: Mapping[str, Mapping[str, Any]],
    components: Mapping[str, Mapping[str, Any]],
) -> Iterator[str]:
    inner = _objects(node.get("nodes"))  # a botAction wraps nodes of its own
    component = components.get(str(node.get("componentId")))
    if component is None:
        if not inner:
            yield f"{where}: componentId {node.get('componentId')} is not among dialogComponents; add the component"
    else:
        if component.get("type") != node.get("type"):
            yield f"{where}: it is a {node.get('type')} but its component is a {component.get('type')}; make them equal"
        if node.get("type") == "intent":
            owner = str(component.get("dialogId"))
            if node.get("nodeId") == "intent0" and owner != dialog_id:
                yield f"{where}: its component's dialogId is {owner}; it must be the dialog itself, {dialog_id}"
            elif owner not in dialogs:
                yield f"{where}: its component calls dialog {owner}, which is not in the export; add that dialog"
    for target in _targets(node.get("transitions")):
        if target not in ids:
            yield f'{where}: a transition leads to {target}, which is no node of this dialog; use a nodeId or "end"'
    inner_ids = [*ids, *(str(part.get("nodeId")) for part in inner)]
    for part in inner:
        yield from _node(f"{where}/{part.get('nodeId')}", part, inner_ids, dialog_id, dialogs, components)


def _targets(transitions: object) -> Iterator[str]:
    """The targets of transitions. The platform accepts an empty default, which has no target yet."""
    for transition in _objects(transitions):
        for key in ("default", "then"):
            target = transition.get(key)
            if isinstance(target, str) and target not in ("", "end"):
                yield target


def _component(
    component_id: str, component: Mapping[str, Any], *, dialogs: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    where = f"component {component.get('name') or component_id}"
    kind = component.get("type")
    if kind == "intent" and component.get("dialogId") not in dialogs:
        yield f"{where}: dialogId {component.get('dialogId')} is not in the export; add that dialog"
    if kind == "script":
        yield from _script(where, component.get("script"))
    for prompt in [*_objects(component.get("message")), *_objects(component.get("errorMessage"))]:
        for language, text in _prompt_texts(prompt):
            if not _ENCODED.fullmatch(text):
                yield f"{where}: its {language} text is not URL-encoded; encode it as encodeURIComponent does"
    for text in _strings(component):
        if any(pattern.search(unquote(text)) for pattern in _CREDENTIALS):
            yield f"{where}: it seems to hold a credential; move it to an empty environment variable"


def _script(where: str, script: object) -> Iterator[str]:
    if not isinstance(script, str):
        yield f'{where}: it has no "script"; a script component carries URL-encoded JavaScript'
        return
    if not _ENCODED.fullmatch(script):
        yield f"{where}: its script is not URL-encoded; encode it as encodeURIComponent does"
        return
    wrong = syntax_error(unquote(script))
    if wrong:
        yield f"{where}: its script is not JavaScript ({wrong}); correct it in the builder"


def _prompt_texts(prompt: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    locale = prompt.get("localeData")
    for language, entry in (locale if isinstance(locale, dict) else {}).items():
        if isinstance(entry, dict) and isinstance(entry.get("text"), str):
            yield str(language), entry["text"]


def _strings(value: object) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _training(definition: Mapping[str, Any], components: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for sentence in filter(is_training, _objects(definition.get("sentences"))):
        where = f"sentence {sentence.get('sentence')!r}"
        component = components.get(str(sentence.get("taskId")))
        if component is None or component.get("type") != "intent":
            yield f"{where}: taskId {sentence.get('taskId')} is not an intent component; point it at one"
        if not re.fullmatch(r"[0-9a-f]{24}", str(sentence.get("_id"))):
            yield f"{where}: _id {sentence.get('_id')!r} is not 24 hexadecimal digits; make it so"
    references = {str(component.get("refId")) for component in components.values()}
    for pattern in _objects(definition.get("patterns")):
        if str(pattern.get("refId")) not in references:
            yield f"pattern for {pattern.get('taskName')}: refId {pattern.get('refId')} is no component's; correct it"
