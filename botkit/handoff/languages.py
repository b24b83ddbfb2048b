"""Language negotiation: the available language that serves a user best.

The platform, its channels and Kore's page spell languages in many ways (`zh_cn`, `zh-TW`, `ZH_HANT`, `pt-BR`, `es-419`,
`en_US.UTF-8`; docs/protocols/kore-xo-botkit.md, 9.17). Tags are compared by their forms, from exact to broad:
`es-419` → es-419, es; `zh-HK` → zh-hk, zh-tw, zh-hant. Chinese in its two scripts counts as two languages, as readers of one
are badly served with the other; plain `zh` means the simplified one.

Babel's `negotiate_locale` is no substitute: it compares the whole tag or the language alone. So it would serve `zh-HK` with
simplified Chinese and `es` never with the texts of `es-MX`, and it knows neither POSIX encodings nor three-letter codes.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache

LAST_RESORT = "en"
"""Every table of texts includes English."""

_MAX_TAG = 64
_LANGUAGE = re.compile(r"[a-z]{2,3}|[a-z]{5,8}")
_SCRIPT = re.compile(r"[a-z]{4}")
_REGION = re.compile(r"[a-z]{2}|[0-9]{3}")
_TRADITIONAL_REGIONS = frozenset({"tw", "hk", "mo"})
_THREE_LETTERS = {
    "eng": "en",
    "kor": "ko",
    "spa": "es",
    "fra": "fr",
    "fre": "fr",
    "deu": "de",
    "ger": "de",
    "jpn": "ja",
    "pol": "pl",
    "ara": "ar",
    "arb": "ar",
    "tur": "tr",
    "ita": "it",
    "por": "pt",
    "cat": "ca",
    "nld": "nl",
    "dut": "nl",
    "zho": "zh",
    "chi": "zh",
    "cmn": "zh",
}


def negotiate(wanted: str, available: Collection[str], *, fallback: str) -> str:
    """The language to use, spelled as in `available`.

    Args:
        wanted: the user's language in any spelling; an empty or invalid tag matches nothing.
        available: the available languages, in any spelling.
        fallback: the bot's default language.

    Returns:
        The best match for `wanted`, else for `fallback`, else English, even if it is not available.
    """
    for tag in (wanted, broadest(wanted), fallback, broadest(fallback), LAST_RESORT):
        found = closest(tag, available)
        if found:
            return found[0]
    return LAST_RESORT


def closest(wanted: str, available: Collection[str]) -> list[str]:
    """The available languages that serve a reader of `wanted`, the best first.

    A tag with a region matches that region or the language without a region, never another region. A tag without a region
    matches the language itself, then any of its regions.
    """
    forms = _forms(wanted)
    if not forms:
        return []
    exact_names = {_forms(name)[0]: name for name in sorted(available) if _forms(name)}
    found = [exact_names[form] for form in forms if form in exact_names]
    if not _parse(wanted)[2]:
        found += [
            name for name in sorted(available) if name not in found and broadest(wanted) in _forms(name)
        ]
    return found


def broadest(tag: str) -> str:
    """The language without its region: `pt-BR` → `pt`, `zh-HK` → `zh-hant`; empty for an invalid tag."""
    forms = _forms(tag)
    for chinese in ("zh-hant", "zh-hans"):
        if chinese in forms:
            return chinese
    return forms[-1] if forms else ""


@lru_cache(maxsize=512)
def _forms(tag: str) -> tuple[str, ...]:
    """The forms by which a tag is compared, exact to broad; none for an invalid tag."""
    language, script, region = _parse(tag)
    if not language:
        return ()
    if language == "zh":
        return _chinese_forms(script, region)
    narrower = ((script, region), (region,), (script,))
    forms = ["-".join(part for part in (language, *parts) if part) for parts in narrower]
    return tuple(dict.fromkeys([*forms, language]))


def _chinese_forms(script: str, region: str) -> tuple[str, ...]:
    """A region implies a script, so the script is left out where it is the usual one."""
    usual = "hant" if region in _TRADITIONAL_REGIONS else "hans"
    written = script if script in ("hant", "hans") else usual
    named = [region] if region and written == usual else [script, region]
    exact = "-".join(part for part in ("zh", *named) if part)
    broader = ("zh-tw", "zh-hant") if written == "hant" else ("zh-cn", "zh-hans", "zh")
    return tuple(dict.fromkeys([exact, *broader]))


def _parse(tag: str) -> tuple[str, str, str]:
    """Language, script and region in lower case, each empty if missing.

    POSIX encodings and modifiers, variants and extensions (`.UTF-8`, `@euro`, `-valencia`, `-u-nu-latn`) are ignored.
    """
    plain = re.split(r"[.@]", tag[:_MAX_TAG].strip().lower(), maxsplit=1)[0]
    first, *others = re.split(r"[-_]+", plain)
    if first == "yue" or "yue" in others:
        # Cantonese is written with traditional characters.
        first, others = "zh", [*others, "hk"]
    if not _LANGUAGE.fullmatch(first):
        return "", "", ""
    script = region = ""
    for part in others:
        if len(part) == 1:
            break
        if _SCRIPT.fullmatch(part) and not script:
            script = part
        elif _REGION.fullmatch(part) and not region:
            region = part
    return _THREE_LETTERS.get(first, first), script, region
