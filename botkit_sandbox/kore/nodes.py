"""Executing one node of a dialog: message, script, entity, confirmation, webhook, agent transfer, bot action.

docs/protocols/kore-xo-botkit.md, 7.8. Services and forms are answered by stand-ins. A node that the emulator does not play is
named in the chat, and the dialog goes on.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from botkit_sandbox.errors import ScriptError
from botkit_sandbox.kore import transitions
from botkit_sandbox.kore.bot import Component, Dialog, Node
from botkit_sandbox.kore.core import Core
from botkit_sandbox.kore.entities import Choice, choices_in, entity_value
from botkit_sandbox.kore.payloads import context_of, note_history
from botkit_sandbox.kore.placeholders import filled_in, filled_in_script
from botkit_sandbox.kore.prompts import Prompt, chosen, with_buttons
from botkit_sandbox.kore.reading import in_language
from botkit_sandbox.kore.script import ScriptResult, Surroundings, run_script
from botkit_sandbox.kore.transitions import Situation
from botkit_sandbox.kore.users import Run, User

ACTION_STEPS = 100
_SHOWN = 200
_SILENT = frozenset({"intent", "logic"})
_YES_NO = (("Yes", "yes"), ("No", "no"))


class DialogEffects(Protocol):
    """The effects of a running dialog."""

    async def utter(self, user: User, text: str, *, dialog_id: str, node_id: str) -> None: ...
    async def transfer(self, user: User, component: Component, *, dialog_id: str, node_id: str) -> None: ...
    async def webhook(
        self, user: User, component: Component, *, dialog_id: str, node_id: str
    ) -> Mapping[str, Any] | None: ...
    async def ended(self, user: User, dialog: Dialog) -> None: ...
    async def failed(self, user: User, dialog: Dialog) -> None: ...
    async def closed(self, user: User) -> None: ...


@dataclass(frozen=True, slots=True)
class Stage:
    """A user in front of the bot, and what the bot can do there."""

    core: Core
    voice: DialogEffects
    user: User

    @property
    def context(self) -> dict[str, Any]:
        return context_of(self.core, self.user)

    @property
    def surroundings(self) -> Surroundings:
        bot = self.core.bot
        return Surroundings(
            environment=bot.environment,
            content=bot.content_in(self.user.language),
            functions=bot.functions,
            session_id=self.user.session.id,
        )

    def situation(self, *, answer: str | None = None, intent: str | None = None) -> Situation:
        """What the conditions of transitions are tested on."""
        around = self.surroundings
        others = {"env": around.environment, "content": around.content}
        return Situation(context=self.context, answer=answer, intent=intent, others=others)

    def note(self, text: str) -> None:
        self.core.note(self.user, text)


async def perform(stage: Stage, run: Run, node: Node) -> bool:
    """Execute a node. Returns False if the dialog stops here, for good or for the user's answer."""
    component = node.component
    stage.user.add_tags(node.options.tags)
    if component is None:
        if node.kind not in _SILENT:
            stage.note(f"[node {node.id} has no component in this export; the dialog goes on]")
        return True
    _begin(stage, node, component)
    match node.kind:
        case "message":
            await say(stage, run, component.prompts)
            if transitions.awaits_intent(node):
                return _wait(stage, run)
        case "script":
            return await _script(stage, run, component)
        case "entity":
            asks = node.id in run.answered and stage.core.settings.revisited_entity == "ask"
            asks = asks or transitions.is_blank(stage.user.context.get("entities", {}).get(component.name))
            if asks and node.options.hidden:
                await set_entity(stage, node, component, None)
            elif asks:
                await ask(stage, run, component, component.prompts)
                return _wait(stage, run)
        case "dialogAct":
            await ask(stage, run, component, component.prompts)
            return _wait(stage, run)
        case "service" | "form":
            await _stand_in(stage, run, node.kind, component)
        case "botAction":
            return await _action(stage, run, node)
        case "SDKWebHook" | "webhook":
            changed = await stage.voice.webhook(
                stage.user, component, dialog_id=run.dialog.id, node_id=node.id
            )
            if changed is None:
                return False
            adopt(stage.core, stage.user, changed)
        case "agentTransfer":
            note_history(stage.core, stage.user, dialogState="transferredToAgent")
            await stage.voice.transfer(stage.user, component, dialog_id=run.dialog.id, node_id=node.id)
            return False
        case kind if kind not in _SILENT:
            stage.note(f"[the emulator does not play node {component.name} ({kind}); the dialog goes on]")
    return True


async def say(
    stage: Stage, run: Run, prompts: Sequence[Prompt], options: Sequence[tuple[str, str]] = ()
) -> None:
    """Utter the wording for the user, if there is one."""
    text = await worded(stage, run.node_id, prompts, options)
    if text is not None:
        await stage.voice.utter(stage.user, text, dialog_id=run.dialog.id, node_id=run.node_id)


async def worded(
    stage: Stage, where: str, prompts: Sequence[Prompt], options: Sequence[tuple[str, str]] = ()
) -> str | None:
    """The wording for the user, scripts executed, placeholders filled in and options as buttons."""
    user = stage.user
    prompt = chosen(
        prompts,
        channel=user.channel,
        language=user.language,
        default_language=stage.core.bot.default_language,
    )
    if prompt is None:
        return None
    text = prompt.text
    if prompt.scripted:
        try:
            source = filled_in_script(text, context=stage.context, around=stage.surroundings)
            text = (await execute(stage, source)).printed
        except ScriptError as error:
            stage.note(f"The message of node {where} could not be made: {error}")
            return None
    absent = "undefined" if stage.core.settings.absent_value == "undefined" else ""
    text, problems = await filled_in(text, context=stage.context, around=stage.surroundings, absent=absent)
    for problem in problems:
        stage.note(f"In the message of node {where}, {problem}")
    return text if prompt.scripted else with_buttons(text, options, channel=user.channel)


