"""Authentication of API clients: token requests, and the end user behind a token.

See docs/protocols/salesforce-miaw.md, 1.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from botkit_sandbox.salesforce import prechat, tokens
from botkit_sandbox.salesforce.bodies import TokenRequest
from botkit_sandbox.salesforce.core import CloudCore
from botkit_sandbox.salesforce.ids import short_id
from botkit_sandbox.salesforce.refusal import Refusal, over_limit
from botkit_sandbox.salesforce.state import EndUser
from botkit_sandbox.salesforce.tokens import Claims, IdentityRefused, verify_identity

KEPT_END_USERS = 50_000


class Access(CloudCore):
    """Issues tokens, and reads them on every call."""

    def guest_token(self, request: TokenRequest) -> dict[str, Any]:
        """Issue a guest token. Each token stands for a new user (1.6).

        Raises:
            Refusal: 400 for another organisation, an unknown or a Web deployment, or a channel for verified users; 429 over
                the rate.
        """
        self._check_deployment(request)
        if self.settings.auth_mode == "Auth":
            raise Refusal(
                400, "Set the auth mode to false" if self.settings.refusal_reasons == "stated" else ""
            )
        return self._grant(self._new_user(), device_id=request.device_id)

    def verified_token(self, request: TokenRequest) -> dict[str, Any]:
        """Issue a token for the user that an identity JWT names. The same user always gets the same subject.

        Raises:
            Refusal: as `guest_token`; 400 without an identity; 401 for a bad one, unless it is silently downgraded.
        """
        self._check_deployment(request)
        if request.authorization_type != "JWT" or not request.customer_identity_token:
            raise Refusal(400, "authorizationType must be JWT, and customerIdentityToken is required")
        try:
            keyset, subject = verify_identity(
                request.customer_identity_token, self.settings.keysets, now_seconds=self.clock() / 1000
            )
        except IdentityRefused as refused:
            if not self.settings.silent_downgrade:
                raise Refusal(401, f"customerIdentityToken is not valid: {refused}") from refused
            return self._grant(self._new_user(), device_id=request.device_id)
        user = self._verified_user(f"v2/iamessage/AUTH/{keyset}/uid:{subject}", display_name=subject)
        return self._grant(user, device_id=request.device_id)

    def continuation_token(self, claims: Claims) -> dict[str, Any]:
        """Issue another token for the same user, with a new client id and the same expiry (1.3).

        Raises:
            Refusal: 429 over the rate.
        """
        self._check_rate(self.renewal_times_ms)
        user = self.end_users[claims.subject]
        return self._grant(user, device_id=user.device_id, expires_seconds=claims.expires_seconds)

    def revoke(self, claims: Claims) -> None:
        """Raises: Refusal 403, since only verified users' tokens can be revoked (1.4)."""
        user = self.end_users[claims.subject]
        if not user.verified:
            raise Refusal(403, "Only the token of a verified user can be revoked")
        user.dead_serials.add(claims.serial)
        for reader in user.log.readers:
            reader.wake()

    def authorize(self, authorization: str | None) -> Claims:
        """Raises: Refusal 401."""
        claims = tokens.read(authorization, self.secret)
        if why := self.dead(claims):
            raise Refusal(401, why)
        return claims

    def dead(self, claims: Claims) -> str | None:
        """Why a token that was valid when it was read is no longer valid, or None."""
        user = self.end_users.get(claims.subject)
        if user is None:
            return "Jwt is not valid"
        if claims.serial <= user.expired_through or claims.expires_seconds * 1000 <= self.clock():
            return tokens.EXPIRED
        return "Jwt is revoked" if claims.serial in user.dead_serials else None

    def expire_tokens(self, conversation_id: str = "") -> None:
        """Let every token issued so far expire now; with a conversation, only those of its user."""
        users = (
            [self.conversation(conversation_id).owner] if conversation_id else list(self.end_users.values())
        )
        for user in users:
            user.expired_through = self.token_serial
            for reader in user.log.readers:
                reader.wake()

    def _check_deployment(self, request: TokenRequest) -> None:
        self._check_rate(self.token_times_ms)
        try:
            self._check_request(request)
        except Refusal as refusal:
            if self.settings.refusal_reasons == "none":
                raise Refusal(refusal.status, "") from refusal
            raise

    def _check_request(self, request: TokenRequest) -> None:
        self.check_organization(request.org_id)
        self.check_developer_name(request.es_developer_name)
        if not request.capabilities_version:
            raise Refusal(400, "capabilitiesVersion must not be empty")
        if self.settings.context_required and not request.context:
            raise Refusal(400, "context must not be null")
        if not self.settings.published and self.settings.unpublished_reply == "token-400":
            name = request.es_developer_name
            raise Refusal(400, f"The embedded service deployment {name} isn't published", code="SETUP_ERROR")

    def _check_rate(self, times_ms: deque[int]) -> None:
        limit = self.settings.tokens_per_minute
        if over_limit(times_ms, limit, now_ms=self.clock(), window_ms=60_000):
            raise Refusal(
                429, "Too many access token requests", retry_after=self.settings.retry_after_seconds
            )

    def check_organization(self, org_id: str) -> None:
        """Raises: Refusal 400 for another organisation; ids of 15 and 18 characters are the same (1.1)."""
        if short_id(org_id) != self.org_id or len(org_id) not in (15, 18):
            raise Refusal(400, "orgId is not known here")

    def check_developer_name(self, developer_name: str) -> None:
        """Raises: Refusal 400 for a deployment that is unknown, or of type Web (1.7); for a channel's name without a reason."""
        if developer_name == self.settings.channel_name:
            raise Refusal(400, "")
        if developer_name == self.settings.web_developer_name:
            raise Refusal(400, "Set esDeveloperName to a deployment whose deploymentType is api")
        if developer_name != self.settings.developer_name:
            raise Refusal(400, "esDeveloperName is not known in this organization")

    def _new_user(self) -> EndUser:
        user = EndUser(f"v2/iamessage/UNAUTH/NA/uid:{self.new_uuid()}", False, "Guest", self.new_uuid())
        while len(self.end_users) >= KEPT_END_USERS:
            del self.end_users[next(iter(self.end_users))]
        self.end_users[user.subject] = user
        return user

    def _verified_user(self, subject: str, *, display_name: str) -> EndUser:
        if subject not in self.end_users:
            self.end_users[subject] = EndUser(subject, True, display_name, self.new_uuid())
        return self.end_users[subject]

    def _grant(
        self, user: EndUser, *, device_id: str | None, expires_seconds: int | None = None
    ) -> dict[str, Any]:
        self.token_serial += 1
        now_seconds = self.clock() // 1000
        minutes = self.settings.verified_token_minutes if user.verified else self.settings.guest_token_minutes
        claims = Claims(
            subject=user.subject,
            client_id=self.new_uuid(),
            org_id=self.org_id,
            deployment=self.settings.developer_name,
            serial=self.token_serial,
            issued_seconds=now_seconds,
            expires_seconds=int(now_seconds + minutes * 60) if expires_seconds is None else expires_seconds,
        )
        last = user.last_event_id if self.settings.event_ids == "own" else self.last_event_id
        return {
            "accessToken": tokens.mint(claims, self.secret),
            "lastEventId": last if self.settings.last_event_id_as_number else str(last),
            "context": {
                "deviceId": device_id or user.device_id,
                "endUser": {
                    "appType": "iamessage",
                    "role": "EndUser",
                    "subject": user.subject,
                    "displayName": user.display_name,
                },
                "configuration": self.configuration(verified=user.verified),
            },
        }

    @property
    def prechat_fields(self) -> tuple[prechat.PrechatField, ...]:
        """The form of the deployment: its fields or the standard ones, and the other known attributes, hidden."""
        settings = self.settings
        shown = settings.prechat_fields or prechat.STANDARD_FIELDS
        named = {field.name for field in shown}
        return shown + tuple(
            prechat.PrechatField(name=name, hidden=True, max_length=settings.attribute_max_length or 255)
            for name in settings.known_attributes or ()
            if not name.startswith("_") and name not in named
        )

    def configuration(self, *, verified: bool) -> Mapping[str, Any]:
        """What clients are told of the deployment, for verified users or for guests."""
        settings = self.settings
        return {
            "timestamp": self.clock(),
            "embeddedServiceConfig": {
                "name": settings.developer_name,
                **({"deploymentType": settings.deployment_type} if settings.deployment_type else {}),
                "embeddedServiceMessagingChannel": {
                    "channelAddressIdentifier": self.channel_id,
                    "authMode": "Auth" if verified else settings.auth_mode,
                },
                "forms": [prechat.form(self.prechat_fields, display_context=settings.display_context)],
                "choiceListConfig": prechat.choice_lists(self.prechat_fields),
                "attachments": {
                    "endUserToAgent": settings.files_enabled,
                    "maxFileSize": settings.max_file_mb,
                    **({"allowedFileTypes": list(settings.file_types)} if settings.file_types_stated else {}),
                },
                "transcript": {"allowTranscriptDownload": settings.transcript_enabled},
                "fallbackMessage": {
                    "isFallbackMessageEnabled": bool(settings.fallback_message),
                    "fallbackMessageContent": settings.fallback_message or None,
                },
                "termsAndConditions": {"isEnabled": False, "isRequired": False, "label": ""},
            },
        }
