"""Post signed hooks to BotKit, and record the answers on the wire.

See docs/protocols/kore-xo-botkit.md, 2.1 and 2.2.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from botkit_sandbox.kore.core import Core
from botkit_sandbox.wire import answering

_ANSWER_LIMIT = 2 * 1024 * 1024
_CONNECTIONS = 512


@dataclass(frozen=True, slots=True)
class Answer:
    """BotKit's answer to a hook; `status` is None if there was none in time."""

    status: int | None
    body: bytes = b""
    why: str = ""

    @property
    def acknowledged(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


@dataclass(slots=True)
class HookSender:
    """Posts hooks over one pool of connections. It never retries: no source says that the platform does (3)."""

    core: Core
    _client: aiohttp.ClientSession | None = field(default=None)

    async def post(self, event: str, body: Mapping[str, Any], *, component_id: str | None = None) -> Answer:
        """Post a hook, or the same hook twice if that fault is on. Returns the last answer."""
        # A linked bot posts under its own id; the call URLs of its hooks have it too.
        path = f"/sdk/bots/{str(body.get('baseUrl', self.core.bot.id)).rpartition('/')[2]}"
        path += f"/components/{component_id}/{event}" if component_id else f"/{event}"
        faults = self.core.faults.for_hook(path)
        for fault in faults:
            await asyncio.sleep(fault.delay_ms / 1000)
        headers = {
            "content-type": "application/json; charset=utf-8",
            **self._credentials(
                forged=any(f.forged_token for f in faults), expired=any(f.expired_token for f in faults)
            ),
        }
        # A lone surrogate cannot be encoded as UTF-8, so it stays a JSON escape.
        data = json.dumps(body, ensure_ascii=False).encode(errors="backslashreplace")
        answer = await self._once(event, path, headers, data)
        if any(f.duplicate_hooks for f in faults):
            answer = await self._once(event, path, headers, data)
        return answer

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    def _credentials(self, *, forged: bool, expired: bool) -> dict[str, str]:
        lifetime = int(self.core.settings.token_lifetime.total_seconds())
        expires = int(self.core.now()) + (-2 * lifetime if expired else lifetime)
        app = self.core.app
        token = app.forged(expires=expires) if forged else app.sign(expires=expires)
        headers = {"token": token, "apikey": app.client_secret[::-1] if forged else app.client_secret}
        wanted = self.core.settings.hook_credential
        return headers if wanted == "both" else {wanted: headers[wanted]}

    async def _once(self, event: str, path: str, headers: Mapping[str, str], data: bytes) -> Answer:
        seconds = self.core.settings.hook_timeout.total_seconds()
        started = asyncio.get_running_loop().time()
        try:
            with answering(self.core.wire, event):
                async with self._session().post(
                    self.core.subscription.host + path,
                    data=data,
                    headers=headers,
                    timeout=aiohttp.ClientTimeout(total=seconds),
                    allow_redirects=False,
                ) as response:
                    answer = Answer(response.status, await _bounded(response))
        except TimeoutError:
            answer = Answer(None, why=f"no answer within {seconds:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            answer = Answer(None, why=f"BotKit cannot be reached ({type(error).__name__})")
        if self.core.wire is not None:
            self.core.wire.record(
                source="kore",
                target="botkit",
                label=event,
                method="POST",
                path=path,
                status=answer.status,
                duration_ms=round((asyncio.get_running_loop().time() - started) * 1000, 2),
                request_headers=headers,
                request_body=data.decode(),
                response_body=answer.why or answer.body.decode(errors="replace"),
            )
        return answer

    def _session(self) -> aiohttp.ClientSession:
        if self._client is None:
            self._client = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=_CONNECTIONS))
        return self._client


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for chunk in response.content.iter_chunked(65_536):
        content += chunk
        if len(content) > _ANSWER_LIMIT:
            break
    return bytes(content)
