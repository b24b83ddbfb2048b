"""What the end user sends: messages, answers, files, receipts.

See docs/protocols/salesforce-miaw.md, 3.
"""

from __future__ import annotations

from typing import Any

from botkit_sandbox.salesforce import content, payloads
from botkit_sandbox.salesforce.bodies import Acknowledgement, SendFile, SendMessage, content_of
from botkit_sandbox.salesforce.conversing import Conversing
from botkit_sandbox.salesforce.ids import is_uuid
from botkit_sandbox.salesforce.refusal import Refusal, over_limit
from botkit_sandbox.salesforce.routing import SYSTEM_NAME
from botkit_sandbox.salesforce.state import KEPT_MESSAGE_IDS, Conversation, Sender, StoredFile
from botkit_sandbox.salesforce.tokens import Claims


class Messaging(Conversing):
    """A message is accepted once and echoed on the stream. It may wake an inactive session or start a new one."""

    def send(self, claims: Claims, conversation_id: str, request: SendMessage) -> dict[str, Any]:
        """Accept a message of the user. A repeated id gets the same answer and changes nothing (3.1).

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
        if (repeated := _accepted(conversation, message.id)) is not None:
            return repeated
        self._admit(conversation, request)
        sender, name = self._speaker(conversation, claims)
        shape = {"messageType": message.message_type, "inReplyToMessageId": message.in_reply_to_message_id}
        said = [{**shape, "references": [], **parts}]
        if self.settings.split_urls and set(parts.get("staticContent", ())) == {"formatType", "text"}:
            pieces = content.split_at_url(words)
            said = [{**piece, "inReplyToMessageId": shape["inReplyToMessageId"]} for piece in pieces]
        # It is unknown which of the two messages carries the client's id; here it is the text.
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
        """Accept a file of the user. It is echoed as a message with a download URL (3.3).

        Raises:
            Refusal: 400, 403, 404, 413, 415, 417 or 429.
        """
        message = request.message
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
        if (repeated := _accepted(conversation, message.id)) is not None:
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
        base = "" if self.settings.attachment_url == "relative" else self.base_url
        url = f"{base}/iamessage/attachments/{file_id}"
        if self.settings.attachment_url == "named":
            url += f"?name={name}"
        return content.attachment(file_id=file_id, name=name, mime_type=mime_type, url=url, caption=caption)

    def acknowledge(self, claims: Claims, conversation_id: str, acks: list[Acknowledgement]) -> None:
        """Accept receipts of agents' messages; receipts of unknown entries have no effect. Raises: Refusal 403 or 404."""
        conversation = self.owned(claims, conversation_id)
        known = {entry.identifier for entry in conversation.entries}
        for ack in acks:
            if ack.conversation_entry_id in known:
                conversation.note_receipt(
                    ack.conversation_entry_id, ack.entry_type.removesuffix("Acknowledgement")
                )
        self.publish_change(
            "acknowledged", conversation, receipts=[ack.conversation_entry_id for ack in acks]
        )

    def agent_receipt(self, conversation: Conversation, message_id: str, *, kind: str) -> None:
        """Send a receipt of the first agent present: the user's message arrived or was read."""
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
        conversation.note_receipt(message_id, kind)

    def _check_message(self, message_id: str, developer_name: str) -> None:
        if not is_uuid(message_id):
            raise Refusal(400, "message.id must be in UUID format")
        self.check_developer_name(developer_name)

    def _admit(self, conversation: Conversation, request: SendMessage | SendFile) -> None:
        """Check the rate, and find or start the session of this message; a new one may need pre-chat data (417)."""
        settings = self.settings
        limit = settings.messages_per_minute
        if over_limit(conversation.message_times_ms, limit, now_ms=self.clock(), window_ms=60_000):
            raise Refusal(
                429, "Too many messages in this conversation", retry_after=settings.retry_after_seconds
            )
        attributes, _ = self.attributes(request.routing_attributes)
        if conversation.live:
            return
        if settings.display_context == "Session" and not request.is_new_messaging_session:
            raise Refusal(
                417,
                "A new messaging session needs pre-chat: send isNewMessagingSession and routingAttributes",
            )
        if settings.display_context == "Session":
            self.check_prechat(attributes)
        conversation.attributes.update(attributes)
        conversation.language = request.language or conversation.language
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


def _accepted(conversation: Conversation, message_id: str) -> dict[str, Any] | None:
    at_ms = conversation.accepted_messages.get(message_id)
    return None if at_ms is None else _answer(message_id, at_ms)


def _answer(message_id: str, at_ms: int) -> dict[str, Any]:
    return {"conversationEntries": [{"id": message_id, "clientTimestamp": at_ms}]}
