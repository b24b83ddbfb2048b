"""Every error of the sandbox, in one tree. A docstring says when an error occurs, and then what to do about it.

SandboxError
├── SandboxCannotListen   BK-7090
├── ExportError           BK-7001
├── ScriptEngineMissing   BK-7009
├── ScriptError           BK-7002
├── UnknownCall           BK-7003
├── ExpiredCall           BK-7004
├── FaultInvalid          BK-7005
├── UserUnknown           BK-7006
├── LaneFull              BK-7007
├── TooManyUsers          BK-7008
├── UserWithAgent         BK-7010
├── DialogUnknown         BK-7011
├── KeysetInvalid         BK-7012
├── StandInUnknown        BK-7013
└── AlreadyThere          BK-7014
"""

from __future__ import annotations

from typing import ClassVar


class SandboxError(Exception):
    """Something that the sandbox could not do."""

    code: ClassVar[str]


class SandboxCannotListen(SandboxError):
    """The sandbox cannot listen on this port or host.

    Choose another with `--port` or `--host`.
    """

    code = "BK-7090"


class ExportError(SandboxError):
    """A bot export cannot be used.

    The message lists every problem and its fix.
    """

    code = "BK-7001"

    def __init__(self, where: str, problems: list[str]) -> None:
        self.problems = problems
        super().__init__(
            "\n".join([f"{where} is not a bot the sandbox can run:", *(f"  - {p}" for p in problems)])
        )


class ScriptEngineMissing(SandboxError):
    """QuickJS, which runs the scripts of dialogs, is not installed.

    Install it: ``pip install 'botkit[sandbox]'``.
    """

    code = "BK-7009"


class ScriptError(SandboxError):
    """A Script node raised an error, ran too long or took too much memory.

    Correct the script in the XO builder.
    """

    code = "BK-7002"


class UnknownCall(SandboxError):
    """No hook of the last hour carried this requestId.

    Call back with the requestId of the hook that is answered.
    """

    code = "BK-7003"


class ExpiredCall(SandboxError):
    """The requestId has expired.

    Extend it in time with extendcallid.
    """

    code = "BK-7004"


class FaultInvalid(SandboxError):
    """A fault has an unknown name or a value of a wrong type.

    `docs/sandbox-kore.md` lists the faults and their values.
    """

    code = "BK-7005"


class UserUnknown(SandboxError):
    """No user has this id.

    `GET /sandbox/kore/state` lists all users.
    """

    code = "BK-7006"


class LaneFull(SandboxError):
    """Too many actions of this user are waiting.

    Wait, or find out why the client does not answer its hooks.
    """

    code = "BK-7007"


class TooManyUsers(SandboxError):
    """The sandbox has as many users as it may have.

    Start the sandbox again.
    """

    code = "BK-7008"


class AlreadyThere(SandboxError):
    """The user is on that channel already.

    Let them write there, or choose another channel.
    """

    code = "BK-7014"


class UserWithAgent(SandboxError):
    """A user who is with an agent cannot change the channel.

    End the agent session first, or let a new user open the chat.
    """

    code = "BK-7010"


class DialogUnknown(SandboxError):
    """No dialog of the bot has this name.

    Name one of the bot's dialogs, or its id.
    """

    code = "BK-7011"


class KeysetInvalid(SandboxError):
    """A file of `--keyset` is not a JSON web key set with the name of its issuer.

    It looks like ``{"issuer": "https://shop.example", "keys": [{"kty": "RSA", "kid": "…", "n": "…", "e": "AQAB"}]}``.
    """

    code = "BK-7012"


class StandInUnknown(SandboxError):
    """The bot has no service or form of this name.

    `GET /sandbox/kore/stand-ins` lists them.
    """

    code = "BK-7013"
