"""Explains why an organisation refuses a guest token or a conversation: cause and fix, each a plain sentence.

Sections are those of docs/protocols/salesforce-miaw.md. Only the codes and words of `_KNOWN` were seen or documented; every other
refusal is shown as it is stated.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from botkit.agents.refusals import reason
from botkit.checks import Outcome, failed
from botkit.http import Response

NAME_FIX = (
    "set developer_name to the API name of the Embedded Service deployment (Setup → Embedded Service Deployments, or "
    "DeveloperName in its code snippet); the name of the messaging channel, which Kore's page tells to copy, is refused"
)
ORGANIZATION_FIX = (
    "copy organization_id from Setup → Company Information and organization_base_url from Setup → My Domain of the same "
    "organisation; a sandbox has an id and an address of its own"
)
PUBLISH_FIX = (
    "open the deployment in Setup → Embedded Service Deployments, press Publish and wait some minutes; publish again after "
    "every change"
)
TYPE_FIX = (
    "create a deployment of the type Custom Client for the same messaging channel, publish it, and set developer_name to its "
    "API name"
)
_GUEST_FIX = "switch User Verification off on the messaging channel, since BotKit's users are guests"

_ONLY_A_CODE = re.compile(r"(BAD_REQUEST|BadRequest|Bad Request|INVALID_REQUEST|400)?\.?", re.IGNORECASE)
"""A refusal without any reason: an empty body, or the name of the status."""


@dataclass(frozen=True, slots=True)
class _Known:
    pattern: re.Pattern[str]
    cause: str
    fix: str


def _known(pattern: str, cause: str, fix: str) -> _Known:
    return _Known(re.compile(pattern, re.IGNORECASE), cause, fix)


_KNOWN = (
    _known(r"isn.t published|not published|^SETUP_ERROR\b", "the deployment is not published", PUBLISH_FIX),
    _known(
        r"deploymentType|deployment type|type.{0,20}\bapi\b|custom client",
        "the deployment is not of the type Custom Client (API), but probably of the type Web",
        TYPE_FIX,
    ),
    _known(
        r"captcha|bot detection",
        "the organisation wants a captcha solved before it gives a guest token",
        "switch the captcha off for this deployment; a server cannot solve one",
    ),
    _known(
        r"\bcontext\b",
        "the organisation is not content with the client's context in the request",
        "report the exact words to the authors of BotKit; its requests carry a context",
    ),
    _known(
        r"user verification|auth ?mode|unauthenticated|verified user",
        "the messaging channel takes verified users only",
        _GUEST_FIX,
    ),
    _known(
        r"routingAttributes|attribute.*(long|length|exceed|required|valid)|10096",
        "a pre-chat value does not fit its field",
        "raise the maximum length of the channel's parameter, or send a value that fits its type, with handoff.attributes",
    ),
    _known(
        r"esDeveloperName|developer name|deployment.*(not found|unknown|not known|does not exist|invalid)",
        "the organisation has no deployment of this developer name",
        NAME_FIX,
    ),
    _known(
        r"storage",
        "the organisation's data or file storage is full",
        "free storage in Setup → Storage Usage",
    ),
    _known(
        r"\borg(anization|anisation)?(Id)?\b.*(not (known|found)|unknown|invalid|exist|match|wrong)|invalid org",
        "the host does not know an organisation of this id",
        ORGANIZATION_FIX,
    ),
    _known(
        r"channel.*(inactive|not active|deactivated)",
        "the messaging channel is not active",
        "activate the channel in Setup → Messaging Settings",
    ),
    _known(
        r"trusted domain|\bdomains?\b.*(allow|permit|trust)|\borigin\b|\bCORS\b",
        "the organisation lets only certain domains in",
        "remove the restriction for this deployment; BotKit is a server, and sends no Origin",
    ),
    _known(
        r"\bIP\b|ip address|ip range",
        "the organisation refuses this machine's address",
        "add the public address of this machine, or of its proxy, to the permitted addresses in Salesforce",
    ),
)


def explain(
    what: str,
    response: Response,
    *,
    right_organization: bool = False,
    unpublished: bool = False,
    verified_only: bool = False,
) -> Outcome:
    """The failure of a refused token or conversation.

    Args:
        what: what was refused, such as ``a guest token``.
        response: the answer.
        right_organization: whether the My Domain confirmed the id of the organisation.
        unpublished: whether the configuration is known to be unpublished.
        verified_only: whether the published configuration says that the channel takes verified users only.
    """
    stated = reason(response.body)
    shown = f"Salesforce refuses {what} (HTTP {response.status}{f', “{stated}”' if stated else ''})"
    for known in _KNOWN:
        if known.pattern.search(stated):
            return failed(f"{shown}: {known.cause}", known.fix)
    status = response.status
    if unpublished and status in (400, 403, 404, 412):
        return failed(f"{shown}: the deployment is not published", PUBLISH_FIX)
    if verified_only:
        return failed(f"{shown}: the messaging channel takes verified users only", _GUEST_FIX)
    if status == 429:
        return failed(
            f"{shown}: the organisation's rate limit is used up",
            "wait a minute; if it happens again, look for another client of the same organisation (200 tokens a minute)",
        )
    if status >= 500 or status == 408:
        return failed(
            f"{shown}: Salesforce is in trouble", "look at status.salesforce.com, and try again later"
        )
    if status == 412:
        return failed(
            f"{shown}: this status means full storage", "free data and file storage in Setup → Storage Usage"
        )
    if status == 400 and _ONLY_A_CODE.fullmatch(stated):
        return _bare(shown, right_organization=right_organization)
    if status in (401, 403):
        return failed(
            f"{shown}: guests are not let in",
            "check that the deployment is published, that its channel is active and without User Verification, and that no "
            "network restriction of the organisation excludes this machine",
        )
    return failed(
        shown, "look the words up in Salesforce's help, and check organization_id and developer_name"
    )


def _bare(shown: str, *, right_organization: bool) -> Outcome:
    """A 400 that says nothing: for a wrong developer name and a wrong organisation alike (salesforce-setup.md, 2 and 3)."""
    if right_organization:
        cause = f"{shown} without a reason; organization_id is right, so developer_name names no published deployment"
        return failed(cause, f"{NAME_FIX}; if the name is right, {PUBLISH_FIX}")
    cause = f"{shown} without a reason: developer_name or organization_id is wrong"
    return failed(cause, f"{NAME_FIX}; then {ORGANIZATION_FIX}")
