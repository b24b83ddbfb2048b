"""Why a file did not reach the agent, in the languages of `translations.py`. Data only; `files.py` uses it."""

from __future__ import annotations

TOO_LARGE, TYPE, TRANSFER = "too_large", "type", "transfer"

FILE_REASONS: dict[str, dict[str, str]] = {
    "en": {
        TOO_LARGE: "larger than {size} MB",
        TYPE: "files of this type are not accepted",
        TRANSFER: "the file could not be transferred",
    },
    "ko": {
        TOO_LARGE: "{size}MB 초과",
        TYPE: "허용되지 않는 파일 형식",
        TRANSFER: "파일 전송 실패",
    },
    "es": {
        TOO_LARGE: "supera los {size} MB",
        TYPE: "no se admiten archivos de este tipo",
        TRANSFER: "no se ha podido transferir el archivo",
    },
    "fr": {
        TOO_LARGE: "dépasse {size} Mo",
        TYPE: "ce type de fichier n’est pas accepté",
        TRANSFER: "le fichier n’a pas pu être transféré",
    },
    "de": {
        TOO_LARGE: "größer als {size} MB",
        TYPE: "dieser Dateityp wird nicht angenommen",
        TRANSFER: "die Datei konnte nicht übertragen werden",
    },
    "ja": {
        TOO_LARGE: "{size} MB を超えています",
        TYPE: "この形式のファイルは受け付けていません",
        TRANSFER: "ファイルを転送できませんでした",
    },
    "pl": {
        TOO_LARGE: "więcej niż {size} MB",
        TYPE: "pliki tego typu nie są przyjmowane",
        TRANSFER: "nie udało się przesłać pliku",
    },
    "ar": {
        TOO_LARGE: "أكبر من {size} ميغابايت",
        TYPE: "هذا النوع من الملفات غير مقبول",
        TRANSFER: "تعذّر نقل الملف",
    },
    "tr": {
        TOO_LARGE: "{size} MB’den büyük",
        TYPE: "bu türdeki dosyalar kabul edilmiyor",
        TRANSFER: "dosya aktarılamadı",
    },
    "it": {
        TOO_LARGE: "supera {size} MB",
        TYPE: "i file di questo tipo non sono accettati",
        TRANSFER: "non è stato possibile trasferire il file",
    },
    "pt": {
        TOO_LARGE: "ultrapassa {size} MB",
        TYPE: "não são permitidos ficheiros (arquivos) deste tipo",
        TRANSFER: "não foi possível transferir o ficheiro (arquivo)",
    },
    "zh_cn": {
        TOO_LARGE: "超过 {size} MB",
        TYPE: "不接受此类文件",
        TRANSFER: "文件无法传输",
    },
    "zh_tw": {
        TOO_LARGE: "超過 {size} MB",
        TYPE: "不接受此類檔案",
        TRANSFER: "檔案無法傳輸",
    },
    "ca": {
        TOO_LARGE: "supera els {size} MB",
        TYPE: "no s’admeten fitxers d’aquest tipus",
        TRANSFER: "no s’ha pogut transferir el fitxer",
    },
    "nl": {
        TOO_LARGE: "groter dan {size} MB",
        TYPE: "bestanden van dit type worden niet geaccepteerd",
        TRANSFER: "het bestand kon niet worden overgedragen",
    },
}
"""Language → reason → words. ``{size}`` is the limit in megabytes."""
