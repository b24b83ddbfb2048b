"""Where sessions wait and who gets them: a routing configuration, a public group of agents, and the queue of both."""

from __future__ import annotations

from botkit.agents.miaw.metadata.names import Setup
from botkit.agents.miaw.metadata.xml import document, flag


def routing_config(setup: Setup) -> str:
    """QueueRoutingConfig: sessions go to the agent with the most free capacity, and each one takes one unit of it."""
    return document(
        "QueueRoutingConfig",
        [
            ("capacityType", "INHERITED"),
            ("capacityWeight", "1.0"),
            ("isAttributeBased", flag(False)),
            ("label", f"{setup.label} Routing"),
            ("routingModel", "MOST_AVAILABLE"),
            ("routingPriority", "1"),
        ],
    )


def group(setup: Setup) -> str:
    """Group: the agents. Its members are data, so that deploying it again removes nobody."""
    return document(
        "Group",
        [
            ("description", f"Agents who take conversations of {setup.bot_name}."),
            ("doesIncludeBosses", flag(False)),
            ("name", f"{setup.label} Agents"),
        ],
    )


def queue(setup: Setup) -> str:
    """Queue of MessagingSession. Deploying a queue replaces its members, so its only member is the group."""
    return document(
        "Queue",
        [
            ("doesIncludeBosses", flag(False)),
            ("doesSendEmailToMembers", flag(False)),
            ("name", f"{setup.label} Queue"),
            ("queueMembers", [("publicGroups", [("publicGroup", setup.group)])]),
            ("queueRoutingConfig", setup.routing_config),
            ("queueSobject", [("sobjectType", "MessagingSession")]),
        ],
    )
