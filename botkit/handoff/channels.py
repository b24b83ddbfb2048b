"""Channels in words, for the agent: the heading of each part of a transcript that spans several channels."""

from __future__ import annotations

from botkit.handoff.languages import LAST_RESORT, negotiate

PHONE = frozenset(
    {"alexa", "audiocodes", "googleactions", "ivr", "ivrVoice", "korevoice", "twiliovoice", "voice"}
)
"""Channels on which users speak."""
WEB = frozenset({"rtm", "kore"})

# Language → a call, a chat on the web, any other channel.
_WORDS: dict[str, tuple[str, str, str]] = {
    "en": ("Phone", "Web chat", "Channel"),
    "ko": ("전화", "웹 채팅", "채널"),
    "es": ("Teléfono", "Chat web", "Canal"),
    "fr": ("Téléphone", "Chat web", "Canal"),
    "de": ("Telefon", "Web-Chat", "Kanal"),
    "ja": ("電話", "ウェブチャット", "チャネル"),
    "pl": ("Telefon", "Czat internetowy", "Kanał"),
    "ar": ("هاتف", "دردشة الويب", "القناة"),
    "tr": ("Telefon", "Web sohbeti", "Kanal"),
    "it": ("Telefono", "Chat web", "Canale"),
    "pt": ("Telefone", "Chat web", "Canal"),
    "zh_cn": ("电话", "网页聊天", "渠道"),
    "zh_tw": ("電話", "網頁聊天", "管道"),
    "ca": ("Telèfon", "Xat web", "Canal"),
    "nl": ("Telefoon", "Webchat", "Kanaal"),
}


def heading(channel: str, language: str) -> str:
    """The heading of what was said on a channel, such as ``[Phone · twiliovoice]``."""
    phone, web, other = _WORDS[negotiate(language, _WORDS, fallback=LAST_RESORT)]
    word = phone if channel in PHONE else web if channel in WEB else other
    return f"[{word} · {channel}]"
