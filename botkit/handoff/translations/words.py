"""Words that BotKit needs beside its messages: an agent without a name, and what a transcript is made of. Data only."""

from __future__ import annotations


def _words(nameless_agent: str, heading: str, user: str, assistant: str, omitted: str) -> dict[str, str]:
    return {
        "namelessAgent": nameless_agent,
        "heading": heading,
        "user": user,
        "assistant": assistant,
        "omitted": omitted + "{count}",
    }


WORDS: dict[str, dict[str, str]] = {
    "en": _words(
        "your agent", "Conversation so far", "User", "Virtual assistant", "Earlier messages left out: "
    ),
    "ko": _words("상담사", "지금까지의 대화", "고객", "챗봇", "생략된 이전 메시지: "),
    "es": _words(
        "su agente",
        "Conversación hasta ahora",
        "Usuario",
        "Asistente virtual",
        "Mensajes anteriores omitidos: ",
    ),
    "fr": _words(
        "votre conseiller",
        "Conversation jusqu’à présent",
        "Utilisateur",
        "Assistant virtuel",
        "Messages précédents omis\u00a0: ",
    ),
    "de": _words(
        "jemand aus unserem Team",
        "Bisheriges Gespräch",
        "Nutzer",
        "Virtueller Assistent",
        "Ausgelassene frühere Nachrichten: ",
    ),
    "ja": _words(
        "担当者", "これまでの会話", "お客様", "バーチャルアシスタント", "省略した以前のメッセージ数："
    ),
    "pl": _words(
        "konsultant",
        "Dotychczasowa rozmowa",
        "Użytkownik",
        "Wirtualny asystent",
        "Pominięte wcześniejsze wiadomości: ",
    ),
    "ar": _words(
        "أحد موظفينا", "المحادثة حتى الآن", "المستخدم", "المساعد الافتراضي", "رسائل سابقة لم تُدرج: "
    ),
    "tr": _words(
        "müşteri temsilcisi",
        "Şimdiye kadarki görüşme",
        "Kullanıcı",
        "Sanal asistan",
        "Atlanan önceki mesajlar: ",
    ),
    "it": _words(
        "un nostro operatore",
        "Conversazione finora",
        "Utente",
        "Assistente virtuale",
        "Messaggi precedenti omessi: ",
    ),
    "pt": _words(
        "o nosso agente",
        "Conversa até agora",
        "Cliente",
        "Assistente virtual",
        "Mensagens anteriores omitidas: ",
    ),
    "zh_cn": _words("客服人员", "此前的对话", "用户", "智能助手", "已省略的较早消息数："),
    "zh_tw": _words("客服人員", "先前的對話", "顧客", "智慧助理", "已省略的較早訊息數："),
    "ca": _words(
        "el vostre agent", "Conversa fins ara", "Usuari", "Assistent virtual", "Missatges anteriors omesos: "
    ),
    "nl": _words(
        "onze medewerker",
        "Gesprek tot nu toe",
        "Gebruiker",
        "Virtuele assistent",
        "Weggelaten eerdere berichten: ",
    ),
}
"""Language → words we need besides: an agent of no name, and what a transcript is made of."""
