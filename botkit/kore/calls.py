"""Every call we make to the platform, as a `Request`: URL, signed headers, body (protocols/kore-xo-botkit.md 4.2, 4.3).

Messages we only pass on keep the hook's body byte for byte. That is nearly all traffic, so it is spliced, not re-encoded.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from botkit.config.settings import KoreSettings
from botkit.errors import CallRefused
from botkit.handoff.events import Content
from botkit.hosts import AllowedHosts
from botkit.http import Request
from botkit.kore.address import Address
from botkit.kore.rendering import message_body
from botkit.kore.signing import Signer

GET_MESSAGES_LIMIT = 100
"""The most the platform gives at once (4.5)."""

DOWNLOAD_SECONDS = 30.0


class KoreCalls:
    """Builds calls for one bot. Feed the answers to `replies.check_reply`.

    Every method takes the raw body of the hook that is answered (`address` parses it), and a `delivery_id` which goes
    along as ``x-request-id``: the same on every attempt, so that a repeated delivery can be told in both sides' logs.

    Args:
        settings: the bot's JWT app and the hosts that may be called.
        bot_id: the platform's id of the bot.
        insecure_http: let ``http://`` callbacks through.
        clock: epoch seconds.

    All methods raise:
        CallRefused: the payload does not say where to call.
        HostNotAllowed: it says so, but the host is not one of `settings.callback_hosts`.
    """

    def __init__(
        self, settings: KoreSettings, *, bot_id: str, insecure_http: bool, clock: Callable[[], float]
    ) -> None:
        self._bot_id = bot_id
        self._hosts = AllowedHosts(settings.callback_hosts, insecure_http=insecure_http)
        self._signer = Signer(
            settings.client_id, settings.client_secret, algorithm=settings.algorithm, clock=clock
        )
        self._timeout_seconds = settings.timeout.total_seconds()

    def sign_anew(self) -> None:
        """The platform did not take the last signature."""
        self._signer.forget()

    def address(self, body: bytes, *, component_id: str) -> Address:
        """Where this payload can be answered."""
        return Address.parse(body, bot_id=self._bot_id, component_id=component_id)

    def pass_to_bot(self, body: bytes, *, component_id: str, delivery_id: str = "") -> Request:
        """Give a user message on to the bot as it came."""
        address = self.address(body, component_id=component_id)
        return self._pass("pass to bot", address.send_bot_message_url, address, body, delivery_id)

    def pass_to_user(self, body: bytes, *, component_id: str, delivery_id: str = "") -> Request:
        """Give a bot message on to the user as it came."""
        address = self.address(body, component_id=component_id)
        return self._pass("pass to user", address.send_user_message_url, address, body, delivery_id)

    def skip_user_message(self, body: bytes, *, component_id: str, delivery_id: str = "") -> Request:
        """Answer a bot message with: it is not shown to the user."""
        address = self.address(body, component_id=component_id)
        return self._pass("skip user message", address.skip_user_message_url, address, body, delivery_id)

    def send_to_user(
        self, body: bytes, *, component_id: str, content: Content, agent_name: str = "", delivery_id: str = ""
    ) -> Request:
        """Show something of our own or of an agent's to the user, addressed by the newest payload `body`.

        Args:
            body: the conversation's newest payload.
            component_id: the component that payload came to.
            content: what to show.
            agent_name: who says it; empty for BotKit's own words.
            delivery_id: see the class.
        """
        address = self.address(body, component_id=component_id)
        spliced = splice(body, address.missing_members())
        message = message_body(spliced, content, agent_name=agent_name, channel_type=address.channel_type)
        return self._post("send to user", address.send_user_message_url, message, delivery_id)

    def clear_agent_session(self, body: bytes, *, component_id: str, delivery_id: str = "") -> Request:
        """Give the user back to the bot."""
        address = self.address(body, component_id=component_id)
        return self._pass("clear agent session", address.clear_agent_session_url, address, body, delivery_id)

    def extend_request(self, body: bytes, *, component_id: str, delivery_id: str = "") -> Request:
        """Keep the payload's requestId usable for some minutes more (4.6)."""
        address = self.address(body, component_id=component_id)
        return self._pass("extend request id", address.extend_request_url, address, body, delivery_id)

    def get_messages(
        self,
        body: bytes,
        *,
        component_id: str,
        limit: int,
        skip: int = 0,
        timeout_seconds: float | None = None,
    ) -> Request:
        """Ask for the talk so far, newest first; read the answer with `messages.read_messages`.

        No body is sent: the platform answers a GET that has one with 400 (4.2).
        """
        address = self.address(body, component_id=component_id)
        query = {"skip": skip, "limit": min(limit, GET_MESSAGES_LIMIT), "userId": address.user_id}
        if channel := address.channel_type:
            query["channelType"] = channel
        url = self._checked("get messages", address.get_messages_url)
        return Request(
            what="get messages",
            method="GET",
            url=f"{url}?{urlencode(query)}",
            headers={"auth": self._signer.token(), "Accept": "application/json"},
            timeout_seconds=timeout_seconds or self._timeout_seconds,
        )

    def download(self, url: str, *, most_bytes: int) -> Request:
        """Fetch a file that the user sent (4.4). Its address comes with a hook, so its host has to be allowed like any other."""
        what = "download a file"
        headers = {"auth": self._signer.token()}
        url = self._checked(what, url)
        return Request(what, "GET", url, headers, timeout_seconds=DOWNLOAD_SECONDS, most_bytes=most_bytes)

    def _pass(self, what: str, url: str, address: Address, body: bytes, delivery_id: str) -> Request:
        return self._post(what, url, splice(body, address.missing_members()), delivery_id)

    def _post(self, what: str, url: str, body: bytes, delivery_id: str) -> Request:
        headers = {"auth": self._signer.token(), "Content-Type": "application/json"}
        if delivery_id:
            headers["x-request-id"] = delivery_id
        return Request(what, "POST", self._checked(what, url), headers, body, self._timeout_seconds)

    def _checked(self, what: str, url: str) -> str:
        if not url:
            raise CallRefused(what, detail="the payload has neither the URL nor a baseUrl and requestId")
        self._hosts.check(url, what=what)
        return url


def splice(body: bytes, members: bytes) -> bytes:
    """Put JSON members (each followed by a comma) in front of the first member of a JSON object, and change nothing else."""
    if not members:
        return body
    inside = body.index(b"{") + 1
    if body[inside:].lstrip(b" \t\r\n")[:1] == b"}":
        members = members[:-1]
    return b"".join((body[:inside], members, body[inside:]))
