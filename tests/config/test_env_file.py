"""`env_file`: values for ${NAME} from a file beside the configuration."""

from __future__ import annotations

import pytest

from botkit.config.settings import Secret
from tests.config.folder import BOT, SERVER, Folder

SECRET = "a secret of sixteen or more"
WITH_FILE = SERVER + "env_file: ../.env\n"


@pytest.fixture
def inner(folder: Folder) -> Folder:
    """A configuration in a folder of its own, whose client secret is a variable."""
    made = Folder(folder.path / "config")
    made.server(WITH_FILE)
    made.bot(BOT.replace("hunter2hunter2hunter2", "${KORE_CLIENT_SECRET}"))
    return made


def write(folder: Folder, text: str | bytes, *, mode: int = 0o600) -> None:
    folder.write("../.env", text)
    (folder.path / "../.env").chmod(mode)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (f"KORE_CLIENT_SECRET={SECRET}", SECRET),
        (f"KORE_CLIENT_SECRET='{SECRET}'   # ours", SECRET),
        (f'KORE_CLIENT_SECRET="{SECRET}"', SECRET),
        (f"export KORE_CLIENT_SECRET = {SECRET}", SECRET),
        (f"KORE_CLIENT_SECRET={SECRET} # ours", SECRET),
        ("KORE_CLIENT_SECRET=a#b+c/d==0123456789", "a#b+c/d==0123456789"),
        ("KORE_CLIENT_SECRET='$HOME ${PATH} `id` 0123'", "$HOME ${PATH} `id` 0123"),
        ('KORE_CLIENT_SECRET="a \\" and a \\\\ 0123456789"', 'a " and a \\ 0123456789'),
        (f"# first\n\r\nOTHER=\nKORE_CLIENT_SECRET={SECRET}\r", SECRET),
    ],
)
def test_a_value_is_read_as_shells_write_it(inner: Folder, line: str, value: str) -> None:
    write(inner, line + "\n")
    assert inner.load_bot().kore.client_secret == Secret(value)


def test_the_environment_wins(inner: Folder) -> None:
    write(inner, "KORE_CLIENT_SECRET=that of the file is another\n")
    inner.environ["KORE_CLIENT_SECRET"] = SECRET
    assert inner.load_bot().kore.client_secret == Secret(SECRET)


def test_the_servers_file_is_filled_from_it_too(inner: Folder) -> None:
    write(inner, f"PORT=9001\nKORE_CLIENT_SECRET={SECRET}\n")
    inner.server(WITH_FILE + "server: {port: '${PORT}'}\n")
    assert inner.load().server.port == 9001


def test_without_the_file_the_environment_has_to_have_them(inner: Folder) -> None:
    said = inner.problem()
    assert "the variable KORE_CLIENT_SECRET is not set; write KORE_CLIENT_SECRET=… into " in said
    assert f"{inner.path.parent}/.env, which does not exist, or set it, or write" in said
    write(inner, "OTHER=1\n")
    assert f"{inner.path.parent}/.env, or set it, or write" in inner.problem()
    inner.environ["KORE_CLIENT_SECRET"] = SECRET
    assert inner.problems() == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A=1\nnonsense with hunter2\n", ".env:2: (file): is not NAME=value"),
        ("A='hunter2\n", ".env:1: A: has a quote that is not closed; close the quote"),
        (b"A=\xff\n", ".env:1: (file): is not UTF-8 text"),
        ("A=" + "1" * 70_000, ".env:1: (file): is larger than 64 KiB"),
    ],
)
def test_what_cannot_be_read_is_a_problem_without_its_value(
    inner: Folder, text: str | bytes, said: str
) -> None:
    write(inner, text)
    first = inner.problems()[0]
    assert said in first
    assert "hunter2" not in first


def test_a_directory_of_that_name_is_a_problem(inner: Folder) -> None:
    (inner.path / "../.env").mkdir()
    assert ".env:1: (file): cannot be read" in inner.problems()[0]


def test_a_file_that_others_can_read_is_a_warning(inner: Folder) -> None:
    write(inner, f"KORE_CLIENT_SECRET={SECRET}\n", mode=0o644)
    (warning,) = inner.load().warnings
    assert "other users of this machine can read it; chmod 600" in str(warning)
    assert SECRET not in str(warning)
    write(inner, f"KORE_CLIENT_SECRET={SECRET}\n")
    assert inner.load().warnings == ()


def test_nothing_is_filled_in_the_files_own_name(inner: Folder) -> None:
    inner.environ.update(KORE_CLIENT_SECRET=SECRET, NAME=".env")
    inner.server(SERVER + "env_file: ../${NAME}\n")
    assert "nothing is filled in here" in inner.problem()
