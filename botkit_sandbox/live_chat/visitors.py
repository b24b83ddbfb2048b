"""Requests without a session: availability, settings, a visitor's id.

See docs/protocols/salesforce-live-chat.md, 2.15 to 2.19 and 8.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botkit_sandbox.live_chat.cloud import LiveChatCloud
from botkit_sandbox.live_chat.core import same_id
from botkit_sandbox.live_chat.settings import SINCE_WAITS, offers
from botkit_sandbox.salesforce.ids import short_id
from botkit_sandbox.salesforce.refusal import Refusal

Answer = dict[str, Any]
PING_RATE_MS = 50_000
MAX_IDS = 100


class Visitors:
    """Answers to Visitor/* requests."""

    def __init__(self, cloud: LiveChatCloud) -> None:
        self._cloud = cloud

    def availability(self, query: Mapping[str, str], *, api_version: int) -> Answer:
        """The availability of buttons and agents; an absent `isAvailable` means false.

        Raises:
            Refusal: 400.
        """
        ours = self._check(query)
        asked = _ids(query, "Availability.ids")
        if not asked:
            raise Refusal(400, "Bad Request: Availability.ids is required")
        with_waits = self._wants_waits(query, "Availability.needEstimatedWaitTime", api_version)
        results = [self._result(each, with_wait=with_waits, ours=ours) for each in asked]
        return _message("Availability", {"results": results})

    def settings(self, query: Mapping[str, str], *, api_version: int) -> Answer:
        """The settings that the vendor's page requests first.

        Raises:
            Refusal: 400.
        """
        ours = self._check(query)
        with_waits = self._wants_waits(query, "Settings.needEstimatedWaitTime", api_version)
        buttons = []
        for each in _ids(query, "Settings.buttonIds"):
            kind = "ToAgent" if each.startswith("005") else "Standard"
            result = self._result(each, with_wait=with_waits, ours=ours)
            buttons.append({**result, "type": kind, "language": "en_US"})
        return self._wrapped(
            "Settings",
            {
                self._cloud.settings.ping_rate_key: PING_RATE_MS,
                "contentServerUrl": f"{self._cloud.base_url}/content",
                "buttons": buttons,
            },
        )

    def visitor_id(self, query: Mapping[str, str]) -> Answer:
        """An id for a returning visitor.

        Raises:
            Refusal: 400.
        """
        self._check(query)
        return self._wrapped("VisitorId", {"sessionId": self._cloud.chance.uuid()})

    def elsewhere(self) -> Answer | None:
        """SwitchServer, if the fault switch-server is on (2.19)."""
        fault = self._cloud.faults.use("switch-server") if self._cloud.faults else None
        return None if fault is None else _message("SwitchServer", {"newUrl": fault.url})

    def _wants_waits(self, query: Mapping[str, str], name: str, api_version: int) -> bool:
        offered = offers(self._cloud.settings, api_version, since=SINCE_WAITS)
        return offered and query.get(name) in ("1", "true")

    def _check(self, query: Mapping[str, str]) -> bool:
        """Whether the organisation and deployment are ours."""
        if not query.get("org_id") or not query.get("deployment_id"):
            raise Refusal(400, "Bad Request: org_id and deployment_id are required")
        settings = self._cloud.settings
        right_organization = same_id(query["org_id"], settings.organization_id)
        right_deployment = same_id(query["deployment_id"], settings.deployment_id)
        if settings.visitor_wrong_ids == "refuse":
            known = {short_id(button.id) for button in settings.buttons}
            wrong = [
                one
                for one in _ids(query, "Availability.ids")
                if one[:3] == "573" and short_id(one) not in known
            ]
            for right, what in (
                (right_organization, "organization"),
                (right_deployment, "deployment"),
                (not wrong, "button"),
            ):
                if not right:
                    raise Refusal(400, f"Bad Request: no such {what}")
        return right_organization and right_deployment

    def _result(self, record_id: str, *, with_wait: bool, ours: bool) -> Answer:
        cloud = self._cloud
        short = cloud.settings.availability_ids == "short"
        result: Answer = {"id": short_id(record_id) if short else record_id}
        is_agent = record_id.startswith("005")
        if not ours or not (
            cloud.is_agent_available(record_id) if is_agent else cloud.is_button_available(record_id)
        ):
            return result
        result["isAvailable"] = True
        if with_wait and not is_agent:
            result["estimatedWaitTime"] = cloud.wait_at(cloud.button(record_id).id)
        return result

    def _wrapped(self, kind: str, message: Answer) -> Answer:
        return message if self._cloud.settings.visitor_wrapping == "bare" else _message(kind, message)


def _message(kind: str, message: Answer) -> Answer:
    return {"messages": [{"type": kind, "message": message}]}


def _ids(query: Mapping[str, str], name: str) -> list[str]:
    """The ids in a query. `[a,b]`, `a,b` and `a` are all in use (2.15); libraries repeat the name, or write it with brackets."""
    texts = (value for key, value in query.items() if key in (name, f"{name}[]"))
    parts = (part for text in texts for part in text.strip().removeprefix("[").removesuffix("]").split(","))
    found = (part.strip().strip('"') for part in parts)
    return [part for part in found if part][:MAX_IDS]
