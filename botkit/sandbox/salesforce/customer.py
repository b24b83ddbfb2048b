"""What the API's clients do with conversations, as the end user (protocol sections 2 and 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botkit.sandbox.salesforce import content, payloads
from botkit.sandbox.salesforce.access import Access
from botkit.sandbox.salesforce.bodies import (
    Acknowledgement,
    FileMessage,
    NewConversation,
    SendFile,
    SendMessage,
    content_of,
)
from botkit.sandbox.salesforce.files import StoredFile
from botkit.sandbox.salesforce.ids import is_conversation_id, is_uuid
from botkit.sandbox.salesforce.rates import over_limit
from botkit.sandbox.salesforce.refusal import Refusal
from botkit.sandbox.salesforce.routing import SYSTEM_NAME, Routing
from botkit.sandbox.salesforce.state import KEPT_MESSAGE_IDS, Conversation, Sender
from botkit.sandbox.salesforce.tokens import Claims

_STANDARD_ATTRIBUTES = ("_firstName", "_lastName", "_email", "_subject")


class Customer(Access, Routing):
    """Every method takes the claims of the caller's token and refuses what is not theirs."""

    def owned(self, claims: Claims, conversation_id: str, *, reading: bool = False) -> Conversation:
        """The caller's conversation.

        Raises:
            Refusal: 404 for an unknown one, 403 for somebody else's or a closed one (11.1).
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
        """Open a conversation; routing starts at once. Returns the status to answer.

        Raises:
            Refusal: 400, 403, 409 or 429.
        """
        settings, conversation_id = self.settings, request.conversation_id
        if not is_conversation_id(conversation_id):
            raise Refusal(400, "conversationId must be in UUID format (version 4) and in lowercase")
        self.check_developer_name(request.es_developer_name)
        if not settings.published:
            raise Refusal(403, "The deployment is not published")
        attributes, ignored = self._attributes(request.routing_attributes)
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

    def send(self, claims: Claims, conversation_id: str, request: SendMessage) -> dict[str, Any]:
        """A message of the user's; a repeated id gets the same answer and changes nothing (3.1).

        Raises:
            Refusal: 400, 403, 404, 417 or 429.
        """
        message = request.message
        self._check_message(message.id, request.es_developer_name)
        parts = content_of(message)
        words = str(parts["staticContent"]["text"]) if "staticContent" in parts else ""
        if self.settings.text_max_length is not None and len(words) > self.settings.text_max_length:
            raise Refusal(400, f"The text is longer than {self.settings.text_max_length} characters")
        conversation = self.owned(claims, conversation_id)
        if (repeated := _taken(conversation, message.id)) is not None:
            return repeated
        self._admit(conversation, request)
        sender, name = self._speaker(conversation, claims)
        shape = {"messageType": message.message_type, "inReplyToMessageId": message.in_reply_to_message_id}
        said = [{**shape, "references": [], **parts}]
        if self.settings.split_urls and set(parts.get("staticContent", ())) == {"formatType", "text"}:
            pieces = content.split_at_url(words)
            said = [{**piece, "inReplyToMessageId": shape["inReplyToMessageId"]} for piece in pieces]
        # Which of the two halves carries the client's id is not known; here it is the text.
        for piece in said:
            is_text = len(said) == 1 or piece["staticContent"]["formatType"] == "Text"
            entry = self.say(
                conversation, piece, sender=sender, name=name, identifier=message.id if is_text else ""
            )
            if is_text:
                conversation.accepted_messages[message.id] = entry.client_ms
        self._after_message(conversation, message.id)
        if words.strip().lower() in self.settings.opt_out_words:
            self._opt_out(conversation)
        return _answer(message.id, conversation.accepted_messages[message.id])

    def send_file(
        self,
        claims: Claims,
        conversation_id: str,
        request: SendFile,
        *,
        name: str,
        mime_type: str,
        data: bytes,
    ) -> dict[str, Any]:
        """A file of the user's, echoed as a message with an address to fetch it from (3.3).

        Raises:
            Refusal: 400, 403, 404, 413, 415, 417 or 429.
        """
        message: FileMessage = request.message
        self._check_message(message.id, request.es_developer_name)
        if not is_uuid(message.file_id):
            raise Refusal(400, "message.fileId must be in UUID format")
        if not self.settings.files_enabled:
            raise Refusal(400, "Attachments are not enabled on this channel")
        if len(data) > self.settings.max_file_mb * 1024 * 1024:
            raise Refusal(413, f"The file is larger than {self.settings.max_file_mb:g} MB")
        if name.rpartition(".")[2].lower() not in self.settings.file_types:
            raise Refusal(415, "Files of this type are not allowed")
        conversation = self.owned(claims, conversation_id)
        if (repeated := _taken(conversation, message.id)) is not None:
            return repeated
        self._admit(conversation, request)
        said = self.store_file(conversation, name=name, mime_type=mime_type, data=data, caption=message.text)
        sender, display_name = self._speaker(conversation, claims)
        entry = self.say(conversation, said, sender=sender, name=display_name, identifier=message.id)
        conversation.accepted_messages[message.id] = entry.client_ms
        self._after_message(conversation, message.id)
        return _answer(message.id, entry.client_ms)

    def store_file(
        self,
        conversation: Conversation,
        *,
        name: str,
        mime_type: str,
        data: bytes,
        caption: str | None = None,
    ) -> content.Message:
        """Keep a file and return the message that shows it."""
        file_id = self.new_uuid()
        self.files.put(file_id, StoredFile(name, mime_type, data, conversation.owner.subject))
        url = f"{self.base_url}/iamessage/attachments/{file_id}"
        return content.attachment(file_id=file_id, name=name, mime_type=mime_type, url=url, caption=caption)

    def user_typing(self, claims: Claims, conversation_id: str, *, started: bool) -> None:
        """The agents see it; the user's own stream does not. Raises: Refusal 403 or 404."""
        conversation = self.owned(claims, conversation_id)
        conversation.user_typing = started
        self.tell("userTyping", conversation, started=started)

    def acknowledge(self, claims: Claims, conversation_id: str, acks: list[Acknowledgement]) -> None:
        """Receipts of what agents said; for entries not known here they do nothing. Raises: Refusal 403 or 404."""
        conversation = self.owned(claims, conversation_id)
        known = {entry.identifier for entry in conversation.entries}
        for ack in acks:
            kind = ack.entry_type.removesuffix("Acknowledgement")
            if (
                ack.conversation_entry_id in known
                and conversation.receipts.get(ack.conversation_entry_id) != "Read"
            ):
                conversation.receipts[ack.conversation_entry_id] = kind
        self.tell("acknowledged", conversation, receipts=[ack.conversation_entry_id for ack in acks])

    def leave_session(self, claims: Claims, conversation_id: str, developer_name: str) -> None:
        """DELETE …/session: the conversation stays open (2.5). Raises: Refusal 400, 403 or 404."""
        self.check_developer_name(developer_name)
        conversation = self.owned(claims, conversation_id)
        if conversation.live:
            self.end_session(conversation, by="EndUser")

    def close(self, claims: Claims, conversation_id: str, developer_name: str) -> None:
        """DELETE /conversation/{id}: for good. Raises: Refusal 400, 403 or 404."""
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
        self.tell("closed", conversation)

    # --- inside ------------------------------------------------------------------------------------------------

    def _attributes(self, given: Mapping[str, Any] | None) -> tuple[dict[str, str], tuple[str, ...]]:
        settings = self.settings
        kept: dict[str, str] = {}
        ignored: list[str] = []
        for name, value in (given or {}).items():
            if settings.string_attributes_only and not isinstance(value, str):
                raise Refusal(400, f"routingAttributes.{name} must be a string")
            if settings.attribute_max_length is not None and len(str(value)) > settings.attribute_max_length:
                raise Refusal(
                    400, f"routingAttributes.{name} is longer than {settings.attribute_max_length} characters"
                )
            allowed = settings.known_attributes is None or name in (
                *_STANDARD_ATTRIBUTES,
                *settings.known_attributes,
            )
            if allowed:
                kept[name] = str(value)
            else:
                ignored.append(name)  # silently, as the real one does with fields not on the deployment (2.1)
        return kept, tuple(ignored)

    def _check_message(self, message_id: str, developer_name: str) -> None:
        if not is_uuid(message_id):
            raise Refusal(400, "message.id must be in UUID format")
        self.check_developer_name(developer_name)

    def _admit(self, conversation: Conversation, request: SendMessage | SendFile) -> None:
        """Rate, and the session this message belongs to: maybe a new one, maybe not without pre-chat (417)."""
        settings = self.settings
        limit = settings.messages_per_minute
        if over_limit(conversation.message_times_ms, limit, now_ms=self.clock(), window_ms=60_000):
            raise Refusal(
                429, "Too many messages in this conversation", retry_after=settings.retry_after_seconds
            )
        attributes, _ = self._attributes(request.routing_attributes)
        if conversation.live:
            return
        if settings.display_context == "Session" and not request.is_new_messaging_session:
            raise Refusal(
                417,
                "A new messaging session needs pre-chat: send isNewMessagingSession and routingAttributes",
            )
        conversation.attributes.update(attributes)
        self.start_session(conversation)

    def _speaker(self, conversation: Conversation, claims: Claims) -> tuple[Sender, str]:
        owner = conversation.owner
        first, last = (conversation.attributes.get(name, "") for name in ("_firstName", "_lastName"))
        name = f"{first} {last}".strip() or owner.display_name
        return Sender("EndUser", "iamessage", owner.subject, claims.client_id), name

    def _after_message(self, conversation: Conversation, message_id: str) -> None:
        while len(conversation.accepted_messages) > KEPT_MESSAGE_IDS:
            del conversation.accepted_messages[next(iter(conversation.accepted_messages))]
        conversation.user_typing = False
        if self.settings.delivery_receipts:
            self.agent_receipt(conversation, message_id, kind="Delivery")
        if conversation.session.status == "Inactive":
            self.reroute_inactive(conversation)

    def agent_receipt(self, conversation: Conversation, message_id: str, *, kind: str) -> None:
        """The console of the first agent present tells that the user's message arrived or was read."""
        agent = next(iter(conversation.present.values()), None)
        if agent is None:
            return
        self.emit(
            conversation,
            f"CONVERSATION_{kind.upper()}_ACKNOWLEDGEMENT",
            f"{kind}Acknowledgement",
            payloads.receipt(message_id, at_ms=self.clock(), recipient=agent.sender),
            sender=agent.sender,
            name=agent.name,
            listed=False,
            related=[message_id],
        )
        conversation.receipts[message_id] = kind

    def _opt_out(self, conversation: Conversation) -> None:
        self.emit(
            conversation,
            "CONVERSATION_END_USER_CONSENT_UPDATED",
            "EndUserConsentUpdated",
            payloads.opted_out(conversation.owner.subject),
            name=SYSTEM_NAME,
            listed=False,
        )
        if conversation.live:
            self.end_session(conversation, by="EndUser", remove_agents=True)

    def _make_room(self) -> None:
        limit = self.settings.max_open_conversations
        if len(self.conversations) < limit:
            return
        for conversation_id, conversation in self.conversations.items():
            if conversation.closed_ms is not None:
                del self.conversations[conversation_id]
                return
        raise Refusal(429, f"{limit} conversations are open already")


def _taken(conversation: Conversation, message_id: str) -> dict[str, Any] | None:
    at_ms = conversation.accepted_messages.get(message_id)
    return None if at_ms is None else _answer(message_id, at_ms)


def _answer(message_id: str, at_ms: int) -> dict[str, Any]:
    return {"conversationEntries": [{"id": message_id, "clientTimestamp": at_ms}]}