async def ask(stage: Stage, run: Run, component: Component, prompts: Sequence[Prompt]) -> None:
    """Ask for the value of an entity or for a confirmation."""
    options: Sequence[tuple[str, str]] = ()
    if component.shows_options and component.kind == "dialogAct":
        options = _YES_NO
    elif component.shows_options:
        options = [(choice.title, choice.title) for choice in choices_for(stage, component)]
    await say(stage, run, prompts, options)


def choices_for(stage: Stage, component: Component) -> Sequence[Choice]:
    """The list of values of an entity for the user; empty for an entity of another type."""
    if component.listed is not None:
        return choices_in(component.listed, transitions.value_at(stage.context, component.listed.variable))
    return in_language(component.choices, stage.user.language, stage.core.bot.default_language) or ()


def value_for(stage: Stage, component: Component, text: str) -> Any:
    """The value of an entity in `text`, or None."""
    return entity_value(
        component.entity_type,
        text,
        today=datetime.fromtimestamp(stage.core.now(), UTC).date(),
        choices=choices_for(stage, component),
        pattern=component.pattern,
        many=component.many,
    )


async def set_entity(stage: Stage, node: Node, component: Component, value: Any) -> None:
    """Set the value of an entity, or the default of its node; without either the entity has no value."""
    if value is None and node.options.default:
        value = value_for(stage, component, await worded(stage, node.id, node.options.default) or "")
    if value is not None:
        stage.user.context.setdefault("entities", {})[component.name] = value


async def execute(stage: Stage, source: str) -> ScriptResult:
    """Run a script with the user's context, and adopt what it changed.

    Raises:
        ScriptError: it failed; nothing is adopted.
    """
    ran = await asyncio.to_thread(run_script, source, context=stage.context, around=stage.surroundings)
    adopt(stage.core, stage.user, ran.context)
    stage.user.add_tags(ran.tags)
    for missed in ran.unplayed:
        stage.note(f"[{missed}; the script goes on]")
    if ran.closes_session:
        await stage.voice.closed(stage.user)
    return ran


def adopt(core: Core, user: User, context: Mapping[str, Any]) -> None:
    """Adopt the context that a script or a webhook returned.

    The variables of the session outlive the dialog, and those of the bot every session.
    """
    user.context = dict(context)
    session = context.get("session")
    held = session if isinstance(session, Mapping) else {}
    variables = held.get("BotUserSession")
    if isinstance(variables, Mapping):
        user.session.variables = dict(variables)
    lasting = held.get("UserSession")
    if isinstance(lasting, Mapping):
        kept = dict(lasting)
        user.variables.clear()  # the user on another channel has the same ones
        user.variables.update(kept)
    for name in core.shared_variables:
        if isinstance(held.get(name), Mapping):
            core.shared_variables[name] = dict(held[name])


def _begin(stage: Stage, node: Node, component: Component) -> None:
    note_history(
        stage.core,
        stage.user,
        nodeId=node.id,
        state="processing",
        type=node.kind,
        componentName=component.name.lower(),
    )


def _wait(stage: Stage, run: Run) -> bool:
    stage.user.run = run
    return False


async def _script(stage: Stage, run: Run, component: Component) -> bool:
    try:
        ran = await execute(stage, component.script)
    except ScriptError as error:
        stage.note(f"Script node {component.name} failed: {error}")
        stage.user.context = {}
        await stage.voice.failed(stage.user, run.dialog)
        return False
    return not ran.closes_session


async def _stand_in(stage: Stage, run: Run, kind: str, component: Component) -> None:
    """A service or a form: the dialog gets the answer of its stand-in."""
    if kind == "service":
        answer = stage.core.stand_ins.of(component.name, "service")
        stage.user.context[answer.key] = {"response": dict(answer.answer)}
        stage.note(f"[the emulator does not call service {component.name}; answered {_short(answer.answer)}]")
        return
    await say(stage, run, component.prompts)
    filled = stage.core.stand_ins.of(component.name, "form")
    stage.user.context.setdefault("forms", {})[filled.key] = dict(filled.answer)
    stage.note(
        f"[the emulator does not show form {component.name}; it was submitted with {_short(filled.answer)}]"
    )
    await say(stage, run, component.after_prompts)


async def _action(stage: Stage, run: Run, action: Node) -> bool:
    """The nodes inside a bot action, along their own transitions."""
    inner = {part.id: part for part in action.parts}
    if not any(part.transitions for part in action.parts):
        for part in action.parts:
            if not await _inside(stage, run, part):
                return False
        return True
    current: Node | None = action.parts[0]
    for _ in range(ACTION_STEPS):
        if current is None:
            return True
        if not await _inside(stage, run, current):
            return False
        current = inner.get(transitions.target(run.dialog, current.transitions, stage.situation()))
    stage.note(f"Bot action {action.id} was stopped after {ACTION_STEPS} steps; it runs in a circle.")
    return True


async def _inside(stage: Stage, run: Run, part: Node) -> bool:
    """A node inside a bot action. It cannot wait for the user."""
    if part.kind in ("entity", "dialogAct"):
        stage.note(
            f"[the emulator does not ask from inside a bot action (node {part.id}); the dialog goes on]"
        )
        return True
    return await perform(stage, run, part)


def _short(answer: Mapping[str, Any]) -> str:
    shown = answer.get("body", {}) if "statusCode" in answer else answer
    text = json.dumps(shown, ensure_ascii=False)
    status = f"{answer['statusCode']} " if "statusCode" in answer else ""
    return status + (text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
