"""The checks of a bot definition, see docs/protocols/kore-xo-botkit.md, 7.5.

They work on raw JSON, so that an unusual export yields explanations and not exceptions. Real exports have findings: the sample
bot must not have any.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from botkit_sandbox.kore.decoding import decoded, is_encoded
from botkit_sandbox.kore.findings import Finding, Kind
from botkit_sandbox.kore.reading import objects
from botkit_sandbox.kore.script import syntax_error

_UUID5 = r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"
_CREDENTIALS = re.compile(
    r"(?i:\b(?:password|passwd|client[-_]?secret|(?:x-)?api[-_]?key|[\w-]{0,40}[-_]token|secret)\b[\"']?\s*[:=]\s*[\"'][^\"'{$\s]{6,})"
    r"|(?i:\bbearer\s+[A-Za-z0-9._\-]{16,})"
    r"|(?i:\bauthorization[\"']?\s*[:=]\s*[\"']?basic\s+[A-Za-z0-9+/]{8,})"
    r"|(?i:[?&](?:api[-_]?key|appid|access_?token|subscription-key|token)=[A-Za-z0-9._\-]{16,})"
    r"|\beyJ[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]{10,}\."
    r"|://[^/\s:@]+:[^/\s:@]+@"
    r"|\bAKIA[0-9A-Z]{16}\b"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)
_PLAIN_PARTS = frozenset(
    {"dialogs", "dialogComponents", "sentences", "patterns", "smallTalk", "mlParams", "knowledgeTasks"}
)
"""Parts of a definition that are inspected elsewhere, or hold only what people say."""
_SECRET_MEMBER = re.compile(r"(?i)password|client_?secret|api_?key|access_?token|refresh_?token|private_?key")
_SECRET_NAME = re.compile(r"(?i)secret|password|passwd|token|api_?key")
NESTED_NODES = 8
"""How deep nodes may stand in nodes. The builder writes one level."""


def inspect_definition(definition: Mapping[str, Any]) -> list[Finding]:
    """Every finding of a bot definition, one sentence each with its fix."""
    return list(_findings(definition))


def inspect_config(config: Mapping[str, Any]) -> list[Finding]:
    """Every finding of config.json."""
    return list(_config(config))


def is_training(sentence: Mapping[str, Any]) -> bool:
    """Whether an entry of `sentences` trains a dialog; other kinds train features that the sandbox lacks."""
    return str(sentence.get("type", "DialogIntent")) == "DialogIntent"


def _config(config: Mapping[str, Any]) -> Iterator[Finding]:
    where = "config.json"
    if not isinstance(config.get("name"), str) or not config["name"]:
        yield Finding(Kind.CONFIG, where, f'{where} has no "name"; give it the name of the bot')
    variables = config.get("envVariables", [])
    if not isinstance(variables, list):
        yield Finding(Kind.CONFIG, where, f'{where}: "envVariables" is not a list; use [] for none')
        return
    for variable in variables:
        if not isinstance(variable, dict) or not isinstance(variable.get("key"), str):
            text = f'{where}: an entry of "envVariables" has no "key"; name it or remove it'
            yield Finding(Kind.CONFIG, where, text)
        elif variable.get("value") and _SECRET_NAME.search(variable["key"]):
            place = f"{where}: variable {variable['key']}"
            yield Finding(
                Kind.CREDENTIAL, place, f"{place} looks like a credential and has a value; empty it"
            )


def _findings(definition: Mapping[str, Any]) -> Iterator[Finding]:
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
    for part, value in definition.items():
        if part not in _PLAIN_PARTS and _holds_credential(value):
            yield _credential(part)


def _identity(definition: Mapping[str, Any]) -> Iterator[Finding]:
    bot_id = definition.get("_id")
    if not isinstance(bot_id, str) or not re.fullmatch(f"st-{_UUID5}", bot_id):
        text = f"the bot's _id is {bot_id!r}; it must be st- and a UUID of version 5, or BotKit's routes will not take it"
        yield Finding(Kind.BOT_ID, "_id", text)
    for text in _name_problems(definition):
        yield Finding(Kind.NAME, "localeData", text)
    for key in ("dialogs", "dialogComponents", "sentences"):
        if not isinstance(definition.get(key), list):
            text = f'"{key}" is missing or not a list; export the bot with its tasks and NLP data'
            yield Finding(Kind.PART, key, text)


def _name_problems(definition: Mapping[str, Any]) -> Iterator[str]:
    locale = definition.get("localeData")
    if not isinstance(locale, dict):
        yield "the bot has no localeData; it carries the bot's name"
        return
    listed = definition.get("supportedLanguages")
    languages = [str(language) for language in listed] if isinstance(listed, list) and listed else ["en"]
    default = definition.get("defaultLanguage", "en")
    if default not in languages:
        yield f"defaultLanguage {default} is not one of supportedLanguages; add it there"
    for language in languages:
        entry = locale.get(language)
        if not isinstance(entry, dict) or not entry.get("name"):
            yield f"localeData.{language}.name is missing; every supported language needs the bot's name"


def _by_id(definition: Mapping[str, Any], key: str) -> dict[str, Mapping[str, Any]]:
    return {str(item.get("_id")): item for item in objects(definition.get(key))}


def _ids(key: str, prefix: str, definition: Mapping[str, Any]) -> Iterator[Finding]:
    seen: set[str] = set()
    for item in objects(definition.get(key)):
        identifier = str(item.get("_id"))
        if not re.fullmatch(f"{prefix}-{_UUID5}", identifier):
            text = f"{key}: _id {identifier!r} is not {prefix}- and a UUID of version 5; make it one"
            yield Finding(Kind.IDENTIFIER, f"{key} {identifier}", text)
        if identifier in seen:
            text = f"{key}: _id {identifier} occurs twice; every item needs its own"
            yield Finding(Kind.IDENTIFIER, f"{key} {identifier}", text)
        seen.add(identifier)
        if not item.get("refId"):
            text = f"{key}: {identifier} has no refId; the platform matches imports by it"
            yield Finding(Kind.IDENTIFIER, f"{key} {identifier}", text)


def _dialog(
    dialog_id: str,
    dialog: Mapping[str, Any],
    *,
    dialogs: Mapping[str, Mapping[str, Any]],
    components: Mapping[str, Mapping[str, Any]],
) -> Iterator[Finding]:
    where = f"dialog {dialog.get('lname') or dialog_id}"
    nodes = objects(dialog.get("nodes"))
    if not nodes:
        yield Finding(Kind.EMPTY, where, f"{where}: it has no nodes; it needs at least its intent")
        return
    if nodes[0].get("nodeId") != "intent0" or nodes[0].get("type") != "intent":
        text = f"{where}: the first node must be its intent, with nodeId intent0"
        yield Finding(Kind.FIRST_NODE, where, text)
    ids = [str(node.get("nodeId")) for node in nodes]
    for duplicate in sorted(node_id for node_id, count in Counter(ids).items() if count > 1):
        text = f"{where}: nodeId {duplicate} occurs twice; every node needs its own"
        yield Finding(Kind.IDENTIFIER, where, text)
    for node in nodes:
        yield from _node(
            f"{where}, node {node.get('nodeId')}", node, frozenset(ids), dialog_id, dialogs, components
        )


def _node(
    where: str,
    node: Mapping[str, Any],
    ids: frozenset[str],
    dialog_id: str,
    dialogs: Mapping[str, Mapping[str, Any]],
    components: Mapping[str, Mapping[str, Any]],
    depth: int = 1,
) -> Iterator[Finding]:
    inner = objects(node.get("nodes")) if depth <= NESTED_NODES else []  # a botAction wraps nodes of its own
    component = components.get(str(node.get("componentId")))
    if component is None:
        if not inner:
            text = f"{where}: componentId {node.get('componentId')} is not among dialogComponents; add the component"
            yield Finding(Kind.COMPONENT, where, text)
    else:
        if component.get("type") != node.get("type"):
            text = f"{where}: it is a {node.get('type')} but its component is a {component.get('type')}; make them equal"
            yield Finding(Kind.COMPONENT, where, text)
        if node.get("type") == "intent":
            owner = str(component.get("dialogId"))
            if node.get("nodeId") == "intent0" and owner != dialog_id:
                text = (
                    f"{where}: its component's dialogId is {owner}; it must be the dialog itself, {dialog_id}"
                )
                yield Finding(Kind.SUBDIALOG, where, text)
            elif owner not in dialogs:
                text = f"{where}: its component calls dialog {owner}, which is not in the export; add that dialog"
                yield Finding(Kind.SUBDIALOG, where, text)
    for target in _targets(node.get("transitions")):
        if target not in ids:
            text = f'{where}: a transition leads to {target}, which is no node of this dialog; use a nodeId or "end"'
            yield Finding(Kind.TRANSITION, where, text)
    inner_ids = ids.union(str(part.get("nodeId")) for part in inner)
    for part in inner:
        place = f"{where}/{part.get('nodeId')}"
        yield from _node(place, part, inner_ids, dialog_id, dialogs, components, depth + 1)


def _targets(transitions: object) -> Iterator[str]:
    """The targets of transitions. The platform accepts an empty default, which has no target yet."""
    for transition in objects(transitions):
        for key in ("default", "then"):
            target = transition.get(key)
            if isinstance(target, str) and target not in ("", "end"):
                yield target


def _component(
    component_id: str, component: Mapping[str, Any], *, dialogs: Mapping[str, Mapping[str, Any]]
) -> Iterator[Finding]:
    where = f"component {component.get('name') or component_id}"
    kind = component.get("type")
    if kind == "intent" and str(component.get("dialogId")) not in dialogs:
        text = f"{where}: dialogId {component.get('dialogId')} is not in the export; add that dialog"
        yield Finding(Kind.SUBDIALOG, where, text)
    if kind == "script":
        yield from _script(where, component.get("script"))
    for prompt in [*objects(component.get("message")), *objects(component.get("errorMessage"))]:
        for language, text in _prompt_texts(prompt):
            if not is_encoded(text):
                told = (
                    f"{where}: its {language} text is not URL-encoded; encode it as encodeURIComponent does"
                )
                yield Finding(Kind.ENCODING, where, told)
    if _holds_credential(component):
        yield _credential(where)


def _script(where: str, script: object) -> Iterator[Finding]:
    if not isinstance(script, str):
        text = f'{where}: it has no "script"; a script component carries URL-encoded JavaScript'
        yield Finding(Kind.SCRIPT, where, text)
        return
    if not is_encoded(script):
        text = f"{where}: its script is not URL-encoded; encode it as encodeURIComponent does"
        yield Finding(Kind.ENCODING, where, text)
    wrong = syntax_error(decoded(script))
    if wrong:
        text = f"{where}: its script is not JavaScript ({wrong}); correct it in the builder"
        yield Finding(Kind.SCRIPT, where, text)


def _prompt_texts(prompt: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    locale = prompt.get("localeData")
    for language, entry in (locale if isinstance(locale, dict) else {}).items():
        if isinstance(entry, dict) and isinstance(entry.get("text"), str):
            yield str(language), entry["text"]


def _credential(where: str) -> Finding:
    text = f"{where}: it seems to hold a credential; move it to an empty environment variable"
    return Finding(Kind.CREDENTIAL, where, text)


def _holds_credential(value: object) -> bool:
    """Whether a text in a JSON value looks like a credential, or a member is named like one and has a value.

    An explicit stack: an export may nest deeper than Python recurses.
    """
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            if _CREDENTIALS.search(decoded(item)):
                return True
        elif isinstance(item, dict):
            if any(
                _SECRET_MEMBER.fullmatch(key) and isinstance(item[key], str) and item[key] for key in item
            ):
                return True
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
    return False


def _training(
    definition: Mapping[str, Any], components: Mapping[str, Mapping[str, Any]]
) -> Iterator[Finding]:
    for sentence in filter(is_training, objects(definition.get("sentences"))):
        where = f"sentence {sentence.get('sentence')!r}"
        component = components.get(str(sentence.get("taskId")))
        if component is None or component.get("type") != "intent":
            text = f"{where}: taskId {sentence.get('taskId')} is not an intent component; point it at one"
            yield Finding(Kind.TRAINING, where, text)
        if not re.fullmatch(r"[0-9a-f]{24}", str(sentence.get("_id"))):
            text = f"{where}: _id {sentence.get('_id')!r} is not 24 hexadecimal digits; make it so"
            yield Finding(Kind.IDENTIFIER, where, text)
    references = {str(component.get("refId")) for component in components.values()}
    for pattern in objects(definition.get("patterns")):
        if str(pattern.get("refId")) not in references:
            where = f"pattern for {pattern.get('taskName')}"
            text = f"{where}: refId {pattern.get('refId')} is no component's; correct it"
            yield Finding(Kind.TRAINING, where, text)
