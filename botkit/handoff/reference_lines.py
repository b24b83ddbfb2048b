"""The line with a hand-off's reference in the texts of a failed hand-off, by language. Data only; `translations.py` uses it."""

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
"""The texts that end with this line: those of a hand-off that did not work, about which the user may ask somebody."""
