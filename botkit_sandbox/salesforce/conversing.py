"""What API clients do with a whole conversation, on behalf of the end user.

See docs/protocols/salesforce-miaw.md, 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botkit_sandbox.salesforce import prechat
from botkit_sandbox.salesforce.access import Access
from botkit_sandbox.salesforce.bodies import NewConversation
from botkit_sandbox.salesforce.ids import is_conversation_id
from botkit_sandbox.salesforce.refusal import Refusal, over_limit
from botkit_sandbox.salesforce.routing import Routing
from botkit_sandbox.salesforce.state import Conversation
from botkit_sandbox.salesforce.tokens import Claims

_STANDARD_ATTRIBUTES = ("_firstName", "_lastName", "_email", "_subject")


class Conversing(Access, Routing):
    """Every method takes the claims of the caller's token and refuses conversations of other users."""

    def owned(self, claims: Claims, conversation_id: str, *, reading: bool = False) -> Conversation:
        """The caller's conversation.

        Raises:
            Refusal: 404 for an unknown conversation, 403 for one of another user or a closed one (11.1).
        """
        conversation = self.conversations.get(conversation_id)
        if conversation is None:
            raise Refusal(404, "Conversation not found")
        if conversation.owner.subject != claims.subject:
            raise Refusal(403, "The conversation belongs to another end user")
        if conversation.closed_ms is not None and not (reading and self.settings.closed_readable):
            raise Refusal(403, "The conversation is closed")
        return conversation

    def create(self, claims: Claims, request: NewConversation) -> int:
        """Open a conversation and start routing at once. Returns the HTTP status of the answer.

        Raises:
            Refusal: 400, 403, 409 or 429.
        """
        settings, conversation_id = self.settings, request.conversation_id
        if not is_conversation_id(conversation_id):
            raise Refusal(400, "conversationId must be in UUID format (version 4) and in lowercase")
        self.check_developer_name(request.es_developer_name)
        if not settings.published:
            raise Refusal(403, "The deployment is not published")
        attributes, ignored = self.attributes(request.routing_attributes)
        self.check_prechat(attributes)
        user = self.end_users[claims.subject]
        if (known := self.conversations.get(conversation_id)) is not None:
            if known.owner is user and settings.create_again == 200:
                return 200
            raise Refusal(409, "A conversation with this conversationId exists already")
        if over_limit(
            user.starts_ms,
            settings.conversation_starts_per_30_seconds,
            now_ms=self.clock(),
            window_ms=30_000,
        ):
            raise Refusal(429, "Too many conversations started", retry_after=settings.retry_after_seconds)
        self._make_room()
        conversation = Conversation(
            conversation_id,
            user,
            created_ms=self.clock(),
            language=request.language or "",
            attributes=attributes,
            ignored_attributes=ignored,
        )
        self.conversations[conversation_id] = conversation
        self.start_session(conversation)
        return 201

    def leave_session(self, claims: Claims, conversation_id: str, developer_name: str) -> None:
        """DELETE …/session: end the session; the conversation stays open (2.5). Raises: Refusal 400, 403 or 404."""
        self.check_developer_name(developer_name)
        conversation = self.owned(claims, conversation_id)
        if conversation.live:
            self.end_session(conversation, by="EndUser")

    def close(self, claims: Claims, conversation_id: str, developer_name: str) -> None:
        """DELETE /conversation/{id}: close the conversation for good. Raises: Refusal 400, 403 or 404."""
        self.check_developer_name(developer_name)
        conversation = self.owned(claims, conversation_id)
        if conversation.live:
            self.end_session(conversation, by="EndUser")
        conversation.closed_ms = self.clock()
        self.emit(
            conversation,
            "CONVERSATION_CLOSE_CONVERSATION",
            "CloseConversation",
            {"conversationIdentifier": conversation.id},
            sender=conversation.owner.sender,
            name=conversation.owner.display_name,
            listed=False,
        )
        self.publish_change("closed", conversation)

    def user_typing(self, claims: Claims, conversation_id: str, *, started: bool) -> None:
        """Show the agents that the user types; the user's own stream gets no event. Raises: Refusal 403 or 404."""
        conversation = self.owned(claims, conversation_id)
        conversation.user_typing = started
        self.publish_change("userTyping", conversation, started=started)

    def attributes(self, attributes: Mapping[str, Any] | None) -> tuple[dict[str, str], tuple[str, ...]]:
        """The attributes that a client may set, as strings, and the names that are ignored. Raises: Refusal 400."""
        settings = self.settings
        kept: dict[str, str] = {}
        ignored: list[str] = []
        all_kept = settings.known_attributes is None and not settings.prechat_fields
        known = {*_STANDARD_ATTRIBUTES, *(field.name for field in self.prechat_fields)}
        for name, value in (attributes or {}).items():
            if settings.string_attributes_only and not isinstance(value, str):
                raise Refusal(400, f"routingAttributes.{name} must be a string")
            if settings.attribute_max_length is not None and len(str(value)) > settings.attribute_max_length:
                raise Refusal(
                    400, f"routingAttributes.{name} is longer than {settings.attribute_max_length} characters"
                )
            if all_kept or name in known:
                kept[name] = str(value)
            else:
                ignored.append(name)  # silently, as Salesforce ignores fields that the deployment lacks (2.1)
        return kept, tuple(ignored)

    def check_prechat(self, attributes: Mapping[str, str]) -> None:
        """Raises: Refusal 400 when a new session's values do not fit the form and that is checked."""
        if self.settings.prechat_check == "strict":
            prechat.check_values(self.prechat_fields, attributes)

    def _make_room(self) -> None:
        limit = self.settings.max_open_conversations
        if len(self.conversations) < limit:
            return
        for conversation_id, conversation in self.conversations.items():
            if conversation.closed_ms is not None:
                del self.conversations[conversation_id]
                return
        raise Refusal(429, f"{limit} conversations are open already")
