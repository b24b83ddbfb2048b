"""Every call we make to the platform, as a `Request`: URL, signed headers, body (protocols/kore-xo-botkit.md 4.2, 4.3).

Messages we only pass on keep the hook's body byte for byte. That is nearly all traffic, so it is spliced, not re-encoded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from botkit.config.settings import KoreSettings
from botkit.errors import CallRefused
from botkit.handoff.events import Content
from botkit.http import Request
from botkit.http.hosts import AllowedHosts
from botkit.kore.address import Address
from botkit.kore.bodies import Changes, Members, changed, members_to_change, splice
from botkit.kore.completing import completed
from botkit.kore.rendering import message_body
from botkit.kore.signing import Signer

SDK_CALLS = (
    "send_user_message",
    "send_bot_message",
    "skip_user_message",
    "skip_bot_message",
    "send_alert_message",
    "reset_bot",
    "start_agent_session",
    "clear_agent_session",
    "extend_request_id",
    "close_conversation_session",
    "send_feedback_message",
    "send_bot_event",
    "respond_to_hook",
)
"""The calls of Kore's Node SDK that post a payload, as Python spells them."""

_URL_OF: Mapping[str, Callable[[Address], str]] = {
    "send_user_message": lambda address: address.send_user_message_url,
    "send_bot_message": lambda address: address.send_bot_message_url,
    "skip_user_message": lambda address: address.skip_user_message_url,
    "skip_bot_message": lambda address: address.skip_bot_message_url,
    "send_alert_message": lambda address: address.send_alert_message_url,
    "reset_bot": lambda address: address.reset_bot_url,
    "start_agent_session": lambda address: address.start_agent_session_url,
    "clear_agent_session": lambda address: address.clear_agent_session_url,
    "extend_request_id": lambda address: address.extend_request_url,
    "close_conversation_session": lambda address: address.clear_conversation_session_url,
    "send_feedback_message": lambda address: address.send_feedback_message_url,
    "send_bot_event": lambda address: address.send_bot_event_url,
    "respond_to_hook": lambda address: address.callback_url,
    "get_messages": lambda address: address.get_messages_url,
    "fetch_bot_variable": lambda address: address.get_bot_variable_url,
    "get_dialog": lambda address: address.get_dialog_url,
}

_ONLY_GIVEN: Mapping[str, str] = {
    "send_alert_message": "sendAlertMessageUrl, which comes with on_alert",
    "reset_bot": "resetBotUrl",
    "close_conversation_session": "clearConversationSessionUrl",
    "send_feedback_message": "sendFeedbackMessageUrl",
    "send_bot_event": "sendBotEventUrl, which comes with on_client_event",
    "fetch_bot_variable": "getBotVariableUrl",
    "get_dialog": "getDialogUrl, which comes with on_agent_transfer and on_webhook",
}
"""What has to be in the payload, because its path is not documented."""

GET_MESSAGES_LIMIT = 100
"""The most the platform gives at once (4.5)."""

DOWNLOAD_SECONDS = 30.0


