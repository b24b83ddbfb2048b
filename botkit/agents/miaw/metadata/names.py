"""The names in the metadata: what each routing attribute is called in Salesforce, and the set-up's own components.

The rules for an attribute, in this order (docs/protocols/salesforce-setup.md, 1.1):

1. Its *external name*, the key on the wire, is the attribute itself, letter by letter.
2. `_firstName`, `_lastName`, `_email` and `_subject` are Salesforce's standard parameters. Every other attribute is a custom one.
3. Its *API name* has ASCII letters, digits and single underscores, starts with a letter, and has at most 40 characters.
   Everything else becomes an underscore: ``Order-No.`` → ``Order_No``, ``_tier`` → ``tier``.
4. The parameter and the flow's variable have this name, and the field of MessagingSession has it with ``__c``.
5. Salesforce ignores the case of API names, so two attributes that differ in nothing else get ``_2``, ``_3``, …
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from types import MappingProxyType

from botkit.errors import UnusableValue

API_VERSION = "67.0"
"""The first version of the Metadata API with every element that is written here."""

NAME_LIMIT = 40
"""Characters of a custom field's name without ``__c``, and of a label."""

VALUE_LIMIT = 255
"""Characters of a value: the longest that a parameter of the type String and a field of the type Text take."""

ATTRIBUTE_LIMIT = 80
"""Characters of an attribute: the longest name of a component in Salesforce. Whether a longer key is accepted is not known."""

STANDARD: Mapping[str, str] = MappingProxyType(
    {"_firstName": "FirstName", "_lastName": "LastName", "_email": "Email", "_subject": "Subject"}
)
"""Salesforce's own attributes, and the type of parameter of each."""

UPDATE, FIND, ROUTE = "Copy_attributes", "Find_queue", "Route_to_queue"
RECORD_ID, RECORD = "recordId", "input_record"
RESERVED = frozenset({UPDATE, FIND, ROUTE, RECORD_ID, RECORD})
"""Names that the flow has already; a variable must have another one."""

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_API_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_LETTERS = str.maketrans(
    {
        "ß": "ss",
        "ẞ": "SS",
        "æ": "ae",
        "Æ": "Ae",
        "œ": "oe",
        "Œ": "Oe",
        "ø": "o",
        "Ø": "O",
        "ł": "l",
        "Ł": "L",
        "đ": "d",
        "Đ": "D",
    }
)
"""Latin letters that are not a base letter with an accent."""
_BASE_LIMIT = 32
"""Characters of the deployment's name in the names of other components; their longest suffix has eight."""
_BOT_NAME_LIMIT = 80
"""Characters of the bot's name in descriptions, which some types limit to 255."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One routing attribute in Salesforce.

    Attributes:
        attribute: the key on the wire (*Channel Variable Name* in Setup).
        name: the API name of the parameter and of the flow's variable.
        standard: the type of a standard parameter; empty for a custom one.
    """

    attribute: str
    name: str
    standard: str = ""

    @property
    def field(self) -> str:
        """The field of MessagingSession."""
        return f"{self.name}__c"

    @property
    def label(self) -> str:
        """The field's label, which agents read."""
        return _CAMEL.sub(" ", self.name.replace("_", " "))[:NAME_LIMIT]

    @property
    def form_field(self) -> str:
        """The name in the deployment's pre-chat form: ``_FirstName`` of a standard parameter, else the parameter's name."""
        return f"_{self.standard}" if self.standard else self.name


@dataclass(frozen=True, slots=True)
class Setup:
    """Everything that one deployment needs, by its API names.

    Attributes:
        deployment: `developer_name` of the bot's file.
        base: the beginning of all other names.
        bot_name: the bot, as descriptions and labels name it.
        parameters: one per routing attribute.
        attachments: whether users may send files.
    """

    deployment: str
    base: str
    bot_name: str
    parameters: tuple[Parameter, ...]
    attachments: bool = True

    @property
    def label(self) -> str:
        return self.base.replace("_", " ")

    @property
    def routing_config(self) -> str:
        return f"{self.base}_Routing"

    @property
    def group(self) -> str:
        return f"{self.base}_Agents"

    @property
    def queue(self) -> str:
        return f"{self.base}_Queue"

    @property
    def flow(self) -> str:
        return f"{self.base}_Flow"

    @property
    def channel(self) -> str:
        return f"{self.base}_Channel"

    @property
    def reading(self) -> str:
        return f"{self.base}_Read"

    @property
    def editing(self) -> str:
        return f"{self.base}_Edit"


