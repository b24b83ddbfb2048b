"""Who is in a made-up payload: a user of the bot, and the files they send."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user of the bot.

    Attributes:
        id: the platform's name of the user, ``u-…``.
        address: what the channel calls them (``channel.from``), such as a telephone number; empty: the same as `id`.
        language: as the platform spells it.
    """

    id: str = "u-11111111-2222-5333-8444-555555555555"
    first_name: str = "Ada"
    last_name: str = "Lovelace"
    email: str = "ada@example.com"
    language: str = "en"
    address: str = ""

    @property
    def sender(self) -> str:
        """`channel.from`."""
        return self.address or self.id


@dataclass(frozen=True, slots=True)
class File:
    """A file the user sends; without `url` it is at the platform.

    `kind` is the platform's class of it: ``image``, ``audio``, ``video`` or ``attachment``.
    """

    name: str
    url: str = ""
    kind: str = "attachment"


def user_named(user: User | str) -> User:
    """A user of this id, or the very one that was given."""
    return User(id=user) if isinstance(user, str) else user


def file_named(file: File | str) -> File:
    """A file of this name, or the very one that was given."""
    return File(file) if isinstance(file, str) else file
