"""Why a file did not reach the agent. Data only; `responses.py` and `files.py` use it."""

from __future__ import annotations

TOO_LARGE, TYPE, TRANSFER, NO_FILES = "too_large", "type", "transfer", "no_files"

FILE_REASONS: dict[str, dict[str, str]] = {
    "en": {
        TOO_LARGE: "larger than {size} MB",
        TYPE: "files of this type are not accepted",
        TRANSFER: "the file could not be transferred",
        NO_FILES: "files cannot be passed on here",
    },
    "ko": {
        TOO_LARGE: "{size}MB 초과",
        TYPE: "허용되지 않는 파일 형식",
        TRANSFER: "파일 전송 실패",
        NO_FILES: "이 채팅에서는 파일을 전달할 수 없음",
    },
    "es": {
        TOO_LARGE: "supera los {size} MB",
        TYPE: "no se admiten archivos de este tipo",
        TRANSFER: "no se ha podido transferir el archivo",
        NO_FILES: "aquí no se pueden pasar archivos al agente",
    },
    "fr": {
        TOO_LARGE: "dépasse {size} Mo",
        TYPE: "ce type de fichier n’est pas accepté",
        TRANSFER: "le fichier n’a pas pu être transféré",
        NO_FILES: "les fichiers ne peuvent pas être transmis ici",
    },
    "de": {
        TOO_LARGE: "größer als {size} MB",
        TYPE: "dieser Dateityp wird nicht angenommen",
        TRANSFER: "die Datei konnte nicht übertragen werden",
        NO_FILES: "Dateien können hier nicht weitergegeben werden",
    },
    "ja": {
        TOO_LARGE: "{size} MB を超えています",
        TYPE: "この形式のファイルは受け付けていません",
        TRANSFER: "ファイルを転送できませんでした",
        NO_FILES: "このチャットではファイルを受け付けていません",
    },
    "pl": {
        TOO_LARGE: "więcej niż {size} MB",
        TYPE: "pliki tego typu nie są przyjmowane",
        TRANSFER: "nie udało się przesłać pliku",
        NO_FILES: "tutaj nie można przekazywać plików",
    },
    "ar": {
        TOO_LARGE: "أكبر من {size} ميغابايت",
        TYPE: "هذا النوع من الملفات غير مقبول",
        TRANSFER: "تعذّر نقل الملف",
        NO_FILES: "لا يمكن تمرير الملفات هنا",
    },
    "tr": {
        TOO_LARGE: "{size} MB’den büyük",
        TYPE: "bu türdeki dosyalar kabul edilmiyor",
        TRANSFER: "dosya aktarılamadı",
        NO_FILES: "burada dosya iletilemiyor",
    },
    "it": {
        TOO_LARGE: "supera {size} MB",
        TYPE: "i file di questo tipo non sono accettati",
        TRANSFER: "non è stato possibile trasferire il file",
        NO_FILES: "qui non è possibile inoltrare file",
    },
    "pt": {
        TOO_LARGE: "ultrapassa {size} MB",
        TYPE: "não são permitidos ficheiros (arquivos) deste tipo",
        TRANSFER: "não foi possível transferir o ficheiro (arquivo)",
        NO_FILES: "aqui não é possível encaminhar ficheiros (arquivos)",
    },
    "zh_cn": {
        TOO_LARGE: "超过 {size} MB",
        TYPE: "不接受此类文件",
        TRANSFER: "文件无法传输",
        NO_FILES: "此处无法转交文件",
    },
    "zh_tw": {
        TOO_LARGE: "超過 {size} MB",
        TYPE: "不接受此類檔案",
        TRANSFER: "檔案無法傳輸",
        NO_FILES: "此處無法轉交檔案",
    },
    "ca": {
        TOO_LARGE: "supera els {size} MB",
        TYPE: "no s’admeten fitxers d’aquest tipus",
        TRANSFER: "no s’ha pogut transferir el fitxer",
        NO_FILES: "aquí no es poden passar fitxers",
    },
    "nl": {
        TOO_LARGE: "groter dan {size} MB",
        TYPE: "bestanden van dit type worden niet geaccepteerd",
        TRANSFER: "het bestand kon niet worden overgedragen",
        NO_FILES: "bestanden kunnen hier niet worden doorgegeven",
    },
}
"""Language → reason → words. ``{size}`` is the limit in megabytes."""