class KoreCalls:
    """Builds calls for one bot. Feed the answers to `replies.check_reply`.

    Every method takes the raw body of the hook that is answered (`address` parses it), and a `idempotency_key` which goes
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
        self._clock = clock
        self._timeout_seconds = settings.timeout.total_seconds()

    def sign_anew(self) -> None:
        """The platform did not take the last signature."""
        self._signer.forget()

    def address(self, body: bytes, *, component_id: str) -> Address:
        """Where this payload can be answered."""
        return Address.parse(body, bot_id=self._bot_id, component_id=component_id)

    def call(
        self,
        name: str,
        body: bytes,
        *,
        component_id: str,
        changes: Changes = b"",
        idempotency_key: str = "",
    ) -> Request:
        """Post a payload to the platform, as it came or changed: any of `SDK_CALLS`.

        Args:
            name: which call.
            body: the payload.
            component_id: the component that payload came to.
            changes: top-level members that take the place of the payload's or join them; see `completing`. Without any,
                the payload keeps its bytes.
            idempotency_key: see the class.

        Raises:
            CallRefused: also when there is no such call, the changes are not a JSON object, or feedback is not complete.
            MessageTooLong: a changed message that the bot would not take.
        """
        address, url, members = self._prepared(name, body, component_id, changes)
        complete = splice(body, address.missing_members(address.payload_class))
        return self._post(_in_words(name), url, changed(complete, members), idempotency_key)

    def check(self, name: str, body: bytes, *, component_id: str, changes: Changes = b"") -> None:
        """Whether `call` would make a request of this. Raises what it would; nothing is written or signed."""
        _, url, _ = self._prepared(name, body, component_id, changes)
        self._checked(_in_words(name), url)

    def _prepared(
        self, name: str, body: bytes, component_id: str, changes: Changes
    ) -> tuple[Address, str, Members]:
        what = _in_words(name)
        if name not in SDK_CALLS:
            raise CallRefused(what, detail=f"there is no such call; there are {', '.join(SDK_CALLS)}")
        address = self.address(body, component_id=component_id)
        url = self._url(name, address)
        try:
            members = members_to_change(changes)
        except ValueError:
            raise CallRefused(what, detail="the changes are not a JSON object") from None
        return address, url, completed(name, members, address=address, now=self._clock())

    def pass_to_bot(self, body: bytes, *, component_id: str, idempotency_key: str = "") -> Request:
        """Give a user message on to the bot as it came."""
        address = self.address(body, component_id=component_id)
        return self._pass("pass to bot", address.send_bot_message_url, address, body, idempotency_key)

    def pass_to_user(self, body: bytes, *, component_id: str, idempotency_key: str = "") -> Request:
        """Give a bot message on to the user as it came."""
        address = self.address(body, component_id=component_id)
        return self._pass("pass to user", address.send_user_message_url, address, body, idempotency_key)

    def skip_user_message(self, body: bytes, *, component_id: str, idempotency_key: str = "") -> Request:
        """Answer a bot message with: it is not shown to the user."""
        return self.call(
            "skip_user_message", body, component_id=component_id, idempotency_key=idempotency_key
        )

    def send_to_user(
        self,
        body: bytes,
        *,
        component_id: str,
        content: Content,
        agent_name: str = "",
        idempotency_key: str = "",
    ) -> Request:
        """Show something of our own or of an agent's to the user, addressed by the newest payload `body`.

        Args:
            body: the conversation's newest payload.
            component_id: the component that payload came to.
            content: what to show.
            agent_name: who says it; empty for BotKit's own words.
            idempotency_key: see the class.
        """
        address = self.address(body, component_id=component_id)
        spliced = splice(body, address.missing_members())
        message = message_body(spliced, content, agent_name=agent_name, channel_type=address.channel_type)
        return self._post("send to user", address.send_user_message_url, message, idempotency_key)

    def clear_agent_session(self, body: bytes, *, component_id: str, idempotency_key: str = "") -> Request:
        """Give the user back to the bot."""
        return self.call(
            "clear_agent_session", body, component_id=component_id, idempotency_key=idempotency_key
        )

    def extend_request(self, body: bytes, *, component_id: str, idempotency_key: str = "") -> Request:
        """Keep the payload's requestId usable for some minutes more (4.6)."""
        return self.call(
            "extend_request_id", body, component_id=component_id, idempotency_key=idempotency_key
        )

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
        return self._get(
            "get messages",
            self._url("get_messages", address),
            query=urlencode(query),
            timeout_seconds=timeout_seconds,
        )

    def fetch_bot_variable(self, body: bytes, *, component_id: str, language: str) -> Request:
        """Ask for the bot's variables in one language; read the answer with `variables.read_variables`."""
        url = self._url("fetch_bot_variable", self.address(body, component_id=component_id))
        return self._get("fetch bot variable", url, headers={"bot-language": language})

    def get_dialog(self, body: bytes, *, component_id: str) -> Request:
        """Ask for the dialog that sent this payload; read the answer with `dialog.read_dialog`."""
        return self._get("get dialog", self._url("get_dialog", self.address(body, component_id=component_id)))

    def download(self, url: str, *, max_bytes: int) -> Request:
        """Fetch a file that the user sent (4.4). Its address comes with a hook, so its host has to be allowed like any other."""
        what = "download a file"
        headers = {"auth": self._signer.token()}
        url = self._checked(what, url)
        return Request(what, "GET", url, headers, timeout_seconds=DOWNLOAD_SECONDS, max_bytes=max_bytes)

    def _url(self, name: str, address: Address) -> str:
        url = _URL_OF[name](address)
        if not url and name in _ONLY_GIVEN:
            raise CallRefused(
                _in_words(name), detail=f"the payload has no {_ONLY_GIVEN[name]}: answer one that has it"
            )
        return url

    def _get(
        self,
        what: str,
        url: str,
        *,
        query: str = "",
        headers: Mapping[str, str] = {},
        timeout_seconds: float | None = None,
    ) -> Request:
        url = self._checked(what, url)
        return Request(
            what=what,
            method="GET",
            url=f"{url}?{query}" if query else url,
            headers={"auth": self._signer.token(), "Accept": "application/json", **headers},
            timeout_seconds=timeout_seconds or self._timeout_seconds,
        )

    def _pass(self, what: str, url: str, address: Address, body: bytes, idempotency_key: str) -> Request:
        return self._post(what, url, splice(body, address.missing_members()), idempotency_key)

    def _post(self, what: str, url: str, body: bytes, idempotency_key: str) -> Request:
        url = self._checked(what, url)
        headers = {"auth": self._signer.token(), "Content-Type": "application/json"}
        if idempotency_key:
            headers["x-request-id"] = idempotency_key
        return Request(what, "POST", url, headers, body, self._timeout_seconds)

    def _checked(self, what: str, url: str) -> str:
        if not url:
            raise CallRefused(what, detail="the payload has neither the URL nor a baseUrl and requestId")
        self._hosts.check(url, what=what)
        return url


def _in_words(name: str) -> str:
    return name.replace("_", " ")
