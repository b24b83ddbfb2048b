"""How the bot answers a text: with a dialog, an FAQ, small talk, or one of its event handlers.

docs/protocols/kore-xo-botkit.md, 7.9 and 7.10.
"""

from __future__ import annotations

from botkit_sandbox.errors import ScriptError
from botkit_sandbox.kore import bot_events, dialogs
from botkit_sandbox.kore.bot import Dialog
from botkit_sandbox.kore.bot_events import BotEvent
from botkit_sandbox.kore.core import Core
from botkit_sandbox.kore.knowledge import Known, exactly_known, nearly_known
from botkit_sandbox.kore.nodes import DialogEffects, Stage, execute, worded
from botkit_sandbox.kore.understanding import exactly_recognised_dialog, recognised_dialog
from botkit_sandbox.kore.users import User

NOT_UNDERSTOOD = "Sorry, I did not understand that. Could you say it in other words?"


async def reply(core: Core, voice: DialogEffects, user: User, text: str, *, intent: str | None) -> None:
    """Let the bot answer. `intent` is the dialog that an NLP engine of BotKit's own has recognised."""
    named = core.bot.dialog_named(intent) if intent else None
    meant = named or _meant(core, user, text)
    if user.run is not None and named is None:
        # A dialog that waits for a value takes every text, except one that clearly asks for another dialog.
        elsewhere = isinstance(meant, Dialog) and meant.id != user.run.dialog.id
        if not elsewhere or dialogs.expects(core, voice, user, user.run, text):
            await dialogs.resume(core, voice, user, user.run, text)
            return
    user.run = None
    if await _welcomes(core, voice, user, meant):
        return
    match meant:
        case Dialog():
            await dialogs.start(core, voice, user, meant)
        case Known():
            await _say_known(Stage(core, voice, user), meant)
        case _ if not await fire(core, voice, user, bot_events.NOT_UNDERSTOOD):
            stage = Stage(core, voice, user)
            own = await worded(stage, "not understood", core.bot.not_understood)
            await voice.utter(user, own or NOT_UNDERSTOOD, dialog_id="", node_id="")


async def connected(core: Core, voice: DialogEffects, user: User) -> bool:
    """The user's client has connected. Returns False if the bot has no event handler for that."""
    own = bot_events.CHANNEL_WELCOMES.get(user.channel, "")
    name = own if own in core.bot.events else bot_events.ON_CONNECT
    if user.run is not None or user.session.welcomed:
        return name in core.bot.events
    user.session.welcomed = await fire(core, voice, user, name)
    return user.session.welcomed


async def fire(core: Core, voice: DialogEffects, user: User, name: str, *, unless: str = "") -> bool:
    """Run an event handler of the bot. Returns False if the bot has none that is enabled.

    Args:
        core: the platform.
        voice: where the bot speaks.
        user: to whom.
        name: of the event.
        unless: the id of a dialog that must not be started, because it has just failed.
    """
    event = core.bot.events.get(name)
    if event is None:
        return False
    stage = Stage(core, voice, user)
    dialog = core.bot.dialogs.get(event.dialog_id)
    if dialog is not None and dialog.id != unless:
        await dialogs.start(core, voice, user, dialog)
    elif event.script:
        await _run_script(stage, name, event)
    elif event.prompts:
        text = await worded(stage, name, event.prompts)
        if text:
            await voice.utter(user, text, dialog_id="", node_id="")
    else:
        stage.note(f"[event handler {name} has neither a dialog of this export, a script nor a message]")
        return False
    return True


async def _run_script(stage: Stage, name: str, event: BotEvent) -> None:
    try:
        printed = (await execute(stage, event.script)).printed
    except ScriptError as error:
        stage.note(f"The script of event handler {name} failed: {error}")
        return
    if printed:
        await stage.voice.utter(stage.user, printed, dialog_id="", node_id="")


async def _welcomes(core: Core, voice: DialogEffects, user: User, meant: Dialog | Known | None) -> bool:
    """Welcome a user who writes first in a session. Returns True if the welcome is the answer."""
    if user.session.welcomed:
        return False
    user.session.welcomed = True
    event = core.bot.events.get(bot_events.WELCOME) if core.settings.welcomes else None
    kind = "task" if isinstance(meant, Dialog) else meant.kind if isinstance(meant, Known) else ""
    if event is None or kind in event.answers_first_message:
        return False
    return await fire(core, voice, user, bot_events.WELCOME)


def _meant(core: Core, user: User, text: str) -> Dialog | Known | None:
    """What the text asks for: word for word first, then what is most like it."""
    bot = core.bot
    exact = exactly_recognised_dialog(bot, text, user.language)
    if exact is not None:
        return bot.dialogs[exact]
    if user.run is None and (known := exactly_known(bot.knowledge, text, user.language)):
        return known
    near = recognised_dialog(bot, text, user.language)
    if near is not None:
        return bot.dialogs[near]
    return nearly_known(bot.knowledge, text) if user.run is None else None


async def _say_known(stage: Stage, known: Known) -> None:
    text = await worded(stage, known.title, known.answers)
    if text:
        await stage.voice.utter(stage.user, text, dialog_id="", node_id="")
    else:
        stage.note(f"[the answer to {known.title[:80]!r} is not a message; the emulator does not play it]")
