"""Agent transfers that the sandbox adds to a bot whose export has none where somebody wants one.

A dialog gets an Agent Transfer node, and a Script node with `miawMetaInfo` before it, where it would have ended. A bot without
any transfer gets a dialog of its own for it.
"""

from __future__ import annotations

import difflib
import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from botkit_sandbox.errors import DialogUnknown
from botkit_sandbox.kore.bot import Bot, Component, Dialog, Node
from botkit_sandbox.kore.understanding import Utterance, normalised

AGENT_DIALOG = "Talk to an agent"
END_WORD = "endagentchat"
CLOSE_NAMES = 3
_ASKING = (AGENT_DIALOG, "Talk to a human", "Agent")
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "transfers.sandbox.botkit.example")
_AGENT_DIALOG_ID = f"dg-{uuid.uuid5(_NAMESPACE, AGENT_DIALOG)}"
_SCRIPT, _TRANSFER = "sandboxScript", "sandboxAgentTransfer"
_META_INFO = """
let miawMetaInfo = context.session.BotUserSession.miawMetaInfo || {};
miawMetaInfo.endChatShortHandCommand = miawMetaInfo.endChatShortHandCommand || %s;
miawMetaInfo.preChatInfo = Object.assign({Dialog: %s}, miawMetaInfo.preChatInfo);
context.session.BotUserSession.miawMetaInfo = miawMetaInfo;
"""


def transfers(dialog: Dialog) -> bool:
    """Whether a node of the dialog hands over to an agent."""
    return any(one.kind == "agentTransfer" for node in dialog.nodes.values() for one in (node, *node.parts))


def is_added(dialog: Dialog) -> bool:
    """Whether the sandbox has made the whole dialog."""
    return dialog.id == _AGENT_DIALOG_ID


def with_transfer(bot: Bot, name: str) -> Bot:
    """The bot, with this dialog ending at an agent. A dialog that transfers already stays as it is.

    Args:
        bot: the bot.
        name: of the dialog, in any case and with any punctuation; or its id.

    Raises:
        DialogUnknown: there is no such dialog.
    """
    dialog = bot.dialogs.get(name) or bot.dialog_named(name)
    if dialog is None:
        raise DialogUnknown(f"the bot has no dialog {name!r}; {_advice(bot, name)}")
    if transfers(dialog):
        return bot
    changed = replace(dialog, nodes=dict(_nodes_with_transfer(dialog)))
    return replace(bot, dialogs={**bot.dialogs, dialog.id: changed})


def with_agent_dialog(bot: Bot) -> Bot:
    """The bot, with a dialog "Talk to an agent". A bot with any transfer stays as it is."""
    if any(map(transfers, bot.dialogs.values())):
        return bot
    identifier = _AGENT_DIALOG_ID
    empty = Dialog(id=identifier, name=AGENT_DIALOG, nodes={}, raw={})
    dialog = replace(empty, nodes=dict(_handing_over(empty)))
    said = tuple(Utterance(dialog_id=identifier, language="", words=normalised(text)) for text in _ASKING)
    return replace(bot, dialogs={**bot.dialogs, identifier: dialog}, utterances=(*bot.utterances, *said))


def _nodes_with_transfer(dialog: Dialog) -> Iterator[tuple[str, Node]]:
    for identifier, node in dialog.nodes.items():
        changed = tuple(_redirected(transition, dialog) for transition in node.transitions)
        if not any(isinstance(transition.get("default"), str) for transition in changed):
            changed = (*changed, {"default": _SCRIPT})
        yield identifier, replace(node, transitions=changed)
    yield from _handing_over(dialog)


def _redirected(transition: Mapping[str, Any], dialog: Dialog) -> Mapping[str, Any]:
    """The transition, leading to the hand-off if it led out of the dialog."""
    ending = {
        key: _SCRIPT
        for key in ("default", "then")
        if key in transition and str(transition[key]) not in dialog.nodes
    }
    return {**transition, **ending}


def _handing_over(dialog: Dialog) -> Iterator[tuple[str, Node]]:
    script = _META_INFO % (json.dumps(END_WORD), json.dumps(dialog.name))
    yield _SCRIPT, _node(dialog, _SCRIPT, "script", "SandboxHandoffInfo", script, following=_TRANSFER)
    yield _TRANSFER, _node(dialog, _TRANSFER, "agentTransfer", "SandboxAgent", "", following="end")


def _node(dialog: Dialog, identifier: str, kind: str, name: str, script: str, *, following: str) -> Node:
    own = f"dc-{uuid.uuid5(_NAMESPACE, f'{dialog.id}/{identifier}')}"
    raw = {"_id": own, "name": name, "type": kind}
    component = Component(id=own, kind=kind, name=name, script=script, raw=raw)
    return Node(id=identifier, kind=kind, component=component, transitions=({"default": following},))


def _advice(bot: Bot, name: str) -> str:
    names = {dialog.name.casefold(): dialog.name for dialog in bot.dialogs.values()}
    close = (
        difflib.get_close_matches(name.casefold(), names, n=CLOSE_NAMES, cutoff=0.4)
        or sorted(names)[:CLOSE_NAMES]
    )
    return (
        f"name one of its {len(names)}, such as {', '.join(names[one] for one in close)}"
        if close
        else "it has none"
    )
