"""What `botkit init` asks, and what it writes for the answers: every file of the folder, as text."""

from __future__ import annotations

import json
import os
import re
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory

from botkit.config import doubtful
from botkit.config.load import load
from botkit.config.values import path_of
from botkit.config.yaml_file import core_value
from botkit.errors import ConfigurationError, Problem

_FILES = {
    "config/botkit.yaml": "botkit.yaml",
    "config/bots/@@slug@@.yaml": "bot.yaml",
    ".env": "env",
    ".env.example": "env.example",
    "app.py": "app.py.txt",
    "test_app.py": "test_app.py.txt",
    "compose.yaml": "compose.yaml",
    "Dockerfile": "Dockerfile",
    ".dockerignore": "dockerignore",
    ".gitignore": "gitignore",
    "README.md": "README.md",
}
"""Path in the new folder → name of its template in `init_files/`."""

PRIVATE = ".env"
"""The file with the secret: only its owner may read it."""

_MARK = re.compile(r"@@([a-z_]+)@@")
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./@-]*(:[A-Za-z0-9_./@-]+| [A-Za-z0-9_./@-]+)*")
_NEEDS_NO_QUOTES = re.compile(r"[A-Za-z0-9_./:+=@-]*")
_MARKED = {"botkit.yaml": 30, "bot.yaml": 38, "env": 0}
"""The templates whose values may have a comment beside them, and the column where it begins."""
_READY = ("insecure_http", "port", "prefix", "local_url")
"""Values that need no quotes, or have them."""


@dataclass(frozen=True, slots=True)
class Question:
    """One value of the configuration.

    Attributes:
        name: of the option, the template's mark and the answer.
        label: the name of the field on Kore's page.
        where: where to find the value.
        path: the key of the YAML files that it becomes.
        made_up: the value without an answer; a made-up secret is random instead.
        fixed: whether `made_up` is a value to keep, not one to replace.
        secret: whether it must not be shown.
    """

    name: str
    label: str
    where: str
    path: str
    made_up: str = ""
    fixed: bool = False
    secret: bool = False


QUESTIONS = (
    Question(
        "bot_id",
        "Bot ID",
        "on the bot's BotKit page in the XO builder, st-…",
        "bot.id",
        doubtful.MADE_UP_BOT_ID,
    ),
    Question("bot_name", "Bot name", "as agents shall read it", "bot.name", "My Assistant"),
    Question(
        "client_id",
        "Client ID",
        "of the bot's BotKit app on the platform, cs-…",
        "kore.client_id",
        doubtful.MADE_UP_CLIENT_ID,
    ),
    Question(
        "client_secret",
        "Client Secret",
        "of the same app; it goes to .env, and is not shown",
        "kore.client_secret",
        secret=True,
    ),
    Question(
        "kore_host",
        "Kore's host",
        "that of the builder's address",
        "kore.callback_hosts",
        "bots.kore.ai",
        fixed=True,
    ),
    Question(
        "organization_id",
        "Organization ID",
        "Setup → Company Information, 00D…",
        "agents.systems.salesforce.organization_id",
        doubtful.MADE_UP_ORGANIZATION_ID,
    ),
    Question(
        "organization_base_url",
        "Organization Base URL",
        "Setup → My Domain → Current My Domain URL",
        "agents.systems.salesforce.organization_base_url",
        doubtful.MADE_UP_BASE_URL,
    ),
    Question(
        "developer_name",
        "Developer Name",
        "the API name of the Embedded Service deployment, not of the messaging channel",
        "agents.systems.salesforce.developer_name",
        "Kore_Custom_Client",
    ),
    Question(
        "end_chat_command",
        "End word",
        "users send it to leave the agent",
        "handoff.end_chat_command",
        "endagentchat",
        fixed=True,
    ),
    Question(
        "language",
        "Language",
        "of users whose language is unknown",
        "handoff.default_language",
        "en",
        fixed=True,
    ),
    Question(
        "public_url",
        "Callback URL",
        "the public https address of BotKit, of a proxy or a tunnel",
        "server.public_url",
        fixed=True,
    ),
    Question("port", "Port", "where BotKit listens", "server.port", "8003", fixed=True),
)
BY_NAME: Mapping[str, Question] = {question.name: question for question in QUESTIONS}


