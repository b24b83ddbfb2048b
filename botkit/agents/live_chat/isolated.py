"""Rules whose patterns may take for ever, applied in a process of its own with an end to its patience.

A process for one text costs some 30 ms, and only texts pay it that go to an organisation with such rules. Nothing but a
process can be stopped: Python's regular expressions hold the interpreter until they are done.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

import msgspec

from botkit.agents.live_chat.sensitive import Masked, NotMaskable, Rule, apply, compiled, needs_isolation

LOCK_TIMEOUT_SECONDS = 2.0
_AT_ONCE = 2

_PROGRAM = """
import json, re, sys
said, rules = json.loads(sys.stdin.buffer.read())
triggered = []
for number, (pattern, by) in enumerate(rules):
    changed, times = re.compile(pattern, re.ASCII).subn(lambda _: by, said)
    if times and changed != said:
        triggered.append(number)
        said = changed
sys.stdout.write(json.dumps([said, triggered]))
"""


class IsolatedMasker:
    """Applies rules, in this process where that is harmless and in another where it may not be.

    Args:
        lock_timeout_seconds: how long the other process may take.
    """

    def __init__(self, lock_timeout_seconds: float = LOCK_TIMEOUT_SECONDS) -> None:
        self._patience = lock_timeout_seconds
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def __call__(self, said: str, rules: Sequence[Rule]) -> Masked:
        """Apply the rules in their order.

        Raises:
            NotMaskable: a pattern cannot be used, or took too long.
        """
        if not any(needs_isolation(rule.pattern) for rule in rules):
            return apply(said, rules)
        patterns = [(compiled(rule.pattern).pattern, rule.replacement) for rule in rules]
        async with self._turns:
            answer = await self._ask(msgspec.json.encode((said, patterns)))
        try:
            changed, numbers = msgspec.json.decode(answer, type=tuple[str, list[int]])
            return Masked(changed, tuple(rules[number] for number in numbers))
        except (msgspec.DecodeError, IndexError) as error:
            raise NotMaskable("the process that masks did not answer") from error

    async def _ask(self, question: bytes) -> bytes:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", "-c", _PROGRAM,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            async with asyncio.timeout(self._patience):
                answer, _ = await process.communicate(question)
        except TimeoutError:
            raise NotMaskable("a pattern takes too long for this text") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return answer
