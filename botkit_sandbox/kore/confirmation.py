"""Yes and no, as a Confirmation node understands them. docs/protocols/kore-xo-botkit.md, 7.8.

The platform knows some hundred wordings per language; these are the frequent ones. The earliest in the answer decides, and of two
that begin at the same word the longer one, so that "of course not" is a no.
"""

from __future__ import annotations

from typing import Literal

from botkit_sandbox.kore.understanding import normalised

Confirmation = Literal["yes", "no"]

_YES = (
    "yes|y|ya|yo|yea|yeah|yeh|yep|yup|yes please|sure|sure thing|ok|okay|okey|okey dokey|of course|certainly|definitely"
    "|absolutely|correct|right|all right|alright|agreed|i agree|i do|i am sure|go ahead|do it|exactly|indeed|true|positive"
    "|affirmative|confirm|confirmed|proceed|continue|why not|sounds good|no problem|no doubt|by all means|please do"
    "|ja|jawohl|gerne|oui|daccord|sí|si|claro|sim|ya betul|да|はい|是|好|да конечно|evet|tak|igen|ano"
)
_NO = (
    "no|n|nope|nah|nay|no way|no thanks|no thank you|not now|not really|not at all|not yet|of course not|never|never mind"
    "|negative|i do not|i dont|i disagree|i dont think so|i do not think so|do not|dont|none|neither|false|cancel|stop"
    "|yeah no|not sure|certainly not|absolutely not|definitely not"
    "|nein|non|não|nao|tidak|нет|いいえ|不|不是|hayır|nie|nem|ne"
)
_WORDINGS: dict[tuple[str, ...], Confirmation] = {
    **{normalised(wording): "yes" for wording in _YES.split("|")},
    **{normalised(wording): "no" for wording in _NO.split("|")},
}
_LONGEST = max(map(len, _WORDINGS))


def confirmation(text: str) -> Confirmation | None:
    """Whether `text` means yes or no; None for neither."""
    if "👍" in text:
        return "yes"
    if "👎" in text:
        return "no"
    words = normalised(text)
    for start in range(len(words)):
        for length in range(min(_LONGEST, len(words) - start), 0, -1):
            if meant := _WORDINGS.get(words[start : start + length]):
                return meant
    return None
