"""What the doctors of both Salesforce systems share: reading an answer's headers and pages, and a made-up user's attributes."""

from __future__ import annotations

from botkit.checks import Surroundings
from botkit.handoff.attributes import routing_attributes
from botkit.handoff.events import UserProfile
from botkit.handoff.reference import reference
from botkit.http import Response


def header(response: Response, name: str) -> str:
    """A header's value; empty if there is none."""
    return next((value for key, value in response.headers.items() if key.lower() == name.lower()), "")


def is_page(response: Response) -> bool:
    """Whether a web page answered, such as a login page or a proxy's."""
    return "html" in header(response, "Content-Type").lower() or response.body[:64].lstrip()[:1] == b"<"


def sample_attributes(surroundings: Surroundings, conversation_id: str) -> tuple[tuple[str, str], ...]:
    """The attributes of a hand-off of a made-up user, as the service makes them."""
    profile = UserProfile(
        user_id="botkit-doctor",
        first_name="BotKit",
        last_name="doctor",
        email="doctor@botkit.invalid",
        bot_name=surroundings.bot_name,
        channel="rtm",
        language=surroundings.language,
        last_intent="botkit doctor",
        session_id="000000000000000000000000",
    )
    return routing_attributes(profile, (), surroundings.attributes, reference=reference(conversation_id))
