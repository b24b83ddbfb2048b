"""Builds bot exports of every shape seen in the field (docs/protocols/kore-xo-botkit.md, 7), for tests.

    bot = Bot("Pizza", languages=("en", "de"))
    order = bot.dialog("Order pizza", says=["I want a pizza"])
    order.entity("Size", "Which size?", kind="number", then=on_entity("Size", "40", "Big"))
    order.message("Fine.", then="end")
    order.message("That is big!", name="Big")
    folder = bot.write(tmp_path)

A node goes on to the one that was added after it. `then` names other targets by the names of their nodes: a name, or
conditions in order; an unknown name stays as it is, so that a transition leads nowhere. Every id follows from the names.
"""

from __future__ import annotations

import json
import uuid
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

Style = Literal["new", "old", "xo11"]
"""The builder of 2021 and later, the one of 2019, or XO 11."""

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "exports.tests.botkit.example")
DEFAULT_ERROR = "I'm sorry, I did not recognise the value (100% sure). Please enter it again."
"""Stands for a default text of the platform, which exports do not encode."""
_SHORT = {
    "intent": "int",
    "entity": "ent",
    "message": "msg",
    "script": "scr",
    "service": "srv",
    "dialogAct": "dac",
    "form": "frm",
    "logic": "lgc",
    "agentTransfer": "agt",
    "botAction": "bac",
}

Text = str | Mapping[str, str]
"""A text, or one per language."""


@dataclass(frozen=True)
class Branch:
    """A conditional transition. `field` in it is the name of an entity node."""

    condition: Mapping[str, Any]
    target: str


def on_entity(entity: str, value: object, target: str, *, op: str = "eq") -> Branch:
    """Go to `target` if the entity has this value."""
    return Branch({"field": entity, "op": op, "value": value}, target)


def on_any_entity(entity: str, target: str) -> Branch:
    """Go to `target` if the entity has a value: the condition has neither operator nor value."""
    return Branch({"field": entity}, target)


def on_context(path: str, value: object, target: str, *, op: str = "eq") -> Branch:
    """Go to `target` if the context has this value at `path`."""
    return Branch({"context": path, "op": op, "value": value}, target)


def on_act(act: str, target: str) -> Branch:
    """Go to `target` on a dialog act of the user: yes or no."""
    return Branch({"dialogAct": act}, target)


def on_all(*tests: Branch, target: str, conjoin: str = "and") -> Branch:
    """Go to `target` on several conditions."""
    return Branch({"conjoin": conjoin, "tests": [test.condition for test in tests]}, target)


Then = str | Branch | Sequence[str | Branch] | None


@dataclass
class _Node:
    name: str
    kind: str
    content: dict[str, Any]
    then: Then
    more: dict[str, Any] = field(default_factory=dict)
    parts: tuple[_Node, ...] = ()


