"""Where the two JSON files of an export stand: in a folder, in a zip file, or one of these inside a folder.

People keep exports in many ways: unzipped, as the builder's zip file, some folders deeper, or the JSON file under another name.
"""

from __future__ import annotations

import json
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from botkit_sandbox.errors import ExportError

DEFINITION_FILES = ("botdefinition.json", "appdefinition.json")
FILE_LIMIT_BYTES = 100 * 1024 * 1024
FILES_SEEN = 20_000
DEEPEST = 5
LISTED = 5
SCRIPTS_READ = 10
_OTHER_JSON = ("config", "package", "tabledefinition", "tsconfig")
"""JSON files beside exports, none of which is one."""
_CONFLICT = re.compile(rb"^<{7} ", re.MULTILINE)
"""Exports that people keep in git were seen with the marks of a merge in them."""
_UNREADABLE = (
    OSError,
    ValueError,
    KeyError,
    EOFError,
    RecursionError,
    RuntimeError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
)
"""What reading, unzipping and parsing raise."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was read.

    Attributes:
        name: of the file with the definition.
        config: None if there is no config.json, or none that is a JSON object.
        scripts: the JavaScript files beside the definition, by name.
    """

    name: str
    definition: Mapping[str, Any]
    config: Mapping[str, Any] | None
    scripts: Mapping[str, str]


def found_in(path: Path) -> Found:
    """The definition and the configuration at `path`.

    Raises:
        ExportError: there is no definition, more than one, or it is not a JSON object.
    """
    try:
        if path.is_file():
            if zipfile.is_zipfile(path):
                return _found(_Zip(path))
            return _read(_Folder(path.parent), path.name)
        if path.is_dir():
            return _found(_Folder(path))
    except _UNREADABLE as error:
        raise ExportError(
            str(path), [f"it cannot be read ({_reason(error)}); export the bot again"]
        ) from error
    raise ExportError(str(path), ["there is no such folder or file; name an export with --bot"])


def _found(archive: _Folder | _Zip) -> Found:
    for depth in range(1, DEEPEST + 1):
        names = archive.names(depth)
        definitions = [name for name in names if PurePosixPath(name).name.lower() in DEFINITION_FILES]
        folders = sorted({str(PurePosixPath(name).parent) for name in definitions})
        if len(folders) > 1:
            several = f"it holds {len(folders)} exports; name one of {', '.join(folders[:LISTED])}"
            raise ExportError(archive.name, [several])
        if definitions:
            return _read(archive, definitions[0])
        single = _single(archive, names)
        if single is not None:
            return single
    wanted = "there is no botDefinition.json or appDefinition.json"
    raise ExportError(
        archive.name, [f"{wanted}; export the bot in the XO builder, and name its folder or zip file"]
    )


def _single(archive: _Folder | _Zip, names: Sequence[str]) -> Found | None:
    """An export under another name: the only zip file, or the only JSON file that may be one."""
    zips = [name for name in names if name.lower().endswith(".zip")]
    if isinstance(archive, _Folder) and len(zips) == 1:
        return _found(_Zip(archive.path / zips[0]))
    files = [name for name in names if name.lower().endswith(".json")]
    files = [name for name in files if not PurePosixPath(name).name.lower().startswith(_OTHER_JSON)]
    return _read(archive, files[0]) if len(files) == 1 else None


def _read(archive: _Folder | _Zip, name: str) -> Found:
    definition = _object(archive, name)
    folder = PurePosixPath(name).parent
    depth = len(folder.parts) + 1
    beside = [one for one in archive.names(depth) if PurePosixPath(one).parent == folder and one != name]
    return Found(f"{archive.name}/{name}", definition, _config(archive, beside), _scripts(archive, beside))


def _config(archive: _Folder | _Zip, names: Sequence[str]) -> Mapping[str, Any] | None:
    name = next((one for one in names if PurePosixPath(one).name.lower() == "config.json"), None)
    try:
        return None if name is None else _object(archive, name)
    except ExportError:
        return None


def _scripts(archive: _Folder | _Zip, names: Sequence[str]) -> dict[str, str]:
    files = [name for name in names if name.lower().endswith(".js")][:SCRIPTS_READ]
    return {PurePosixPath(name).name: archive.read(name).decode(errors="replace") for name in files}


def _object(archive: _Folder | _Zip, name: str) -> Mapping[str, Any]:
    place = f"{archive.name}/{name}"
    body = b""
    try:
        body = archive.read(name)
        content = _parsed(body)
    except _UNREADABLE as error:
        advice = "resolve the merge conflicts in it" if _CONFLICT.search(body) else "export the bot again"
        raise ExportError(place, [f"it cannot be read as JSON ({_reason(error)}); {advice}"]) from error
    if not isinstance(content, dict):
        raise ExportError(place, ["it holds no JSON object; export the bot again"])
    return content


def _parsed(body: bytes) -> object:
    """JSON in any Unicode encoding. Bytes that are not in it are replaced rather than refused."""
    text = body.decode(json.detect_encoding(body), errors="replace")
    return json.loads(text, parse_constant=lambda _: None)


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__


class _Folder:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)

    def names(self, depth: int) -> Sequence[str]:
        """The files at this depth; 1 is the folder itself."""
        return sorted(
            file.relative_to(self.path).as_posix() for file in islice(_files(self.path, depth), FILES_SEEN)
        )

    def read(self, name: str) -> bytes:
        file = self.path / name
        if file.stat().st_size > FILE_LIMIT_BYTES:
            raise ValueError(_TOO_LARGE)
        return file.read_bytes()


def _files(folder: Path, depth: int) -> Iterator[Path]:
    for entry in folder.iterdir():
        if depth == 1 and entry.is_file():
            yield entry
        elif (
            depth > 1
            and entry.is_dir()
            and not entry.is_symlink()
            and not entry.name.startswith((".", "__MACOSX"))
        ):
            yield from _files(entry, depth - 1)


class _Zip:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)

    def names(self, depth: int) -> Sequence[str]:
        """The files at this depth; 1 is the top of the zip file."""
        with zipfile.ZipFile(self.path) as zipped:
            files = [one for one in zipped.namelist() if not one.endswith("/") and "__MACOSX" not in one]
        return sorted(one for one in files if len(PurePosixPath(one).parts) == depth)

    def read(self, name: str) -> bytes:
        with zipfile.ZipFile(self.path) as zipped, zipped.open(name) as file:
            body = file.read(FILE_LIMIT_BYTES + 1)
        if len(body) > FILE_LIMIT_BYTES:
            raise ValueError(_TOO_LARGE)
        return body


_TOO_LARGE = f"it has over {FILE_LIMIT_BYTES // 1024 // 1024} MB"
