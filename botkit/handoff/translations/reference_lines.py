"""The line with a hand-off's reference, which ends the messages about a failed hand-off. Data only; `messages.py` uses it."""

from __future__ import annotations

REFERENCE_LINES: dict[str, str] = {
    "en": "Reference: {reference}",
    "ko": "문의 번호: {reference}",
    "es": "Referencia: {reference}",
    "fr": "Référence\u00a0: {reference}",
    "de": "Referenz: {reference}",
    "ja": "お問い合わせ番号：{reference}",
    "pl": "Numer referencyjny: {reference}",
    "ar": "الرقم المرجعي: {reference}",
    "tr": "Referans: {reference}",
    "it": "Riferimento: {reference}",
    "pt": "Referência: {reference}",
    "zh_cn": "参考编号：{reference}",
    "zh_tw": "參考編號：{reference}",
    "ca": "Referència: {reference}",
    "nl": "Referentie: {reference}",
}

REFERRED_TO: tuple[str, ...] = ("noAgentAvailableMessage", "handoffFailedMessage", "sessionExpiredMessage")
"""The messages that end with this line: the user may ask somebody why the hand-off did not work."""
