"""`botkit explain`: tell the story of a hand-off."""

from __future__ import annotations

import json

import click

from botkit.cli import config_option
from botkit.config.load import load
from botkit.operate.explain import explain as stories_of
from botkit.operate.story import Line, Told, timestamp


@click.command()
@click.argument("ref", metavar="REF")
@config_option("the store")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of stories.")
def explain(ref: str, config: str, as_json: bool) -> None:
    """Tell the story of one hand-off: each step, each failed call with its answer, and what to change.

    REF is the reference that the user was told and every log line has (7K3M-9Q2X). The id of the conversation or of the
    MessagingSession (0Mw…), a user's hash from the log, and the platform's id of a user work, too.

    Reads the store only, beside a running service or without one. No message, token or secret is in it. Exits with 1 if the
    store has no such hand-off (any more).
    """
    settings = load(config)
    stories = stories_of(settings, ref)
    if as_json:
        click.echo(json.dumps([story.as_json() for story in stories], ensure_ascii=False, indent=2))
    else:
        click.echo("\n\n".join(text_of(story) for story in stories))
    if not stories:
        hours = settings.store.keep_stories.total_seconds() / 3600
        raise click.ClickException(
            f"the store has no hand-off {ref}; it keeps them for {hours:g} hours (store.keep_stories)"
        )


def text_of(story: Told) -> str:
    """A story as text for a terminal."""
    facts = {
        "bot": story.bot,
        "user": story.user,
        "channel": story.channel,
        "agent system": story.system,
        "conversation": story.conversation,
        "record": story.record,
        "began": _time(story.began),
        "ended": _ended(story),
    }
    lines = [click.style(f"Hand-off {story.reference}", bold=True)]
    lines += [f"  {name:13} {value}" for name, value in facts.items() if value]
    lines += ["", *(_line(line) for line in story.lines)]
    if story.fixes:
        lines += ["", click.style("What to change", bold=True), *(f"  {fix}" for fix in story.fixes)]
    return "\n".join(lines)


def _time(at: float | None) -> str:
    return (timestamp(at) or "").replace("T", " ").replace("+00:00", " UTC")


def _ended(story: Told) -> str:
    if story.ended is None:
        return "not yet" if story.live else ""
    took = f" ({story.ended - story.began:.1f} s later)" if story.began is not None else ""
    return f"{_time(story.ended)}{took}: {story.why}"


def _line(line: Line) -> str:
    times = f" ({line.count} times until {_clock(line.until)})" if line.count > 1 else ""
    return f"  {_clock(line.at)}  {line.words}{times}"


def _clock(at: float) -> str:
    return (timestamp(at) or "")[11:23]
