"""Running a dialog: its nodes one after the other, through the dialogs that it calls, until it ends or waits for the user.

docs/protocols/kore-xo-botkit.md, 7.8. `nodes.py` executes each node.
"""

from __future__ import annotations

from typing import Any

from botkit_sandbox.kore import transitions
from botkit_sandbox.kore.bot import Component, Dialog, Node
from botkit_sandbox.kore.confirmation import confirmation
from botkit_sandbox.kore.core import Core
from botkit_sandbox.kore.nodes import DialogEffects, Stage, ask, choices_for, perform, set_entity, value_for
from botkit_sandbox.kore.payloads import begin_dialog, end_dialog
from botkit_sandbox.kore.understanding import recognised_dialog
from botkit_sandbox.kore.users import Run, User

STEP_LIMIT = 100
CALLS_AT_ONCE = 25
CALLERS_AT_MOST = 25
TOO_MANY_CALLS = "Sorry something went wrong and I cannot complete your request now"


async def start(core: Core, voice: DialogEffects, user: User, dialog: Dialog) -> None:
    """Run a dialog from its intent node until it ends or waits for the user."""
    stage = Stage(core, voice, user)
    begin_dialog(core, user, dialog_id=dialog.id, name=dialog.name)
    if dialog.empty:
        stage.note(f"[dialog {dialog.name} has no nodes in this export]")
    await _go(stage, Run(dialog, dialog.start.id), dialog.start)


async def resume(core: Core, voice: DialogEffects, user: User, run: Run, text: str) -> None:
    """Give `text` to the node for which the dialog waits, or ask again."""
    stage = Stage(core, voice, user)
    user.run = None
    node, component = run.node, run.node.component
    if component is None:
        return
    answer: str | None = None
    intent: str | None = None
    if node.kind == "entity":
        value = value_for(stage, component, text)
        if value is None and not node.options.optional:
            await _ask_again(stage, run, component)
            return
        await set_entity(stage, node, component, value)
    elif node.kind == "dialogAct":
        answer = confirmation(text)
        if answer is None and not any(transition.get("default") for transition in node.transitions):
            await _ask_again(stage, run, component)
            return
    else:
        intent = recognised_dialog(core.bot, text, user.language)
    run.tries = 0
    run.answered.add(node.id)
    situation = stage.situation(answer=answer, intent=intent)
    await _go(stage, run, transitions.following(run.dialog, node, situation))


def expects(core: Core, voice: DialogEffects, user: User, run: Run, text: str) -> bool:
    """Whether `text` is an answer that the waiting node knows by name: an item of its list, or yes or no."""
    component = run.node.component
    if run.node.kind == "dialogAct":
        return confirmation(text) is not None
    stage = Stage(core, voice, user)
    return (
        component is not None
        and bool(choices_for(stage, component))
        and value_for(stage, component, text) is not None
    )


async def _go(stage: Stage, run: Run, node: Node | None) -> None:
    """Execute nodes, beginning with this one."""
    user = stage.user
    resets, calls = user.resets, 0
    for _ in range(STEP_LIMIT):
        if user.resets != resets:
            return  # the session was closed or reset meanwhile: the dialog is dropped without a message
        if node is None:
            await _end(stage, run)
            if run.caller is None:
                return
            run = _back(stage, run, run.caller)
            node = transitions.following(run.dialog, run.node, stage.situation())
            continue
        run.node_id = node.id
        called = _called(stage, run, node)
        if called is not None:
            calls += 1
            if calls > CALLS_AT_ONCE:
                await stage.voice.utter(user, TOO_MANY_CALLS, dialog_id=run.dialog.id, node_id=node.id)
                await _end(stage, run)
                return
            run = await _call(stage, run, node, called)
            node = run.node
            continue
        if not await perform(stage, run, node):
            return
        following = transitions.following(run.dialog, node, stage.situation())
        user.context["previousNodeName"] = node.component.name if node.component else node.id
        node = following
    stage.note(
        f"Dialog {run.dialog.name} was stopped after {STEP_LIMIT} steps; its transitions run in a circle."
    )
    await _end(stage, run)


async def _end(stage: Stage, run: Run) -> None:
    end_dialog(stage.user)
    await stage.voice.ended(stage.user, run.dialog)


def _called(stage: Stage, run: Run, node: Node) -> Dialog | None:
    """The dialog that a Dialog node calls; None for another node."""
    if node.kind != "intent" or not node.calls_dialog or node is run.dialog.start or node.component is None:
        return None
    dialog = stage.core.bot.dialogs.get(node.component.dialog_id)
    if dialog is None or dialog.empty:
        stage.note(f"Intent node {node.component.name} calls no dialog of this export; it is skipped.")
        return None
    return dialog


async def _call(stage: Stage, run: Run, node: Node, called: Dialog) -> Run:
    """Begin a called dialog. The caller goes on afterwards if it has a transition and its node says so."""
    user = stage.user
    values: dict[str, Any] = {
        name: transitions.value_at(stage.context, expression.strip("{} "))
        for name, expression in node.options.assigned.items()
    }
    leads_on = any((t.get("then") or t.get("default") or "end") != "end" for t in node.transitions)
    caller = run if node.options.returns and leads_on and _callers(run) < CALLERS_AT_MOST else run.caller
    if caller is run:
        run.context = user.context
    else:
        await _end(stage, run)
    begin_dialog(stage.core, user, dialog_id=called.id, name=called.name)
    user.context["entities"].update({name: value for name, value in values.items() if value is not None})
    return Run(called, called.start.id, caller=caller)


def _callers(run: Run) -> int:
    number = 0
    while run.caller is not None:
        run, number = run.caller, number + 1
    return number


def _back(stage: Stage, ended: Run, caller: Run) -> Run:
    """Go back to the dialog that called the ended one, with its own context."""
    for key in ("history", "historicTags"):
        if key in stage.user.context:
            caller.context[key] = stage.user.context[key]
    stage.user.context, caller.context = caller.context, {}
    return caller


async def _ask_again(stage: Stage, run: Run, component: Component) -> None:
    """Repeat the question, or give up after as many retries as the node has."""
    run.tries += 1
    options = run.node.options
    if run.tries <= options.retries:
        stage.user.run = run
        await ask(stage, run, component, component.error_prompts or component.prompts)
    elif options.afterwards in run.dialog.nodes:
        run.tries = 0
        await _go(stage, run, run.dialog.nodes[options.afterwards])
    else:
        await _end(stage, run)
