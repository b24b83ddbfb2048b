"""Rules for the hooks of the XO platform (docs/protocols/kore-xo-botkit.md)."""

from __future__ import annotations

from msgspec.structs import replace

from botkit.handoff import effects, events, files, idle, opening, platform_session
from botkit.handoff.conversation import AgentSession, Conversation, HeldMessage, Phase
from botkit.handoff.decision import Decision, hand_to_agent, is_recent, message_id, say, with_session
from botkit.handoff.end_words import is_end_word
from botkit.handoff.ending import end, give_back
from botkit.handoff.rules import Rules
from botkit.handoff.text import as_compared, pieces

FLAG_LAG_SECONDS = 3.0
"""Within this time after a transfer, `agent_transfer: false` may be an outdated flag."""

STALE_FLAG_SECONDS = 60.0
"""Within this time after an end, `agent_transfer: true` is an outdated flag, not the sign of a lost session."""

MAX_KEPT_CHARACTERS = 200_000
MAX_KEPT_MESSAGES = 1_000
"""Max messages of a user kept while the agents' side does not accept them, or for the next agent system."""

_TO_BOT: tuple[effects.Effect, ...] = (effects.PassToBot(),)
_TO_USER: tuple[effects.Effect, ...] = (effects.PassToUser(),)
_SKIP: tuple[effects.Effect, ...] = (effects.SkipUserMessage(),)


def decide_hook(rules: Rules, conversation: Conversation, event: events.PlatformHookEvent) -> Decision:
    """The rule of each hook's event."""
    match event:
        case events.UserMessage():
            return user_message(rules, conversation, event)
        case events.BotMessage():
            return bot_message(rules, conversation, event)
        case events.AgentTransfer():
            return opening.agent_transfer(rules, conversation, event)
        case events.PlatformSessionClosed():
            return session_closed(rules, conversation, event)
        case events.UserTyping():
            return user_typing(conversation, event)
        case events.UserCustomEvent():
            return user_custom_event(conversation, event)
        case events.Alert():
            return alert(conversation)
        case events.OtherHook():
            return Decision(conversation)


def user_message(rules: Rules, conversation: Conversation, event: events.UserMessage) -> Decision:
    """on_user_message: to the agent while an agent session lives, to the bot otherwise."""
    session = conversation.session
    if event.retried or (session is not None and (event.of_client or event.connect)):
        # A repetition, or nobody's words; the flag may be outdated. If the message is for the bot, the platform waits for one
        # call.
        skip = effects.CallWithHook("skip_bot_message")
        of_bot = event.agent_transfer is False or (session is None and event.agent_transfer is None)
        return Decision(conversation, (skip,) if of_bot else ())
    if session is None:
        if event.agent_transfer:
            return _lost_session(rules, conversation, event)
        return Decision(conversation, files.to_bot(rules, event) or _TO_BOT)
    if event.agent_transfer is False and not _flag_lags(session, event):
        # The platform timed the agent mode out (5.8): the user belongs to the bot again.
        ended = end(
            rules, conversation, session, event.at, why="platform_timeout", words="conversationClosedMessage"
        )
        return replace(ended, effects=(*ended.effects, effects.PassToBot()))
    current = platform_session.renewed(session, event.sessions)
    if event.agent_transfer and not session.flagged:
        current = replace(current, flagged=True)
    if current is not session:
        session = current
        conversation = replace(conversation, session=session)
    if is_end_word(rules, session, event):
        return end(rules, conversation, session, event.at, why="user", words="conversationClosedMessage")
    session, back = idle.user_is_back(session)
    as_files = files.as_files(rules, session, event)
    as_text = event.attachments[len(as_files) :]
    text = _with_lines(event.text, [files.for_agent(rules, file) for file in as_text])
    back += files.say_closed(rules, session, as_text)
    parts = _parts(rules, session, text)
    if parts is None:
        everything = HeldMessage("", _as_text(event.text, event.attachments))
        return with_session(conversation, session, *back, *give_back(rules, session.language, [everything]))
    cause = event.key or f"{event.at}"
    messages = tuple(
        HeldMessage(message_id(session.id, "user", cause, index), part) for index, part in enumerate(parts)
    )
    session, sends = hand_to_agent(rules, session, messages)
    session, uploads = files.send(rules, session, event, as_files)
    if session == conversation.session and not (back or uploads or sends):
        return Decision(conversation)
    return with_session(conversation, session, *back, *sends, *uploads)


def bot_message(rules: Rules, conversation: Conversation, event: events.BotMessage) -> Decision:
    """on_bot_message: to the user; skipped while an agent session lives.

    The platform announces the end of an inactive session in an ordinary message of the bot (4.6). Then the agent session ends,
    and the message tells the user.
    """
    session = conversation.session
    if session is None:
        return Decision(conversation, _TO_USER)
    if not _closes(rules, session, event):
        return Decision(conversation, _SKIP)
    ended = end(rules, conversation, session, event.at, why="platform_closed", words=None)
    return replace(ended, effects=(*_TO_USER, *ended.effects))