def setup(
    developer_name: str, *, bot_name: str, attributes: Iterable[str], attachments: bool = True
) -> Setup:
    """The set-up of the deployment `developer_name` for these routing attributes.

    Raises:
        UnusableValue: an attribute that no parameter can have, see `problem_of`.
    """
    unique = list(dict.fromkeys(attributes))
    for attribute in unique:
        if problem := problem_of(attribute):
            raise UnusableValue(
                f"the attribute {attribute[:ATTRIBUTE_LIMIT]!r} {problem}",
                "rename it, for example to Order_Number",
            )
    named = "".join(one for one in bot_name if one.isprintable())[:_BOT_NAME_LIMIT]
    return Setup(developer_name, _base(developer_name), named, tuple(_parameters(unique)), attachments)


def problem_of(attribute: str) -> str:
    """Why no parameter can have this attribute's name; empty if one can."""
    if not attribute.strip():
        return "is empty"
    if not attribute.isprintable():
        return "has a character that cannot be printed"
    if len(attribute) > ATTRIBUTE_LIMIT:
        return f"has more than {ATTRIBUTE_LIMIT} characters"
    return ""


def doubts(parameters: Sequence[Parameter]) -> list[str]:
    """Sentences about names that may surprise: attributes that look unlike API names, and numbered ones."""
    found: list[str] = []
    spellings: dict[str, str] = {}
    if unlike := unlike_api_names(one.attribute for one in parameters):
        found.append(unlike)
    for one in parameters:
        cleaned = _cleaned(one.attribute)
        other = spellings.setdefault(cleaned.casefold(), one.attribute)
        if not one.standard and one.name != cleaned:
            why = f"like {other!r}" if other != one.attribute else "as the name is taken"
            found.append(f"{one.attribute!r} is called {one.name} in Salesforce, {why}")
    return found


def unlike_api_names(attributes: Iterable[str]) -> str:
    """A sentence about the attributes that look unlike API names; empty if there are none."""
    unlike = [repr(one) for one in attributes if one not in STANDARD and not _API_NAME.fullmatch(one)]
    if not unlike:
        return ""
    return (
        f"no API {'name' if len(unlike) == 1 else 'names'}: {', '.join(unlike)}; Salesforce may refuse such a Channel "
        "Variable Name, and then the bot has to send another one"
    )


def _parameters(attributes: Iterable[str]) -> Iterable[Parameter]:
    taken = {name.casefold() for name in (*RESERVED, *STANDARD.values())}
    for attribute in attributes:
        if standard := STANDARD.get(attribute):
            yield Parameter(attribute, standard, standard)
            continue
        name = _free(_cleaned(attribute), taken)
        taken.add(name.casefold())
        yield Parameter(attribute, name)


def _cleaned(text: str, limit: int = NAME_LIMIT) -> str:
    """An API name as close to the text as Salesforce's rules allow."""
    plain = unicodedata.normalize("NFKD", text.translate(_LETTERS)).encode("ascii", "ignore").decode()
    name = re.sub(r"[^A-Za-z0-9]+", "_", plain).strip("_")
    if not name:
        name = f"Attribute_{blake2b(text.encode(), digest_size=3).hexdigest()}"
    if not name[0].isalpha():
        name = f"A_{name}"
    return name[:limit].rstrip("_")


def _free(name: str, taken: Collection[str]) -> str:
    candidate, number = name, 1
    while candidate.casefold() in taken:
        number += 1
        suffix = f"_{number}"
        candidate = name[: NAME_LIMIT - len(suffix)].rstrip("_") + suffix
    return candidate


def _base(developer_name: str) -> str:
    """The beginning of the other names. Deployments that differ only in what was cut differ in four characters at its end."""
    name = _cleaned(developer_name, 200)
    if len(name) <= _BASE_LIMIT:
        return name
    digest = blake2b(developer_name.encode(), digest_size=2).hexdigest()
    return f"{name[: _BASE_LIMIT - 5].rstrip('_')}_{digest}"
