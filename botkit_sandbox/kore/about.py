"""What people are told about the bot: its dialogs, which of them hand over, and what is unusual in its export."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botkit_sandbox.kore import bot_events
from botkit_sandbox.kore.bot import Bot, Dialog
from botkit_sandbox.kore.export import BotExport
from botkit_sandbox.kore.findings import Finding, Kind, Row, rows
from botkit_sandbox.kore.inspection import is_training
from botkit_sandbox.kore.reading import objects
from botkit_sandbox.kore.transfers import AGENT_DIALOG, is_added, transfers

SUGGESTIONS = 3
SHORT = 30
PLAYED = frozenset(
    {
        "intent",
        "message",
        "script",
        "entity",
        "dialogAct",
        "logic",
        "botAction",
        "SDKWebHook",
        "webhook",
        "agentTransfer",
    }
)
"""The types of nodes that the dialog engine plays as the platform does."""
STAND_INS = frozenset({"service", "form"})
"""The types of nodes that the sandbox answers itself, since what they need is outside of the export."""


@dataclass(frozen=True, slots=True)
class About:
    """The bot in words."""

    bot: Bot
    findings: tuple[Finding, ...]
    suggestions: tuple[str, ...]

    @property
    def warnings(self) -> tuple[Row, ...]:
        """The findings, one row per kind."""
        return rows(self.findings)

    @property
    def handing_over(self) -> tuple[str, ...]:
        """The names of the dialogs that hand over to an agent."""
        return tuple(dialog.name for dialog in self.bot.dialogs.values() if transfers(dialog))

    @property
    def asking(self) -> str:
        """Words that lead to an agent: the name of a dialog."""
        return next(iter(self.handing_over), AGENT_DIALOG).lower()

    def as_json(self) -> dict[str, Any]:
        """For the page and the control API."""
        return {
            "id": self.bot.id,
            "name": self.bot.name,
            "languages": [
                self.bot.default_language,
                *sorted(self.bot.languages - {self.bot.default_language}),
            ],
            "dialogs": [
                {"id": one.id, "name": one.name, "transfers": transfers(one), "nodes": len(one.nodes)}
                for one in self.bot.dialogs.values()
            ],
            "warnings": [row.as_json() for row in self.warnings],
        }


def about(export: BotExport, bot: Bot) -> About:
    """Describe the bot that is made of an export, perhaps with transfers that were added since."""
    return About(
        bot=bot,
        findings=(*export.warnings, *_findings(bot)),
        suggestions=tuple(_suggestions(export, bot)),
    )


def _findings(bot: Bot) -> Iterator[Finding]:
    own = [dialog for dialog in bot.dialogs.values() if not is_added(dialog)]
    if not any(map(transfers, own)):
        text = "no dialog has an Agent Transfer node; add one in the builder, or let the sandbox add one"
        yield Finding(Kind.TRANSFER, "", text)
    for name in bot.events:
        if name not in bot_events.PLAYED:
            yield Finding(
                Kind.EVENT, name, f"event handler {name}: this event does not happen in the sandbox"
            )
    for dialog in own:
        for node in dialog.nodes.values():
            for one in (node, *node.parts):
                if one.kind not in PLAYED:
                    kind = Kind.STAND_IN if one.kind in STAND_INS else Kind.NOT_PLAYED
                    place = (
                        f"dialog {dialog.name}, {one.kind} {one.component.name if one.component else one.id}"
                    )
                    yield Finding(kind, place, f"{place}: the sandbox does not run it as the platform does")


def _suggestions(export: BotExport, bot: Bot) -> Iterator[str]:
    """Sentences that start a dialog: one that leads to an agent, and two of trained dialogs."""
    sentences = _short_sentences(export, bot)
    dialogs = [one for one in bot.dialogs.values() if not one.empty]
    dialogs.sort(key=lambda dialog: (_is_hidden(dialog), dialog.id not in sentences))
    agents = [dialog for dialog in dialogs if transfers(dialog)][:1]
    others = [one for one in dialogs if not transfers(one) and not _is_hidden(one)]
    others = others[: SUGGESTIONS - len(agents)]
    for dialog in (*agents, *others):
        yield sentences.get(dialog.id, dialog.name)


def _is_hidden(dialog: Dialog) -> bool:
    """Whether the builder hides the dialog from users, such as one that other dialogs call."""
    return dialog.raw.get("isHidden") is True


def _short_sentences(export: BotExport, bot: Bot) -> dict[str, str]:
    """The first short training sentence of each dialog in the bot's default language."""
    starts = {d.start.component.id: d.id for d in bot.dialogs.values() if d.start.component is not None}
    found: dict[str, str] = {}
    for sentence in filter(is_training, objects(export.definition.get("sentences"))):
        owner = starts.get(str(sentence.get("taskId")))
        text = sentence.get("sentence")
        if (
            owner
            and isinstance(text, str)
            and 0 < len(text) <= SHORT
            and sentence.get("language") == bot.default_language
        ):
            found.setdefault(owner, text)
    return found