@dataclass
class Dialog:
    """One dialog; each method adds a node."""

    bot: Bot
    name: str
    says: Sequence[str] = ()
    patterns: Sequence[str] = ()
    nodes: list[_Node] = field(default_factory=list)

    @property
    def id(self) -> str:
        return f"dg-{made_id(self.bot.name, self.name)}"

    @property
    def reference(self) -> str:
        return made_id(self.bot.name, self.name, "dialog reference")

    def message(self, text: Text, *, name: str = "", then: Then = None, **how: Any) -> Dialog:
        """A Message node. `how`: encoded=False, scripted=True (uxmap), channel="facebook"."""
        return self.node("message", name, {"message": [self.bot.prompt(text, **how)]}, then=then)

    def script(self, source: str, *, name: str = "", then: Then = None, encoded: bool = True) -> Dialog:
        """A Script node."""
        return self.node("script", name, {"script": _encoded(source) if encoded else source}, then=then)

    def entity(
        self,
        name: str,
        asks: Text,
        *,
        kind: str = "label",
        values: Sequence[str | Mapping[str, Any]] = (),
        error: Text | None = None,
        then: Then = None,
        node: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> Dialog:
        """An Entity node. Its error text is the platform's default, not encoded, unless given. `more`: regexPattern, isArray …"""
        wrong = self.bot.prompt(DEFAULT_ERROR, encoded=False) if error is None else self.bot.prompt(error)
        content: dict[str, Any] = {
            "entityType": kind,
            "message": [self.bot.prompt(asks)],
            "errorMessage": [wrong],
        }
        if values:
            full = [_value(one) for one in values]
            labels = {one: {"label": name, "allowedValues": {"values": full}} for one in self.bot.languages}
            content |= {"localeData": labels, "isArray": False, "applyDefaultTemplate": True}
        return self.node("entity", name, content | more, then=then, node=node)

    def confirm(self, name: str, asks: Text, *, yes: str, no: str, otherwise: str = "") -> Dialog:
        """A Confirmation node, of type dialogAct."""
        then: list[str | Branch] = [on_act("yes", yes), on_act("no", no)]
        then += [otherwise] if otherwise else []
        return self.node("dialogAct", name, {"message": [self.bot.prompt(asks)]}, then=then)

    def service(self, name: str, *, path: str = "/orders", then: Then = None, **more: Any) -> Dialog:
        """A Service node: a REST call, or a data table with `serviceNodeType="datatable"`."""
        return self.node("service", name, _service(path) | more, then=then)

    def form(self, name: str, form: str, *, then: Then = None) -> Dialog:
        """A Form node for the form of this name."""
        content = {
            "message": [self.bot.prompt("Please click below to continue using a form:", encoded=False)],
            "errorMessage": [self.bot.prompt("We could not submit it. Please retry.", encoded=False)],
            "submitMessage": [self.bot.prompt("It has been submitted.", encoded=False)],
            "resourceId": made_id(self.bot.name, form, "form"),
        }
        return self.node("form", name, content, then=then)

    def logic(self, name: str, then: Then) -> Dialog:
        """A Logic node: transitions only."""
        return self.node("logic", name, {}, then=then)

    def webhook(self, name: str, *, then: Then = None) -> Dialog:
        """A Webhook node."""
        return self.node("SDKWebHook", name, {}, then=then)

    def transfer(self, name: str = "LiveAgent", *, then: Then = "end") -> Dialog:
        """An Agent Transfer node."""
        more = {"containmentType": "agenttransfer"} if self.bot.style == "xo11" else {}
        return self.node("agentTransfer", name, more, then=then)

    def call(self, dialog: Dialog, *, name: str = "", then: Then = None) -> Dialog:
        """An Intent node that calls another dialog."""
        content = {"dialogId": dialog.id, "localeData": self.bot.labels(dialog.name, "intent")}
        return self.node("intent", name, content, then=then, node={"flowTaskId": dialog.reference})

    def unlinked_intent(self, name: str, *, then: Then = None, written: bool = False) -> Dialog:
        """An Intent node without a dialog; `written`: with `dialogId: null` instead of no dialogId."""
        return self.node("intent", name, {"dialogId": None} if written else {}, then=then)

    def action(self, name: str, *parts: tuple[str, str, Mapping[str, Any]], then: Then = None) -> Dialog:
        """A Bot Action node with Script and Service nodes in it: (kind, name, component)."""
        inner = tuple(_Node(called, kind, dict(content), None) for kind, called, content in parts)
        return self.node("botAction", name, {}, then=then, parts=inner)

    def node(
        self,
        kind: str,
        name: str = "",
        content: Mapping[str, Any] | None = None,
        *,
        then: Then = None,
        node: Mapping[str, Any] | None = None,
        parts: tuple[_Node, ...] = (),
    ) -> Dialog:
        """A node of any type, such as generativeai, with this component and these members of the node itself."""
        called = name or f"{kind}{len(self.nodes) + 1:04}"
        self.nodes.append(_Node(called, kind, dict(content or {}), then, dict(node or {}), parts))
        return self

    def node_id(self, name: str) -> str:
        """The id of the node of this name; the name itself if there is none."""
        for number, node in enumerate(self.nodes, 1):
            if node.name == name:
                if self.bot.style == "old":
                    return f"{node.kind}{number}"
                return f"nd-{_SHORT.get(node.kind, 'nod')}-{made_id(self.bot.name, self.name, name, 'node')}"
        return name

    def component_id(self, name: str) -> str:
        """The id of the component of the node of this name."""
        return f"dc-{made_id(self.bot.name, self.name, name)}"


@dataclass
class Bot:
    """A bot to export. Everything but the name has a usual value."""

    name: str
    languages: Sequence[str] = ("en",)
    style: Style = "new"
    id: str = ""
    dialogs: list[Dialog] = field(default_factory=list)
    events: dict[str, Any] = field(default_factory=dict)
    forms: list[dict[str, Any]] = field(default_factory=list)
    questions: list[dict[str, Any]] = field(default_factory=list)
    variables: list[dict[str, Any]] = field(default_factory=list)

    def dialog(self, name: str, *, says: Sequence[str] = (), patterns: Sequence[str] = ()) -> Dialog:
        """Add a dialog; it starts with its intent."""
        made = Dialog(self, name, says, patterns)
        self.dialogs.append(made)
        return made

    def event(
        self,
        name: str,
        *,
        dialog: Dialog | None = None,
        says: Text = "",
        script: str = "",
        enabled: bool = True,
    ) -> Bot:
        """What the bot does on an event such as ON_CONNECT_EVENT: a dialog, a message or a script."""
        action = "triggerDialog" if dialog else "runScript" if script else "showMsg"
        self.events[name] = {
            "enabled": enabled,
            "action": action,
            "task": dialog.reference if dialog else None,
            "script": _encoded(script) or ".",
            "msg": [self.prompt(says)] if says else [],
        }
        return self

    def form(self, name: str, *fields: Mapping[str, Any]) -> Bot:
        """A form; a field is {name, type, displayName, required …}."""
        components = [
            {
                "name": one["name"],
                "type": one.get("type", "textField"),
                "metaData": dict(one),
                "components": [],
            }
            for one in fields
        ]
        reference = made_id(self.name, name, "form")
        self.forms.append(
            {
                "name": name,
                "displayName": name,
                "type": "regular",
                "refId": reference,
                "components": components,
            }
        )
        return self

    def question(self, question: str, answer: str) -> Bot:
        """A question of the knowledge graph."""
        said = [{"text": _encoded(answer), "type": "basic", "channel": "default"}]
        self.questions.append(
            {"question": question, "alternateQuestions": [], "answer": said, "responseType": "message"}
        )
        return self

    def variable(self, key: str, value: str) -> Bot:
        """A variable in config.json."""
        self.variables.append({"key": key, "value": value, "variableType": "env", "scope": "prePopulated"})
        return self

    def prompt(
        self, text: Text, *, encoded: bool = True, scripted: bool = False, channel: str = "default"
    ) -> dict[str, Any]:
        """One wording, as message and errorMessage list them."""
        texts = text if isinstance(text, Mapping) else dict.fromkeys(self.languages, text)
        kind = "uxmap" if scripted else "basic"
        entries = {
            one: {"type": kind, "text": _encoded(words) if encoded else words} for one, words in texts.items()
        }
        return {"channel": channel, "localeData": entries}

    def labels(self, label: str, key: str = "label") -> dict[str, Any]:
        return {language: {key: label, "desc": ""} for language in self.languages}

    @property
    def config(self) -> dict[str, Any]:
        return {"name": self.name, "envVariables": self.variables}

    @property
    def definition(self) -> dict[str, Any]:
        """The content of botDefinition.json."""
        made: dict[str, Any] = {
            "_id": self.id or f"st-{made_id(self.name, 'bot')}",
            "refId": made_id(self.name, "bot reference"),
            "type": "default",
            "purpose": "customer",
            "defaultLanguage": self.languages[0],
            "supportedLanguages": list(self.languages),
            "localeData": {language: {"name": self.name, "description": ""} for language in self.languages},
            "isNLEnabled": True,
            "sessionInactiveTime": 900_000,
            "botEvents": self.events,
            "dialogs": [_dialog(dialog) for dialog in self.dialogs],
            "dialogComponents": [part for dialog in self.dialogs for part in _components(dialog)],
            "sentences": [one for dialog in self.dialogs for one in _sentences(dialog)],
            "patterns": [_patterns(dialog) for dialog in self.dialogs if dialog.patterns],
            "knowledgeTasks": [
                {
                    "name": self.name,
                    "language": self.languages[0],
                    "isGraph": True,
                    "faqs": {"faqs": self.questions},
                }
            ],
            "forms": self.forms,
            "contentVariables": [],
            "exportOptions": {"tasks": ["botTask"], "nlpData": ["nlpSettings"], "settings": ["botSettings"]},
        }
        if self.style != "old":
            made |= {
                "environmentVersionInfo": "9.1.7",
                "encryptedHash": "0" * 32,
                "traits": [],
                "widgets": [],
            }
        else:
            del made["forms"], made["patterns"]
        if self.style == "xo11":
            made |= {
                "appType": "unified",
                "channels": [],
                "dialogGPTSettings": [{"language": self.languages[0]}],
            }
            made |= {"llmConfiguration": [{"featureList": [{"name": "dialogGPT", "enable": True}]}]}
        return made

    def write(
        self,
        folder: Path,
        *,
        config: bool = True,
        wrapper: str = "",
        zipped: bool = False,
        functions: str = "",
        definition: Mapping[str, Any] | None = None,
    ) -> Path:
        """Write the export into `folder`.

        Args:
            config: whether there is a config.json.
            wrapper: a key around the definition, such as appDefinition.
            zipped: write one zip file, as the builder gives it, instead of its files.
            functions: JavaScript functions of the bot, in a file of their own.
            definition: what to write instead of this bot's own, such as a damaged one.

        Returns:
            The folder, or the zip file.
        """
        folder.mkdir(parents=True, exist_ok=True)
        content = self.definition if definition is None else dict(definition)
        file = "appDefinition.json" if self.style == "xo11" else "botDefinition.json"
        files = {file: json.dumps({wrapper: content} if wrapper else content)}
        if config:
            files["config.json"] = json.dumps(self.config)
        if functions:
            files["functions.js"] = functions
        if zipped:
            path = folder / "export.zip"
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, text in files.items():
                    archive.writestr(name, text)
            return path
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
        return folder


def single_dialog(dialog: Dialog) -> dict[str, Any]:
    """The form before 2018: this dialog alone, its components by position, wordings without a language."""
    language = dialog.bot.languages[0]
    components = []
    for part in _components(dialog):
        old = {key: value for key, value in part.items() if key not in ("_id", "refId", "localeData")}
        for key in ("message", "errorMessage"):
            if key in old:
                old[key] = [{"channel": one["channel"], **one["localeData"][language]} for one in old[key]]
        components.append(old)
    indexes = {part["_id"]: index for index, part in enumerate(_components(dialog))}
    nodes = [
        {
            **{k: v for k, v in node.items() if k != "componentId"},
            "componentIndex": indexes[node["componentId"]],
        }
        for node in _dialog(dialog)["nodes"]
    ]
    return {
        "_id": dialog.id,
        "visibility": {"namespace": "private"},
        "name": dialog.name,
        "nodes": nodes,
        "components": components,
    }


def made_id(*parts: str) -> str:
    """A UUID of version 5 that follows from `parts`."""
    return str(uuid.uuid5(NAMESPACE, "/".join(parts)))


def _encoded(text: str) -> str:
    """As encodeURIComponent does."""
    return quote(text, safe="!~*'()")


def _value(value: str | Mapping[str, Any]) -> Mapping[str, Any]:
    return {"title": value, "value": value, "synonyms": [value]} if isinstance(value, str) else value


def _service(path: str) -> dict[str, Any]:
    return {
        "serviceNodeType": "custom",
        "endPoint": {
            "host": "api.example.com",
            "port": "",
            "path": path,
            "protocol": "https",
            "method": "get",
        },
        "payload": {"type": "raw", "value": ""},
        "headers": {"type": "raw", "value": ""},
    }


def _dialog(dialog: Dialog) -> dict[str, Any]:
    names = {one: {"name": dialog.name, "shortDesc": ""} for one in dialog.bot.languages}
    first = dialog.node_id(dialog.nodes[0].name) if dialog.nodes else "end"
    intent = {"nodeId": "intent0", "type": "intent", "componentId": dialog.component_id("intent0")}
    nodes = [{**_frame(dialog, 0), **intent, "transitions": [_transition(dialog, first)]}]
    for number, node in enumerate(dialog.nodes):
        following = dialog.node_id(dialog.nodes[number + 1].name) if number + 1 < len(dialog.nodes) else "end"
        made: dict[str, Any] = {
            **_frame(dialog, number + 1),
            "nodeId": dialog.node_id(node.name),
            "type": node.kind,
            "componentId": dialog.component_id(node.name),
            "transitions": _transitions(dialog, node.then, following),
            **node.more,
        }
        if node.parts:
            made["nodes"] = [_part(dialog, part) for part in node.parts]
        nodes.append(made)
    return {
        "_id": dialog.id,
        "refId": dialog.reference,
        "lname": dialog.name.lower(),
        "localeData": names,
        "nodes": nodes,
        "isHidden": False,
        "isFollowUp": False,
        "contextLifeTime": {"options": "close"},
        "interruptOptions": {"priority": "bot"},
    }


def _part(dialog: Dialog, part: _Node) -> dict[str, Any]:
    return {
        "type": part.kind,
        "componentId": dialog.component_id(part.name),
        "level": "root",
        "nodeId": f"nd-{made_id(dialog.bot.name, dialog.name, part.name, 'part')}",
        "nodeOptions": {"transitionType": "auto"},
    }


def _frame(dialog: Dialog, number: int) -> dict[str, Any]:
    place = {"left": 30 + 250 * number, "top": 120}
    if dialog.bot.style == "old":
        return {
            "nodeOptions": {"transitionType": "auto", "message": [], "errorMessage": []},
            "metadata": place,
        }
    options = {"transitionType": "auto", "promptOptions": "required", "message": [], "errorMessage": []}
    return {
        "nodeOptions": options,
        "preConditions": [],
        "vNameSpace": [],
        "useTaskLevelNs": True,
        "positionMeta": place,
    }


def _transitions(dialog: Dialog, then: Then, following: str) -> list[dict[str, Any]]:
    steps = [then] if isinstance(then, str | Branch) else list(then or ())
    made = []
    for step in steps:
        if isinstance(step, Branch):
            condition = _condition(dialog, step.condition)
            made.append(
                {"if": condition, "then": _target(dialog, step.target), "metadata": {"connId": "dummy0"}}
            )
        else:
            made.append(_transition(dialog, _target(dialog, step)))
    if not any("default" in transition for transition in made):
        made.append(_transition(dialog, following))
    return made


def _condition(dialog: Dialog, condition: Mapping[str, Any]) -> dict[str, Any]:
    if "tests" in condition:
        return {**condition, "tests": [_condition(dialog, test) for test in condition["tests"]]}
    return (
        {**condition, "field": dialog.node_id(condition["field"])}
        if "field" in condition
        else dict(condition)
    )


def _target(dialog: Dialog, name: str) -> str:
    return name if name in ("", "end") else dialog.node_id(name)


def _transition(dialog: Dialog, target: str) -> dict[str, Any]:
    more = {} if dialog.bot.style == "old" else {"userUtterance": ""}
    return {"default": target, "metadata": {"color": "#299d8e", "connId": "dummy0"}, **more}


def _components(dialog: Dialog) -> list[dict[str, Any]]:
    bot = dialog.bot
    intent = {"type": "intent", "dialogId": dialog.id, "localeData": bot.labels(dialog.name, "intent")}
    made = [_component(dialog, "intent0", intent | {"name": dialog.name.replace(" ", "_")})]
    for node in dialog.nodes:
        made.append(_component(dialog, node.name, {"type": node.kind, **node.content}))
        made += [_component(dialog, part.name, {"type": part.kind, **part.content}) for part in node.parts]
    return made


def _component(dialog: Dialog, name: str, content: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "_id": dialog.component_id(name),
        "refId": made_id(dialog.bot.name, dialog.name, name, "reference"),
        "name": name,
        "localeData": dialog.bot.labels(name),
        "piiDataEnabled": False,
        "applyDefaultTemplate": False,
        "entityFields": {"cityAdvanced": []},
        "preConditions": [],
        **content,
    }


def _sentences(dialog: Dialog) -> list[dict[str, Any]]:
    return [
        {
            "_id": made_id(dialog.bot.name, dialog.name, said, language).replace("-", "")[:24],
            "taskId": dialog.component_id("intent0"),
            "taskName": dialog.name,
            "sentence": said,
            "type": "DialogIntent",
            "language": language,
            "entities": [],
        }
        for said in dialog.says
        for language in dialog.bot.languages
    ]


def _patterns(dialog: Dialog) -> dict[str, Any]:
    values = {"patterns": [{"value": value} for value in dialog.patterns]}
    return {
        "refId": made_id(dialog.bot.name, dialog.name, "intent0", "reference"),
        "taskName": dialog.name,
        "taskType": "intent",
        "nodeType": "dialog",
        "localeData": dict.fromkeys(dialog.bot.languages, values),
    }