def alert(conversation: Conversation) -> Decision:
    """on_alert: to the user, with or without an agent session."""
    return Decision(conversation, (effects.CallWithHook("send_alert_message"),))


def session_closed(rules: Rules, conversation: Conversation, event: events.PlatformSessionClosed) -> Decision:
    """on_event sessionClosure: the user is gone, or the platform closed the session. It may repeat.

    The closure of another session comes late, or is about another channel: the agent session goes on.
    """
    session = conversation.session
    if session is None or platform_session.is_another(session, event.sessions):
        return Decision(conversation)
    return end(rules, conversation, session, event.at, why="platform", words="conversationClosedMessage")


def user_custom_event(conversation: Conversation, event: events.UserCustomEvent) -> Decision:
    """on_client_event with a custom event: an agent's console may understand it."""
    session = conversation.session
    if session is None or session.access is None or session.phase is not Phase.ACTIVE:
        return Decision(conversation)
    sent = effects.SendCustomEvent(session.id, session.system, session.access, event.name, event.data)
    return Decision(conversation, (sent,))


def user_typing(conversation: Conversation, event: events.UserTyping) -> Decision:
    """on_client_event: a present agent sees the user typing."""
    session = conversation.session
    if session is None or session.access is None or session.phase is not Phase.ACTIVE:
        return Decision(conversation)
    typing = effects.TypingToAgent(session.id, session.system, session.access, event.started)
    present, back = idle.user_is_back(session)
    return with_session(conversation, present, *back, typing) if back else Decision(conversation, (typing,))


def _lost_session(rules: Rules, conversation: Conversation, event: events.UserMessage) -> Decision:
    """The platform reports an agent session that does not exist here (5.7): tell the user and give them back to the bot.

    Right after an end the flag is only outdated, and the user has been told already.
    """
    ended_at = conversation.ended_at
    if ended_at is not None and is_recent(ended_at, event.at, STALE_FLAG_SECONDS):
        return Decision(conversation, (effects.ClearAgentSession(), effects.PassToBot()))
    text = rules.responses.text("conversationClosedMessage", rules.default_language)
    remembered = replace(conversation, ended_at=event.at)
    return Decision(
        remembered,
        (*say(text), effects.ClearAgentSession(), effects.PassToBot(), effects.CountMetric("lost_session")),
    )


def _flag_lags(session: AgentSession, event: events.UserMessage) -> bool:
    """Whether `agent_transfer: false` is to be ignored: typed before the transfer, or too soon after it.

    requestIds of the platform are epoch milliseconds, so a message with a lower one was typed earlier. Once the platform has
    sent `true`, or an agent was present, `false` counts at once.
    """
    overtaken = (
        event.request_number is not None
        and session.opening_request is not None
        and event.request_number < session.opening_request
    )
    known = session.flagged or session.accepted
    return overtaken or (not known and is_recent(session.opened_at, event.at, FLAG_LAG_SECONDS))


def _closes(rules: Rules, session: AgentSession, event: events.BotMessage) -> bool:
    """Whether a message of the bot says that the platform's session is over: by its words, or by its flag.

    A false flag counts once the platform has sent `true`, as for messages of the user. A user who times out may have said
    nothing, so it counts too once an agent was present, if its requestId is later than the transfer's or a minute has passed.
    Before that, the message belongs to the dialog that has led to the transfer.
    """
    if event.text is not None and as_compared(event.text) in rules.platform_closing_messages:
        return True
    number, opening = event.request_number, session.opening_request
    if event.agent_transfer is not False:
        return False
    settled_after = STALE_FLAG_SECONDS
    if number is not None and opening is not None:
        if number <= opening:
            return False
        settled_after = FLAG_LAG_SECONDS
    return session.flagged or (session.accepted and not is_recent(session.opened_at, event.at, settled_after))


def _parts(rules: Rules, session: AgentSession, text: str) -> list[str] | None:
    """A text in the messages that the agent gets; None if it is too much to keep. Of such a text no more is split than that."""
    kept = [one.text for one in (*session.taken, *session.in_flight, *session.held)]
    messages, characters = MAX_KEPT_MESSAGES - len(kept), MAX_KEPT_CHARACTERS - sum(map(len, kept))
    parts: list[str] = []
    for part in pieces(text, rules.capabilities(session.system).max_text):
        parts.append(part)
        characters -= len(part)
        if len(parts) > messages or characters < 0:
            return None
    return parts


def _as_text(words: str | None, attachments: tuple[events.Attachment, ...]) -> str:
    """The user's text and, on a line each, the attached files."""
    return _with_lines(words, [files.named(attachment) for attachment in attachments])


def _with_lines(words: str | None, lines: list[str]) -> str:
    words = (words or "").strip()
    return "\n".join([words, *lines] if words else lines)
