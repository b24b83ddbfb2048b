"""Code that both Salesforce agent systems share: ids, loopback addresses, status codes, forms with files."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Sequence
from typing import NoReturn, TypedDict

from botkit.agents.api import File
from botkit.agents.refusals import Advice, explained, fix_for
from botkit.errors import BadReply, CallRefused, RateLimited, ServerTrouble, UnusableValue
from botkit.handoff.conversation import Instant
from botkit.http import Response
from botkit.http.hosts import named_host
from botkit.http.retry import retry_after

_ORGANIZATION_ID = re.compile(r"00D[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?")
_CHECKSUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_WHERE = "copy “Salesforce.com Organization ID” from Setup → Company Information"

_MAX_FILE_NAME = 200
_NOT_IN_A_NAME = re.compile(r'[\x00-\x1f\x7f"\\/]')
_MIME_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,100}/[A-Za-z0-9!#$&^_.+-]{1,100}")


class Origin(TypedDict):
    """The members that every event of agents has."""

    key: str
    at: Instant
    session_id: str


def parse_organization_id(value: str) -> str:
    """An organization id as it is written, without spaces around it.

    Raises:
        UnusableValue: it is not 15 or 18 characters starting with 00D, or its checksum is wrong.
    """
    text = value.strip()
    if not _ORGANIZATION_ID.fullmatch(text):
        raise UnusableValue("is not an organisation id (15 or 18 characters starting with 00D)", _WHERE)
    if len(text) == 18 and text[15:] != checksum(text[:15]):
        raise UnusableValue(
            "is mistyped: its last three characters are not the checksum of the others", _WHERE
        )
    return text


def checksum(first_fifteen: str) -> str:
    """The last three of 18 characters. Each encodes, in five bits, which characters of its block of five are upper-case."""
    blocks = (first_fifteen[start : start + 5] for start in (0, 5, 10))
    return "".join(
        _CHECKSUM[sum(1 << place for place, character in enumerate(block) if "A" <= character <= "Z")]
        for block in blocks
    )


def short_id(value: str) -> str:
    """The 15 characters that identify a record; the last three of 18 are a checksum."""
    return value[:15] if len(value) == 18 else value


def is_loopback(host: str) -> bool:
    """Whether this host is the machine itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def refuse(
    what: str,
    response: Response,
    *,
    now: float,
    redirected: str,
    detail: str = "",
    hint: str = "",
    fix: str = "",
) -> NoReturn:
    """Raise for a status with the same meaning in every call.

    Args:
        what: names the call.
        response: the response.
        now: epoch seconds, for a Retry-After that is a date.
        redirected: the detail of a redirect: which setting to check.
        detail: the detail of any other status.
        hint: the detail of a refusal: the reason and how to fix it; by default `detail`.
        fix: of a refusal, how to fix it alone.

    Raises:
        RateLimited: 429.
        ServerTrouble: 5xx and 408.
        BadReply: 3xx: a proxy or a login page answered.
        CallRefused: any other status.
    """
    status, wait = response.status, retry_after(response.headers, now=now)
    if status == 429:
        raise RateLimited(what, status=status, retry_after=wait, detail=detail)
    if status >= 500 or status == 408:
        raise ServerTrouble(what, status=status, retry_after=wait, detail=detail)
    if 300 <= status < 400:
        raise BadReply(what, status=status, detail=redirected)
    raise CallRefused(what, status=status, detail=hint or detail, fix=fix)


def refuse_setup(
    what: str,
    response: Response,
    *,
    now: float,
    redirected: str,
    stated: str,
    known: Sequence[Advice],
    unstated: str,
) -> NoReturn:
    """`refuse` for a call before the conversation exists, whose refusal usually has a reason.

    Args:
        what: names the call.
        response: the response.
        now: epoch seconds, for a Retry-After that is a date.
        redirected: the detail of a redirect: which setting to check.
        stated: the reason that the organisation states (`refusals.reason`).
        known: the advice for known reasons.
        unstated: reason and advice of a refusal without a reason.
    """
    refuse(
        what,
        response,
        now=now,
        redirected=redirected,
        detail=stated,
        hint=explained(stated, known, unstated=unstated),
        fix=fix_for(stated, known, unstated=unstated),
    )


def unusable(what: str, response: Response, lacking: str) -> BadReply:
    """The error of a success that lacks what the API promises.

    Args:
        what: names the call.
        response: the response.
        lacking: what it should have had, such as ``accessToken``.
    """
    is_page = response.body[:200].lstrip()[:1] == b"<"
    detail = "the answer is a page (HTML), not the API's" if is_page else f"no {lacking} in the answer"
    return named_host(BadReply(what, status=response.status, detail=detail), response.url)


def form_with_file(
    field: str, file: File, *, parts: Sequence[tuple[str, str, bytes]] = ()
) -> tuple[str, bytes]:
    """The content type and the body of a multipart/form-data request with one file.

    The user chose the file's name and type, so characters that could break out of a header are replaced. The boundary
    is derived from the content: the same form has the same bytes on every attempt.

    Args:
        field: the name of the file's part.
        file: the file.
        parts: name, MIME type and content of the parts before it.
    """
    # Imported here: it takes long, and most conversations have no files.
    from urllib3.fields import RequestField
    from urllib3.filepost import encode_multipart_formdata

    def part(name: str, file_name: str | None, mime_type: str, data: bytes) -> RequestField:
        found = RequestField(name, data, file_name)
        found.make_multipart(content_type=mime_type)
        return found

    named = _NOT_IN_A_NAME.sub("_", file.name)[:_MAX_FILE_NAME].encode(errors="replace").decode() or "file"
    mime_type = file.mime_type if _MIME_TYPE.fullmatch(file.mime_type) else "application/octet-stream"
    fields = [part(name, None, kind, data) for name, kind, data in parts]
    fields.append(part(field, named, mime_type, file.data))
    digest = hashlib.blake2b(digest_size=16)
    for data in (*(data for _, _, data in parts), file.data):
        digest.update(data)
    body, content_type = encode_multipart_formdata(fields, boundary=f"botkit-{digest.hexdigest()}")
    return content_type, body