@dataclass(frozen=True)
class Answers:
    """The answers so far. A missing answer is made up, and marked so in the files.

    Attributes:
        given: the answers, by the name of the question.
        insecure_http: whether the addresses are those of the emulated clouds on this machine.
    """

    given: Mapping[str, str] = field(default_factory=dict)
    insecure_http: bool = False
    _secret: str = field(
        default_factory=lambda: doubtful.MADE_UP_SECRET + secrets.token_urlsafe(32), repr=False
    )

    def with_answer(self, name: str, value: str) -> Answers:
        """These answers and one more."""
        return replace(self, given={**self.given, name: value})

    def value(self, name: str) -> str:
        """The answer, or what stands for it."""
        question = BY_NAME[name]
        return self.given.get(name) or (self._secret if question.secret else question.made_up)

    def made_up(self) -> list[Question]:
        """The questions whose values have to be replaced."""
        return [one for one in QUESTIONS if not one.fixed and not self.given.get(one.name)]

    def files(self) -> dict[str, str]:
        """The text of every file, by its path in the folder."""
        folder = resources.files("botkit.cli") / "init_files"
        filled: dict[str, str] = {}
        for path, name in _FILES.items():
            text = (folder / name).read_text(encoding="utf-8")
            filled[path.replace("@@slug@@", self.slug())] = self._fill(text, name)
        return filled

    def slug(self) -> str:
        """The bot's name as a file name: ``Acme Assistant`` → ``acme-assistant``."""
        plain = unicodedata.normalize("NFKD", self.value("bot_name")).encode("ascii", "ignore").decode()
        return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:40] or "bot"

    def prefix(self) -> str:
        """The path of the Callback URL, under which BotKit serves the hooks: ``/botkit``, or empty."""
        return path_of(self.value("public_url"))

    def problems(self) -> tuple[Problem, ...]:
        """What `botkit check` would say about the files; nothing of the environment is used."""
        return self._checked()[0]

    def warnings(self) -> tuple[Problem, ...]:
        """What `botkit check` would warn of in the answers; empty if there are problems."""
        made_up = {question.path for question in self.made_up()}
        return tuple(warning for warning in self._checked()[1] if warning.path not in made_up)

    def _checked(self) -> tuple[tuple[Problem, ...], tuple[Problem, ...]]:
        with TemporaryDirectory(prefix="botkit-init-") as folder:
            write(Path(folder), {path: text for path, text in self.files().items() if _is_checked(path)})
            try:
                return (), load(Path(folder) / "config" / "botkit.yaml", environ={}).warnings
            except ConfigurationError as error:
                return error.problems, ()

    def problem_with(self, question: Question) -> Problem | None:
        """The first problem with one answer."""
        if any(not character.isprintable() for character in self.value(question.name)):
            return Problem(
                "", 0, question.path, "has a character that cannot be printed", "copy the value alone"
            )
        here = (question.path, f"{question.path}[0]")
        return next((problem for problem in self.problems() if problem.path in here), None)

    def _fill(self, text: str, template: str) -> str:
        """The template with its values; without the lines that have neither an answer nor a made-up value."""
        values = {
            "slug": self.slug(),
            "title": self.value("bot_name"),
            "insecure_http": str(self.insecure_http).lower(),
            "prefix": in_yaml(self.prefix()),
            "local_url": f"http://127.0.0.1:{self.value('port')}{self.prefix()}",
            **{question.name: self.value(question.name) for question in QUESTIONS},
        }
        quoted = {"env": in_env_file}.get(template, in_yaml if template.endswith(".yaml") else str)
        made_up = {question.name for question in self.made_up()} if template in _MARKED else set()
        filled = []
        for line in text.split("\n"):
            names = _MARK.findall(line)
            if not all(values[name] for name in names):
                continue
            code, _, comment = line.partition("   # ") if names else (line, "", "")
            code = _MARK.sub(
                lambda mark: values[mark[1]] if mark[1] in _READY else quoted(values[mark[1]]), code
            )
            comment = "made up: replace it" if not made_up.isdisjoint(names) else comment
            filled.append(f"{code:<{_MARKED.get(template, 0)}}   # {comment}" if comment else code)
        return "\n".join(filled)


def _is_checked(path: str) -> bool:
    return path == PRIVATE or path.startswith("config/")


def in_yaml(value: str) -> str:
    """A text as a YAML scalar that reads as this text: quoted where it could be taken for something else."""
    text = value.replace("${", "$${")
    if _PLAIN.fullmatch(text) and isinstance(core_value(text), str):
        return text
    return json.dumps(text, ensure_ascii=False)


def in_env_file(value: str) -> str:
    """A text as a value of `.env`, for BotKit, for shells and for Docker Compose alike."""
    if _NEEDS_NO_QUOTES.fullmatch(value):
        return value
    if "'" not in value:
        return f"'{value}'"
    return '"' + re.sub(r'(["\\$`])', r"\\\1", value) + '"'


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write new files; never over one that exists.

    Raises:
        FileExistsError: one of them exists.
        OSError: it cannot be written.
    """
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        mode = 0o600 if path == PRIVATE else 0o644
        number = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(number, "w", encoding="utf-8") as opened:
            opened.write(text)
