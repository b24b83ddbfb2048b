"""Why the platform does not accept our tokens: found by experiments, because its words for a refusal are not published."""

from __future__ import annotations

import re

from botkit.checks import Outcome, failed, passed, undecided
from botkit.config.settings import KoreSettings
from botkit.http import Response, Transport
from botkit.kore.probing import Algorithm, ProbeRequests, in_words

REFUSED = (401, 403)
_CLIENT_ID = re.compile(r"cs-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_WHERE = "Dev Tools › JWT App (older: Settings › BotKit) of this bot"
_SIGNATURE = re.compile(r"signature", re.IGNORECASE)
_APP = re.compile(
    r"\b(client|app)\b.{0,30}not found|another app|invalid (client|app)|unknown (client|app)", re.IGNORECASE
)
_SCOPE = re.compile(r"scope|permission|not permitted|access denied|forbidden", re.IGNORECASE)
_NOTICEABLE_SECONDS = 5.0


class Credentials:
    """Looks at one bot's client id, secret and algorithm.

    After `look`, `history` is the platform's answer to a call that it accepted the token of, or its refusal to read a history.
    """

    def __init__(
        self, kore: KoreSettings, requests: ProbeRequests, transport: Transport, ahead_seconds: float
    ) -> None:
        self._kore = kore
        self._requests = requests
        self._transport = transport
        self._ahead_seconds = ahead_seconds
        self.history: Response | None = None

    async def look(self, *, without_token: Response) -> Outcome:
        """Whether the platform accepts our token; if not, what has to be changed."""
        answer = await self._transport.send(self._requests.history())
        self.history = answer
        if answer.status in REFUSED:
            return await self._why(answer)
        if answer.status == 429 or answer.status >= 500:
            return undecided(f"the platform answers {in_words(answer)}", "try again in a minute")
        if without_token.status in REFUSED:
            return passed(
                "the platform accepts client id, secret and algorithm: "
                f"HTTP {answer.status} with a token, HTTP {without_token.status} without"
            )
        return undecided(
            f"the platform answers {in_words(answer)} with the token and {in_words(without_token)} without one, "
            "so nothing can be told of it",
            "see the log at the first hook",
        )

    async def _why(self, answer: Response) -> Outcome:
        other = await self._transport.send(self._requests.other_call())
        if other.status not in REFUSED and other.status < 429:
            return passed(f"the platform accepts the token, but not for the history ({in_words(answer)})")
        said = f"the platform answers {in_words(answer)}"
        if self._is_odd() and await self._accepted(ahead_seconds=self._ahead_seconds):
            return failed(
                f"{said}: our token has expired when it arrives, since this machine's clock is off by "
                f"{abs(self._ahead_seconds):.0f} s",
                "let NTP keep the clock of this machine (timedatectl set-ntp true)",
            )
        algorithm: Algorithm = "HS512" if self._kore.algorithm == "HS256" else "HS256"
        if await self._accepted(algorithm=algorithm, ahead_seconds=self._ahead_seconds):
            return failed(
                f"{said}: the app signs with {algorithm}, and the configuration has {self._kore.algorithm}",
                f"write kore.algorithm: {algorithm}",
            )
        if await self._accepted(jti=True, ahead_seconds=self._ahead_seconds):
            return failed(
                f"{said}: the app demands a JTI claim in every token, which those of a BotKit do not have",
                f"switch Enforce JTI off in {_WHERE}, and publish",
            )
        return self._by_look(said, in_words(answer), answer.status)

    def _by_look(self, said: str, words: str, status: int) -> Outcome:
        """The failure that the form of the values shows, else the one that the platform's words suggest."""
        client_id, secret = self._kore.client_id, self._kore.client_secret.reveal()
        if _CLIENT_ID.fullmatch(secret) is not None:
            return failed(
                f"{said}: kore.client_secret holds a client id",
                "exchange kore.client_id and kore.client_secret",
            )
        if client_id.startswith("st-"):
            return failed(
                f"{said}: kore.client_id holds the id of a bot", f"copy the Client ID, cs-…, from {_WHERE}"
            )
        if secret != secret.strip() or client_id != client_id.strip():
            return failed(
                f"{said}: there is a blank or line end around the value",
                "remove it from the variable or file",
            )
        if _APP.search(words):
            return failed(f"{said}: it knows no such app for this bot", f"copy kore.client_id from {_WHERE}")
        if _SIGNATURE.search(words):
            return failed(f"{said}: the secret is not the app's", f"copy kore.client_secret from {_WHERE}")
        if status == 403 or _SCOPE.search(words):
            return failed(
                f"{said}: the app may not do this",
                "give the app the permission for BotKit (Dev Tools › API Scope), and publish the bot",
            )
        shape = "" if _CLIENT_ID.fullmatch(client_id) else "; the client id has not the form cs- and a UUID"
        return failed(
            f"{said}. Neither the platform's time nor {' or '.join(('HS256', 'HS512'))} nor a JTI claim changes that{shape}",
            f"copy kore.client_id and kore.client_secret anew from {_WHERE}; the bot's BotKit settings have to name this app",
        )

    def _is_odd(self) -> bool:
        return abs(self._ahead_seconds) > _NOTICEABLE_SECONDS

    async def _accepted(
        self, *, algorithm: Algorithm | None = None, ahead_seconds: float = 0.0, jti: bool = False
    ) -> bool:
        request = self._requests.history(
            algorithm=algorithm, ahead_seconds=ahead_seconds if self._is_odd() else 0.0, jti=jti
        )
        answer = await self._transport.send(request)
        return answer.status not in REFUSED and answer.status < 429
