"""The built-in texts in the 15 languages of Kore's page, whose keys name the languages. Data only.

For translators: ``{agent}`` is a name or `namelessAgent`, so no ending may depend on it, nor a verb on the agent's sex;
``{command}``, ``{count}`` and ``{position}`` stand last, so that the word to send can be copied alone and no plural is needed.
`pt` is read in Portugal and in Brazil.
"""

from botkit.handoff.translations.messages import MESSAGES
from botkit.handoff.translations.words import WORDS

__all__ = ["MESSAGES", "WORDS"]
