"""What agents do, and what the system does to their conversations; the control API and tests call it.

See docs/protocols/salesforce-miaw.md, 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botkit_sandbox.salesforce import content, payloads
from botkit_sandbox.salesforce.chatbots import Chatbots
from botkit_sandbox.salesforce.refusal import NotPossible
from botkit_sandbox.salesforce.state import Agent, Conversation, Entry, Sender

QUEUE = "queue"


class Desk(Chatbots):
    """An agent is given by id or name. Every method raises NotKnown, or NotPossible in a wrong state."""

    def accept(self, conversation_id: str, agent: str) -> None:
        """Take a conversation that was pushed to this agent, or one from the queue."""
        conversation, taker = self._waiting(conversation_id), self.agent(agent)
        if not taker.online:
            raise NotPossible(f"{taker.name} is offline")
        self.engage(conversation, taker)

    def decline(self, conversation_id: str, agent: str) -> None:
        """Decline a conversation. It is pushed to another agent, and the customer keeps waiting."""
        conversation, decliner = self._waiting(conversation_id), self.agent(agent)
        if conversation.assigned is not decliner:
            raise NotPossible(f"the conversation is not assigned to {decliner.name}")
        self.withdraw(conversation, decliner)
        self.publish_change("declined", conversation, agent=decliner.id)
        self.assign(conversation)

    def agent_says(self, conversation_id: str, agent: str, text: str) -> Entry:
        """Send plain text."""
        return self.agent_sends(conversation_id, agent, content.text(text))

    def agent_sends(self, conversation_id: str, agent: str, abstract_message: Mapping[str, Any]) -> Entry:
        """Send any `abstractMessage`, such as rich content."""
        conversation, speaker = self._engaged(conversation_id, agent)
        return self.say(conversation, abstract_message, sender=speaker.sender, name=speaker.name)

    def agent_sends_file(
        self,
        conversation_id: str,
        agent: str,
        *,
        name: str,
        mime_type: str,
        data: bytes,
        text: str | None = None,
    ) -> Entry:
        """Send a file, which the client downloads from the URL in the message."""
        conversation, speaker = self._engaged(conversation_id, agent)
        said = self.store_file(conversation, name=name, mime_type=mime_type, data=data, caption=text)
        return self.say(conversation, said, sender=speaker.sender, name=speaker.name)

    def agent_typing(self, conversation_id: str, agent: str, *, started: bool) -> None:
        """Show that the agent types."""
        conversation, writer = self._engaged(conversation_id, agent)
        self.typing(conversation, writer.sender, writer.name, started=started)
        self.publish_change("typing", conversation, agent=writer.id, started=started)

    def agent_reads(self, conversation_id: str, agent: str) -> list[str]:
        """Send read receipts for all messages of the user that have none yet. Returns their ids."""
        conversation, _ = self._engaged(conversation_id, agent)
        unread = [
            entry.identifier
            for entry in conversation.entries
            if entry.entry_type == "Message"
            and entry.sender.role == "EndUser"
            and conversation.receipts.get(entry.identifier) != "Read"
        ]
        for message_id in unread:
            self.agent_receipt(conversation, message_id, kind="Read")
        self.publish_change("read", conversation, receipts=unread)
        return unread

    def transfer(self, conversation_id: str, agent: str, *, to: str = QUEUE, fail: bool = False) -> None:
        """Transfer to another agent, or back to the queue. A transfer that fails changes nothing."""
        conversation, giver = self._engaged(conversation_id, agent)
        target = None if to == QUEUE else self.agent(to)
        if fail:
            self.route_failure(conversation_id, failure_type="RoutingError", transfer=True)
            return
        if target is not None and (not target.online or target.id in conversation.present):
            raise NotPossible(f"{target.name} is offline, or in the conversation already")
        self.announce_transfer(conversation, to=target, giver=giver)
        for present in list(conversation.present.values()):
            self.remove(conversation, present)
        self.publish_change("transfer", conversation, agent=giver.id, to=to)
        self.search_again(conversation, to=target, not_to=giver if target is None else None)

    def conference(self, conversation_id: str, agent: str, *, to: str) -> None:
        """Add another agent while the first one stays."""
        conversation, _ = self._engaged(conversation_id, agent)
        guest = self.agent(to)
        if not guest.online or guest.id in conversation.present:
            raise NotPossible(f"{guest.name} is offline, or in the conversation already")
        self.routing_result(conversation, "Conference", agent=guest)
        conversation.present[guest.id] = guest
        guest.load += 1
        self.announce(conversation, guest, joined=True)
        self.publish_change("conference", conversation, agent=guest.id)

    def supervise(self, conversation_id: str, name: str, *, present: bool) -> None:
        """A supervisor joins or leaves. Clients must not take a supervisor for an agent."""
        conversation = self.open_conversation(conversation_id)
        supervisor = Sender("Supervisor", "agent", f"{self.org_id}-supervisor", "supervisor")
        self.emit(
            conversation,
            "CONVERSATION_PARTICIPANT_CHANGED",
            "ParticipantChanged",
            payloads.participant("add" if present else "remove", supervisor, name),
        )

    def supervisor_ends(self, conversation_id: str) -> None:
        """A supervisor ends the session, by its status. The agents go on all the same, unless the switch says otherwise."""
        conversation = self.open_conversation(conversation_id)
        if self.settings.supervisor_end_is_final:
            self.end_session(conversation, by="Supervisor", remove_agents=True)
            return
        status = conversation.session.status
        self.set_status(conversation, "Ended", ended_by="Supervisor")
        conversation.session.status = status

    def drop(self, conversation_id: str, agent: str) -> None:
        """Remove an agent who leaves a conference or loses the connection. After the last one, routing starts again."""
        conversation, leaver = self._engaged(conversation_id, agent)
        self.remove(conversation, leaver)
        self.publish_change("left", conversation, agent=leaver.id)
        if not conversation.present:
            self.search_again(conversation, not_to=leaver)

    def set_online(self, agent: str, online: bool) -> None:
        """Log an agent on or off. An agent who logs off drops all conversations."""
        who = self.agent(agent)
        who.online = online
        self.publish_change("agent", agent=who.id, online=online)
        if online:
            self.assign_waiting()
            return
        for conversation in list(self.conversations.values()):
            if not conversation.live:
                continue
            if who.id in conversation.present and conversation.session.status == "Active":
                self.drop(conversation.id, who.id)
            elif conversation.assigned is who:
                self.withdraw(conversation, who)
                self.assign(conversation)

    def agent_ends(self, conversation_id: str, agent: str) -> None:
        """End the session. No close event follows, and the conversation stays open (5)."""
        conversation, _ = self._engaged(conversation_id, agent)
        self.end_session(conversation, by="Agent", remove_agents=True)
        self.automated(conversation, self.settings.agent_end_response)

    def idle(self, conversation_id: str) -> None:
        """Make the session Inactive, as after a long silence of the customer. It is not closed."""
        conversation = self.open_conversation(conversation_id)
        if conversation.session.status != "Active":
            raise NotPossible("only an active session can become inactive")
        removal = self.settings.inactive_removes_agent
        if removal == "before":
            self.remove_everybody(conversation)
        self.set_status(conversation, "Inactive")
        if removal == "after":
            self.remove_everybody(conversation)
        if removal != "no":
            conversation.routing_status = "NEEDS_ROUTING"
        self.automated(conversation, self.settings.inactive_response)
        self.publish_change("idle", conversation)

    def resume(self, conversation_id: str, agent: str) -> None:
        """An agent goes on with an inactive session before the customer writes."""
        conversation, who = self.open_conversation(conversation_id), self.agent(agent)
        if conversation.session.status != "Inactive":
            raise NotPossible("only an inactive session can be resumed")
        conversation.routing_status = "ROUTED"
        self.set_status(conversation, "Active")
        if who.id not in conversation.present:
            conversation.present[who.id] = who
            who.load += 1
            self.announce(conversation, who, joined=True)
        self.publish_change("accepted", conversation, agent=who.id)

    def system_end(self, conversation_id: str) -> None:
        """End the session as Salesforce does about a day after it became inactive."""
        conversation = self.open_conversation(conversation_id)
        self.end_session(conversation, by="System", remove_agents=True)

    def route_failure(
        self,
        conversation_id: str,
        *,
        failure_type: str = "RoutingError",
        transfer: bool = False,
        says: str = "",
        again: bool = False,
    ) -> None:
        """Let routing fail with SubmissionError, RoutingError or Unknown. During a transfer the agent stays.

        Args:
            conversation_id: the conversation.
            failure_type: the kind of failure.
            transfer: whether a transfer fails.
            says: the organisation's own words about it, as an automated response.
            again: whether the organisation routes once more, successfully.
        """
        conversation = self.open_conversation(conversation_id)
        self.routing_result(
            conversation,
            "Transfer" if transfer or conversation.transferring else "Initial",
            failure_type=failure_type,
            failure_reason=f"The work could not be routed ({failure_type})",
        )
        self.automated(conversation, says)
        self.publish_change("routingFailed", conversation, failureType=failure_type)
        if again:
            self.routing_result(conversation, "Initial")

    # --- inside ------------------------------------------------------------------------------------------------

    def _waiting(self, conversation_id: str) -> Conversation:
        conversation = self.open_conversation(conversation_id)
        if conversation.stage not in ("waiting", "assigned"):
            raise NotPossible(f"the conversation does not wait for an agent ({conversation.stage})")
        return conversation

    def _engaged(self, conversation_id: str, agent: str) -> tuple[Conversation, Agent]:
        conversation, who = self.open_conversation(conversation_id), self.agent(agent)
        if who.id not in conversation.present:
            raise NotPossible(f"{who.name} is not in the conversation ({conversation.stage})")
        return conversation, who
