"""A valid configuration in its own folder; a test changes one thing in it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from botkit.config.load import load
from botkit.config.settings import BotSettings, Settings
from botkit.errors import ConfigurationError

BOT_ID = "st-77777777-7777-5777-8777-777777777777"

SERVER = """\
version: 1
bots: [bots/*.yaml]
"""

BOT = f"""\
version: 1
bot:
  id: {BOT_ID}
  name: Acme Assistant
kore:
  client_id: cs-1
  client_secret: hunter2hunter2hunter2
  callback_hosts: [bots.kore.ai]
agents:
  systems:
    salesforce:
      organization_id: 00D000000000007
      organization_base_url: https://acme.my.salesforce.com
      developer_name: Kore_Custom_Client
"""


@dataclass
class Folder:
    """A valid `botkit.yaml` and `bots/acme.yaml`, and the problems that `load` reports in them."""

    path: Path
    environ: dict[str, str] = field(default_factory=dict)

    def write(self, name: str, text: str | bytes) -> None:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)

    def server(self, text: str) -> None:
        self.write("botkit.yaml", text)

    def bot(self, text: str, name: str = "bots/acme.yaml") -> None:
        self.write(name, text)

    def change_bot(self, old: str, new: str) -> None:
        """Replace `old` by `new` in the valid bot file."""
        assert old in BOT
        self.bot(BOT.replace(old, new))

    def add_to_bot(self, text: str) -> None:
        self.bot(BOT + text)

    def load(self) -> Settings:
        return load(self.path / "botkit.yaml", environ=self.environ)

    def load_bot(self) -> BotSettings:
        (bot,) = self.load().bots.values()
        return bot

    def problems(self) -> list[str]:
        """Every problem, with files named from this folder."""
        try:
            self.load()
        except ConfigurationError as error:
            return [str(problem).replace(str(self.path) + os.sep, "") for problem in error.problems]
        return []

    def problem(self) -> str:
        """The only problem."""
        problems = self.problems()
        assert len(problems) == 1, problems
        return problems[0]
