"""Routing of conversations: the queue, assignment, sessions and their status.

See docs/protocols/salesforce-miaw.md, 5.
"""

from __future__ import annotations

from botkit_sandbox.salesforce import content, payloads
from botkit_sandbox.salesforce.core import CloudCore
from botkit_sandbox.salesforce.state import ROUTER, SYSTEM, Agent, Conversation, OwnerType, Sender, Session

ROUTER_NAME = "Omni-Channel"
SYSTEM_NAME = "System"
AUTOMATED_NAME = "Automated Process"


class Routing(CloudCore):
    """Sessions start, wait, get an agent and end. Each step emits events."""

    def start_session(self, conversation: Conversation) -> None:
        """Start a messaging session. Routing starts at once, without a message (2.1)."""
        session = Session(self.record_ids.new("0Mw"), self.record_ids.new("0JR"), started_ms=self.clock())
        conversation.sessions.append(session)
        self.publish_change(
            "created" if len(conversation.sessions) == 1 else "reopened",
            conversation,
            attributes=conversation.attributes,
        )
        conversation.routing_status = self.settings.waiting_status
        self._release(conversation)
        conversation.owner_type = "Queue"
        if self.settings.conversation_updates:
            self.emit(
                conversation,
                "CONVERSATION_UPDATED",
                "ConversationUpdated",
                {"conversationIdentifier": conversation.id},
                name=SYSTEM_NAME,
                listed="ConversationUpdated" in self.settings.listed_entry_types,
            )
        if self.settings.closed_response:
            self.automated(conversation, self.settings.closed_response)
            self.end_session(conversation, by="System")
            return
        if self.settings.routing_start != "queue":
            self._misroute(conversation)
            return
        self.routing_result(conversation, "Initial")
        if self.settings.chatbot:
            self.admit_chatbot(conversation, self.settings.chatbot)
            self.automated(conversation, self.settings.initial_response)
            return
        self.set_status(conversation, "Waiting")
        self.automated(conversation, self.settings.initial_response)
        self.assign(conversation)

    def _misroute(self, conversation: Conversation) -> None:
        """The routing flow is broken, or does not run: nobody ever gets the session (5)."""
        if self.settings.routing_start == "no-queue":
            reason = "The routing flow named no queue"
            self.routing_result(
                conversation, "Initial", failure_type="RoutingError", failure_reason=reason, queue_id=""
            )
        self.set_status(conversation, "Waiting")

    def admit_chatbot(self, conversation: Conversation, name: str) -> None:
        """A chatbot takes the session and joins the conversation."""
        conversation.chatbot = name
        conversation.routing_status = "ROUTED"
        self.queue.pop(conversation.id, None)
        self._unassign(conversation)
        self.change_owner(conversation, "Bot", self.chatbot_sender.subject)
        if conversation.session.status != "Active":
            self.set_status(conversation, "Active")
        self._announce_chatbot(conversation, name, joined=True)
        self.publish_change("accepted", conversation, agent="")

    def remove_chatbot(self, conversation: Conversation) -> None:
        """The chatbot leaves the conversation, if there is one."""
        if conversation.chatbot:
            name, conversation.chatbot = conversation.chatbot, ""
            self._announce_chatbot(conversation, name, joined=False)

    @property
    def chatbot_sender(self) -> Sender:
        """The participant that a chatbot of any name is."""
        return Sender("Chatbot", "chatbot", f"{self.org_id}-bot", "bot")

    def change_owner(self, conversation: Conversation, owner: OwnerType, owner_id: str) -> None:
        """SessionOwnerChanged, unless the session stays in the queue."""
        previous, conversation.owner_type = conversation.owner_type, owner
        if self.settings.owner_changes and not previous == owner == "Queue":
            self.emit(
                conversation,
                "CONVERSATION_SESSION_OWNER_CHANGED",
                "SessionOwnerChanged",
                payloads.session_owner(
                    conversation.session, previous=previous, owner=owner, owner_id=owner_id
                ),
                name=SYSTEM_NAME,
                listed="SessionOwnerChanged" in self.settings.listed_entry_types,
            )

    def reroute_inactive(self, conversation: Conversation) -> None:
        """Put an inactive session back into the queue, since the user wrote again."""
        conversation.routing_status = self.settings.waiting_status
        self.routing_result(conversation, "Initial")
        self.set_status(conversation, "Waiting")
        self.remove_everybody(conversation)
        self._release(conversation)
        self.change_owner(conversation, "Queue", self.queue_id)
        self.assign(conversation)

    def end_session(self, conversation: Conversation, *, by: str, remove_agents: bool = False) -> None:
        """End the session; the conversation stays open. `by` is a role, which is unreliable in the real service too."""
        participant_first = self.settings.end_order == "participant-first"
        workers, offered_to = list(conversation.present.values()), conversation.assigned
        if remove_agents and participant_first:
            self.remove_everybody(conversation)
        conversation.session.ended_ms = self.clock()
        conversation.routing_status = "NEEDS_ROUTING"
        conversation.transferring = False
        self.set_status(conversation, "Ended", ended_by=self.settings.ended_by_role or by)
        if remove_agents and not participant_first:
            self.remove_everybody(conversation)
        for worker in workers:
            self._work(conversation, "Closed", worker)
        if offered_to is not None:
            self._work(conversation, "Cancelled", offered_to)
        self._release(conversation)
        self.publish_change("ended", conversation, by=by)
        self.assign_waiting()

    def assign(self, conversation: Conversation, *, to: Agent | None = None) -> None:
        """Push the conversation to an agent: `to`, or the least busy one who is online and has not declined it."""
        self.queue[conversation.id] = conversation
        agent = to or (self._free_agent(conversation) if self.settings.auto_assign else None)
        if agent is None:
            self.publish_change("waiting", conversation, queuePosition=self.queue_position(conversation))
        else:
            self._unassign(conversation)
            conversation.assigned = agent
            agent.load += 1
            self._assigned(conversation, agent)
            self.publish_change("assigned", conversation)
        if self.settings.queue_position:
            self._say_position(conversation)
        if agent is not None and self.settings.auto_accept:
            self.engage(conversation, agent)

    def assign_waiting(self) -> None:
        """Assign waiting conversations to free agents, first come, first served."""
        if not self.settings.auto_assign:
            return
        for conversation in list(self.queue.values()):
            if conversation.assigned is None and self._free_agent(conversation):
                self.assign(conversation)

    def engage(self, conversation: Conversation, agent: Agent) -> None:
        """The agent accepts the conversation and joins it."""
        if conversation.assigned is not agent:
            self.assign_to_taker(conversation, agent)
        conversation.assigned = None
        self.queue.pop(conversation.id, None)
        conversation.present[agent.id] = agent
        self._work(conversation, "Accepted", agent)
        conversation.transferring = False
        conversation.declined.clear()
        conversation.routing_status = "ROUTED"
        self.change_owner(conversation, "Agent", agent.id)
        was_waiting = conversation.session.status != "Active"
        if was_waiting and self.settings.accept_order == "session-first":
            self.set_status(conversation, "Active")
        self.announce(conversation, agent, joined=True)
        if was_waiting and self.settings.accept_order == "participant-first":
            self.set_status(conversation, "Active")
        self.remove_chatbot(conversation)
        self.automated(conversation, self.settings.agent_engaged_response)
        self.publish_change("accepted", conversation, agent=agent.id)

    def assign_to_taker(self, conversation: Conversation, agent: Agent) -> None:
        """An agent takes a conversation from the queue that was not pushed to them."""
        self._unassign(conversation)
        conversation.assigned = agent
        agent.load += 1
        self._assigned(conversation, agent)

    def search_again(
        self, conversation: Conversation, *, to: Agent | None = None, not_to: Agent | None = None
    ) -> None:
        """Look for another agent while the session goes on, after a transfer or a lost agent."""
        conversation.transferring = True
        shown = self.settings.transfer_shown_by == "routing-result"
        conversation.routing_status = "TRANSFER" if shown else "NEEDS_ROUTING"
        conversation.declined = {not_to.id} if not_to else set()
        self._unassign(conversation)
        if to is None:
            self.change_owner(conversation, "Queue", self.queue_id)
        self.assign(conversation, to=to)

    def announce_transfer(
        self, conversation: Conversation, *, to: Agent | None, giver: Agent | None = None
    ) -> None:
        """RoutingResult and RoutingWorkResult: the work of `giver`, or a chatbot's, goes to somebody else."""
        if self.settings.transfer_shown_by == "routing-result":
            self.routing_result(conversation, "Transfer", agent=to)
        if giver is not None:
            self._work(conversation, "Transferred", giver)

    def withdraw(self, conversation: Conversation, agent: Agent) -> None:
        """Withdraw a conversation from the agent to whom it was pushed."""
        self._unassign(conversation)
        conversation.declined.add(agent.id)
        self._work(conversation, "Declined", agent)

    def announce(self, conversation: Conversation, agent: Agent, *, joined: bool) -> None:
        """ParticipantChanged: an agent is added or removed."""
        self.emit(
            conversation,
            "CONVERSATION_PARTICIPANT_CHANGED",
            "ParticipantChanged",
            payloads.participant("add" if joined else "remove", agent.sender, agent.name),
        )

    def remove(self, conversation: Conversation, agent: Agent) -> None:
        """Remove an agent from the conversation."""
        conversation.present.pop(agent.id)
        agent.load -= 1
        self.announce(conversation, agent, joined=False)

    def set_status(self, conversation: Conversation, status: str, *, ended_by: str | None = None) -> None:
        """SessionStatusChanged."""
        session = conversation.session
        previous, session.status = session.status, status
        self.emit(
            conversation,
            "CONVERSATION_SESSION_STATUS_CHANGED",
            "SessionStatusChanged",
            payloads.session_status(
                conversation, session, channel=self.channel_id, previous=previous, ended_by=ended_by
            ),
            name=SYSTEM_NAME,
        )

    def automated(self, conversation: Conversation, words: str) -> None:
        """Send an automated response of the channel, if it has a text."""
        if words:
            self.say(
                conversation,
                content.text(words),
                sender=SYSTEM,
                name=AUTOMATED_NAME,
                reason="AutomatedResponse",
            )

    def queue_position(self, conversation: Conversation) -> int | None:
        """The position in the queue, 1 for the next; None for a conversation that does not wait."""
        for position, conversation_id in enumerate(self.queue, start=1):
            if conversation_id == conversation.id:
                return position
        return None

    def routing_result(
        self,
        conversation: Conversation,
        routing_type: payloads.RoutingType,
        *,
        agent: Agent | None = None,
        failure_type: str = "None",
        failure_reason: str | None = None,
        queue_id: str | None = None,
    ) -> None:
        """RoutingResult: routed to the queue or to `agent`, or failed."""
        self.emit(
            conversation,
            "CONVERSATION_ROUTING_RESULT",
            "RoutingResult",
            payloads.routing_result(
                conversation.session,
                routing_type=routing_type,
                queue_id=self.queue_id if queue_id is None else queue_id,
                agent=agent,
                failure_type=failure_type,
                failure_reason=failure_reason,
                wait_seconds=self.settings.estimated_wait_seconds,
            ),
            sender=ROUTER,
            name=ROUTER_NAME,
        )

    def _assigned(self, conversation: Conversation, agent: Agent) -> None:
        conversation.work_ids.pop(agent.id, None)  # each offer is a work item of its own
        self._work(conversation, "Assigned", agent)

    def _work(self, conversation: Conversation, work_type: payloads.WorkType, agent: Agent) -> None:
        if work_type not in self.settings.work_results:
            return
        self.emit(
            conversation,
            "CONVERSATION_ROUTING_WORK_RESULT",
            "RoutingWorkResult",
            payloads.work_result(
                conversation,
                work_type=work_type,
                work_id=conversation.work_ids.setdefault(agent.id, self.record_ids.new("0Bz")),
                queue_id=self.queue_id,
                agent=agent,
            ),
            sender=ROUTER,
            name=ROUTER_NAME,
            listed="RoutingWorkResult" in self.settings.listed_entry_types,
        )

    def _say_position(self, conversation: Conversation) -> None:
        position = self.queue_position(conversation)
        if position is None:
            return
        self.emit(
            conversation,
            "CONVERSATION_QUEUE_POSITION",
            "QueuePosition",
            payloads.queue_position(
                conversation.session, position=position, work_id=self.record_ids.new("0Bz")
            ),
            sender=ROUTER,
            name=ROUTER_NAME,
            listed="QueuePosition" in self.settings.listed_entry_types,
        )

    def _free_agent(self, conversation: Conversation) -> Agent | None:
        capacity = self.settings.agent_capacity
        free = [
            agent
            for agent in self.agents.values()
            if agent.online
            and agent.id not in conversation.declined
            and agent.id not in conversation.present
            and (capacity is None or agent.load < capacity)
        ]
        return min(free, key=lambda agent: agent.load) if free else None

    def _announce_chatbot(self, conversation: Conversation, name: str, *, joined: bool) -> None:
        self.emit(
            conversation,
            "CONVERSATION_PARTICIPANT_CHANGED",
            "ParticipantChanged",
            payloads.participant("add" if joined else "remove", self.chatbot_sender, name),
        )

    def remove_everybody(self, conversation: Conversation) -> None:
        """Remove all agents from the conversation, and a chatbot."""
        self.remove_chatbot(conversation)
        for agent in list(conversation.present.values()):
            self.remove(conversation, agent)

    def _release(self, conversation: Conversation) -> None:
        for agent in conversation.present.values():
            agent.load -= 1
        conversation.present.clear()
        conversation.chatbot = ""
        conversation.work_ids.clear()
        conversation.declined.clear()
        self.queue.pop(conversation.id, None)
        self._unassign(conversation)

    def _unassign(self, conversation: Conversation) -> None:
        if conversation.assigned is not None:
            conversation.assigned.load -= 1
            conversation.assigned = None
