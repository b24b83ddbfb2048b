"""Running a dialog: message, script, entity, webhook and agent transfer nodes, one after the other."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any, Protocol

from botkit_sandbox.errors import ScriptError
from botkit_sandbox.kore.bot import Component, Dialog, Node, Prompt
from botkit_sandbox.kore.core import Core
from botkit_sandbox.kore.payloads import begin_dialog, context_of, note_history
from botkit_sandbox.kore.script import run_script
from botkit_sandbox.kore.users import Run, User

STEP_LIMIT = 100
ENTITY_TRIES = 3
_BASE_SESSION = ("conversationSessionId", "isReturningUser", "lastUserMessageTime", "channels", "lastMessage")
_PLACEHOLDER = re.compile(r"\{\{\s*([\w.\[\]]+)\s*\}\}")


class DialogEffects(Protocol):
    """The effects of a running dialog."""

    async def utter(self, user: User, text: str, *, dialog_id: str, node_id: str) -> None: ...
    async def transfer(self, user: User, component: Component, *, dialog_id: str, node_id: str) -> None: ...
    async def webhook(
        self, user: User, component: Component, *, dialog_id: str, node_id: str
    ) -> Mapping[str, Any] | None: ...
    async def ended(self, user: User, dialog: Dialog) -> None: ...


async def start(core: Core, voice: DialogEffects, user: User, dialog: Dialog) -> None:
    """Run a dialog from its intent node until it ends or waits for the user."""
    begin_dialog(core, user, dialog_id=dialog.id, name=dialog.name)
    await _run(core, voice, user, dialog, dialog.start)


async def resume(core: Core, voice: DialogEffects, user: User, run: Run, text: str) -> None:
    """Use `text` as the value of the entity for which the dialog waits, or ask again."""
    user.run = None
    node = run.dialog.nodes[run.node_id]
    component = node.component
    if component is None:
        return
    value = _entity_value(component.entity_type, text)
    if value is None:
        if run.tries + 1 >= ENTITY_TRIES:
            await voice.ended(user, run.dialog)
            return
        prompts = component.error_prompts or component.prompts
        user.run = Run(run.dialog, run.node_id, run.tries + 1)
        await _say(core, voice, user, run.dialog, node, prompts)
        return
    user.context.setdefault("entities", {})[component.name] = value
    await _run(core, voice, user, run.dialog, _next(run.dialog, node, context_of(core, user)))


async def _run(core: Core, voice: DialogEffects, user: User, dialog: Dialog, node: Node | None) -> None:
    resets = user.resets
    for _ in range(STEP_LIMIT):
        if user.resets != resets:
            return  # the session was closed or reset meanwhile: the dialog is dropped without a message
        if node is None:
            await voice.ended(user, dialog)
            return
        for part in node.parts or (node,):
            if not await _step(core, voice, user, dialog, part):
                return
        following = _next(dialog, node, context_of(core, user))
        user.context["previousNodeName"] = node.component.name if node.component else node.id
        node = following
    core.note(
        user, f"Dialog {dialog.name} was stopped after {STEP_LIMIT} steps; its transitions run in a circle."
    )


async def _step(core: Core, voice: DialogEffects, user: User, dialog: Dialog, node: Node) -> bool:
    """Execute a node. Returns False if the dialog stops here."""
    component = node.component
    if component is None:
        return True
    note_history(
        core, user, nodeId=node.id, state="processing", type=node.kind, componentName=component.name.lower()
    )
    match node.kind:
        case "message":
            await _say(core, voice, user, dialog, node, component.prompts)
        case "script":
            return await _script(core, user, component)
        case "entity":
            if component.name not in user.context.get("entities", {}):
                user.run = Run(dialog, node.id)
                await _say(core, voice, user, dialog, node, component.prompts)
                return False
        case "SDKWebHook":
            changed = await voice.webhook(user, component, dialog_id=dialog.id, node_id=node.id)
            if changed is None:
                return False
            adopt(user, changed)
        case "agentTransfer":
            note_history(core, user, dialogState="transferredToAgent")
            await voice.transfer(user, component, dialog_id=dialog.id, node_id=node.id)
            return False
        case "intent" if node.calls_dialog and component.dialog_id not in core.bot.dialogs:
            core.note(user, f"Intent node {component.name} calls no dialog of this export; it is skipped.")
        case "intent" if node.calls_dialog and component.dialog_id != dialog.id:
            # A sub-dialog runs to its end in place. Simplification: the calling dialog does not continue afterwards.
            await start(core, voice, user, core.bot.dialogs[component.dialog_id])
            return False
    return True


async def _say(
    core: Core, voice: DialogEffects, user: User, dialog: Dialog, node: Node, prompts: tuple[Prompt, ...]
) -> None:
    prompt = _wording(prompts, user, core.bot.default_language)
    if prompt is None:
        return
    context = context_of(core, user)
    text = prompt.text
    if prompt.scripted:
        try:
            ran = await asyncio.to_thread(run_script, text, context=context, environment=core.bot.environment)
        except ScriptError as error:
            core.note(user, f"The message of node {node.id} could not be made: {error}")
            return
        text = ran.printed
    text = _PLACEHOLDER.sub(lambda found: _text_at(context, found[1]), text)
    await voice.utter(user, text, dialog_id=dialog.id, node_id=node.id)


async def _script(core: Core, user: User, component: Component) -> bool:
    try:
        ran = await asyncio.to_thread(
            run_script, component.script, context=context_of(core, user), environment=core.bot.environment
        )
    except ScriptError as error:
        core.note(user, f"Script node {component.name} failed: {error}")
        user.context = {}
        return False
    adopt(user, ran.context)
    return True


def adopt(user: User, context: Mapping[str, Any]) -> None:
    """Adopt the context that a script or a webhook returned. Session variables outlive the dialog."""
    user.context = dict(context)
    session = context.get("session")
    variables = session.get("BotUserSession") if isinstance(session, Mapping) else None
    if isinstance(variables, Mapping):
        user.session.variables = {k: v for k, v in variables.items() if k not in _BASE_SESSION}
    lasting = session.get("UserSession") if isinstance(session, Mapping) else None
    if isinstance(lasting, Mapping):
        user.variables = dict(lasting)


def _wording(prompts: tuple[Prompt, ...], user: User, default_language: str) -> Prompt | None:
    fitting = [p for p in prompts if p.channel == user.channel] or [
        p for p in prompts if p.channel == "default"
    ]
    base = user.language.partition("-")[0].partition("_")[0]
    for language in (user.language, base, default_language):
        for prompt in fitting:
            if prompt.language == language:
                return prompt
    return fitting[0] if fitting else None


def _entity_value(kind: str, text: str) -> str | int | None:
    text = text.strip()
    match kind:
        case "number":
            found = re.search(r"\d+", text)
            return found[0] if found else None
        case "email":
            found = re.search(r"[^@\s]+@[^@\s]+\.[^@\s]+", text)
            return found[0] if found else None
        case _:
            return text or None


def _next(dialog: Dialog, node: Node, context: Mapping[str, Any]) -> Node | None:
    default = ""
    for transition in node.transitions:
        condition = transition.get("if")
        if isinstance(condition, Mapping):
            if "then" in transition and _holds(condition, context):
                return dialog.nodes.get(str(transition["then"]))
        elif isinstance(transition.get("default"), str):
            default = default or transition["default"]
    return dialog.nodes.get(default)


def _holds(condition: Mapping[str, Any], context: Mapping[str, Any]) -> bool:
    tests = condition.get("tests")
    if isinstance(tests, list):
        results = [_holds(test, context) for test in tests if isinstance(test, Mapping)]
        return any(results) if str(condition.get("conjoin", "and")).lower() == "or" else all(results)
    path = condition.get("context")
    if not isinstance(path, str):
        return False
    found = _value_at(context, path)
    wanted = condition.get("value")
    match condition.get("op"):
        case "eq":
            return found is not None and str(found) == str(wanted)
        case "neq":
            return str(found) != str(wanted)
        case "cnt":
            return found is not None and str(wanted) in str(found)
        case "gt":
            return isinstance(found, int | float) and isinstance(wanted, int | float) and found > wanted
        case "dne":
            return found is None
    return False


def _value_at(context: Mapping[str, Any], path: str) -> Any:
    found: Any = context
    for step in path.removeprefix("context.").replace("[", ".").replace("]", "").split("."):
        if isinstance(found, Mapping):
            found = found.get(step)
        elif isinstance(found, list) and step.isdigit() and int(step) < len(found):
            found = found[int(step)]
        else:
            return None
    return found


def _text_at(context: Mapping[str, Any], path: str) -> str:
    found = _value_at(context, path)
    return "" if found is None else str(found)
