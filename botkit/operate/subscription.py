"""Whether the bot is subscribed to the events: seen by what a running service has received, since no API shows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from botkit.checks import Outcome, failed, passed, undecided
from botkit.config.settings import ServerSettings
from botkit.hooks import of_the_doctor
from botkit.operate.running_service import hooks_seen

_NEEDED: Mapping[str, tuple[str, ...]] = {
    "OnMessage": ("on_user_message", "on_bot_message"),
    "OnAgentTransferNode": ("on_agent_transfer",),
    "OnEvent": ("on_event",),
}
"""The events that a hand-off needs, as the platform's settings name them, and the hooks that show each."""
_WHERE = (
    "look at the BotKit settings of the bot (App Settings › Integrations › Agent Transfer › Custom (BotKit), older: Dev Tools › "
    "BotKit): the Callback URL, this app, and the events OnMessage, OnAgentTransferNode and OnEvent; then publish"
)

Seen = Callable[[str, int, str], Mapping[str, Mapping[int, int]] | None]


def subscription(server: ServerSettings, bots: int, seen: Seen = hooks_seen) -> Outcome:
    """What the service on this machine has received since its start. Its counts are of all bots together."""
    hooks = seen(server.host, server.port, server.prefix) if server.port else None
    if hooks is None:
        return undecided(
            "no call of the platform tells its subscription, and no service runs here that could have received hooks",
            f"{_WHERE}. Start botkit serve, write to the bot once, and run the doctor again",
        )
    hooks = {event: counts for event, counts in hooks.items() if event != of_the_doctor.EVENT}
    taken = {event for event, counts in hooks.items() if counts.get(200)}
    refused = {
        status: sum(counts.get(status, 0) for counts in hooks.values()) for status in (401, 403, 404, 412)
    }
    if not taken and refused[401]:
        return failed(
            f"the service here has refused every hook ({refused[401]} with 401): "
            "the platform signs with another app, secret or clock",
            "compare kore.client_id and kore.client_secret with the app that the bot's BotKit settings name",
        )
    of_all = " (all bots together)" if bots > 1 else ""
    arrived = [name for name, events in _NEEDED.items() if taken.intersection(events)]
    missing = [name for name in _NEEDED if name not in arrived]
    if not missing:
        return passed(f"hooks of {', '.join(arrived)} have arrived since the service started{of_all}")
    came = f"hooks of {', '.join(arrived)} have arrived{of_all}, of {', '.join(missing)} not yet"
    if not arrived:
        came = f"no hook has arrived since the service started{of_all}"
    if missing == ["OnEvent"]:
        return undecided(f"{came}; OnEvent tells of the end of a session only", _WHERE)
    if not arrived:
        return undecided(came, f"{_WHERE}. Then write to the bot once, and run the doctor again")
    return undecided(
        came, f"{_WHERE}. A transfer that has not happened shows nothing: reach an Agent Transfer node once"
    )
