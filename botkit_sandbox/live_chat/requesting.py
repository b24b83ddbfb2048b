"""ChasitorInit: a visitor requests a chat. Its pre-chat details are stored (4).

See docs/protocols/salesforce-live-chat.md, 2.3.
"""

from __future__ import annotations

from collections.abc import Sequence

from botkit_sandbox.live_chat import messages
from botkit_sandbox.live_chat.bodies import ChasitorInit, CustomDetail
from botkit_sandbox.live_chat.core import same_id
from botkit_sandbox.live_chat.sessions import Sessions
from botkit_sandbox.live_chat.state import Chat, Route, Session
from botkit_sandbox.salesforce.refusal import NotKnown, Refusal


class Requesting(Sessions):
    """A request is validated, routed by present availability, and waits for an agent."""

    def request_chat(self, session: Session, body: ChasitorInit, *, api_version: int) -> None:
        """Request a chat. The next poll returns success or failure.

        Raises:
            Refusal: 400 or 409.
        """
        if session.chat is not None:
            if self.settings.init_again == 409:
                raise Refusal(409, "The chat has been requested already")
            return
        if self.settings.check_session_id and body.session_id not in (None, "", session.id):
            raise Refusal(400, "Bad Request: sessionId is not that of the session key")
        if not (body.button_id or body.agent_id or body.button_overrides):
            raise Refusal(400, "Bad Request: buttonId is required")
        if self.settings.strict_prechat and not _is_complete(body):
            raise Refusal(400, "Bad Request: a required property of the pre-chat data is missing")
        routes = self._routes(body)
        if not routes and self.settings.wrong_target == "refuse":
            raise Refusal(400, "Bad Request: no such organization, deployment or button")
        available = [route for route in routes if self._is_available(route)]
        chosen = (available or routes or [Route(None, None)])[0]
        chat = self._new_chat(session, body, route=chosen, api_version=api_version)
        self.event(chat, "ChatRequest")
        self.publish_change("created", chat, attributes=chat.attributes)
        if fault := self.faults.use("request-fail", conversation_id=chat.id):
            self.fail(chat, fault.reason)
        elif not routes:
            self.fail(chat, self.settings.wrong_target_reason)
        elif not available and self.settings.unavailable_reply == "fail":
            self.fail(chat, "Unavailable", queue_full=self._is_staffed(chosen))
        else:
            self._succeed(chat, available=bool(available))

    def is_button_available(self, button_id: str) -> bool:
        """Whether an agent of the button is online and its queue is not full (8)."""
        try:
            return self._is_available(Route(None, self.button(button_id)))
        except NotKnown:
            return False

    def is_agent_available(self, agent_id: str) -> bool:
        """Whether the agent is online and can take one more chat."""
        try:
            return self.has_room(self.agent(agent_id))
        except NotKnown:
            return False

    def _succeed(self, chat: Chat, *, available: bool) -> None:
        position = 0
        if chat.queue_updates and self.settings.queue_positions:
            ahead = sum(other.route.button == chat.route.button for other in self.queue.values())
            position = ahead + 1  # captured: the next visitor is 1 here and 0 in QueueUpdate
        success = messages.request_success(
            chat, self.settings, position=position, wait_seconds=self.wait_left(chat)
        )
        self.send(chat, "ChatRequestSuccess", success)
        if self.settings.rules_sent_in == "SensitiveDataRules":
            rules = messages.rules(self.settings.sensitive_data_rules)
            self.send(chat, "SensitiveDataRules", {"sensitiveDataRules": rules})
        if available:
            self.enqueue(chat, "first")
        else:
            self.queue[chat.id] = chat
            self.send_queue_updates()
            self.fail(chat, "Unavailable", queue_full=self._is_staffed(chat.route))

    def _new_chat(self, session: Session, body: ChasitorInit, *, route: Route, api_version: int) -> Chat:
        details = body.prechat_details or []
        values = {detail.label: _words(detail.value) for detail in details}
        session.touched_ms = self.clock()
        session.chat = chat = Chat(
            id=session.id,
            requested_ms=self.clock(),
            api_version=api_version,
            visitor_name=body.visitor_name or "",
            language=body.language or "",
            attributes=values,
            hidden_attributes=tuple(each.label for each in details if each.display_to_agent is False),
            transcript_fields=_transcript_fields(details),
            records=self.records.find_or_create(body.prechat_entities or (), values),
            queue_updates=bool(body.receive_queue_updates),
            route=route,
        )
        return chat

    def _routes(self, body: ChasitorInit) -> list[Route]:
        """The targets in the order of trial; overrides replace the rest. Unknown ids are left out."""
        settings = self.settings
        if not (
            same_id(body.organization_id, settings.organization_id)
            and same_id(body.deployment_id, settings.deployment_id)
        ):
            return []
        if body.button_overrides:
            found = [self._override(entry) for entry in body.button_overrides]
        elif body.agent_id:
            found = [self._route(body.agent_id, (body.button_id or "") if body.do_fallback else "")]
        else:
            found = [self._route("", body.button_id or "")]
        return [route for route in found if route is not None]

    def _override(self, entry: str) -> Route | None:
        agent_id, _, button_id = entry.partition("_")
        return self._route("", entry) if entry.startswith("573") else self._route(agent_id, button_id)

    def _route(self, agent_id: str, button_id: str) -> Route | None:
        try:
            agent = self.agent(agent_id) if agent_id else None
            button = self.button(button_id) if button_id else None
        except NotKnown:
            return None
        return Route(agent, button)

    def _is_available(self, route: Route) -> bool:
        if route.agent is not None and self.has_room(route.agent):
            return True
        if not self._is_staffed(route):
            return False
        limit = self.settings.queue_limit
        waiting = sum(chat.route.button == route.button for chat in self.queue.values())
        return limit is None or waiting < limit

    def _is_staffed(self, route: Route) -> bool:
        return route.button is not None and any(agent.online for agent in self.staff(route.button))


def _is_complete(body: ChasitorInit) -> bool:
    """Whether the pre-chat data have every field that the guide requires; public clients omit some (4)."""
    return all(
        None not in (detail.value, detail.transcript_fields) for detail in body.prechat_details or ()
    ) and all(
        None not in (each.do_find, each.is_exact_match, each.do_create)
        for entity in body.prechat_entities or ()
        for each in entity.entity_fields_maps or ()
    )


def _transcript_fields(details: Sequence[CustomDetail]) -> dict[str, str]:
    return {field: _words(detail.value) for detail in details for field in detail.transcript_fields or ()}


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
