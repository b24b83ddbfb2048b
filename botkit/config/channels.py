"""The names of channels, as the XO platform spells them in `channel.type` (protocols/kore-xo-botkit.md, 2.4)."""

from __future__ import annotations

KORE_CHANNELS = (
    "alexa", "email", "facebook", "googleactions", "hangoutchat", "ivr", "ivrVoice", "jabber", "kore", "line", "liveperson",
    "mattermost", "msteams", "rcs", "ringcentral", "rtm", "skype", "skypeforbusiness", "slack", "smartassist", "sms", "spark",
    "telegram", "twiliovoice", "twitter", "wfacebook", "whatsapp", "yammer",
)  # fmt: skip
"""Those that Kore's page on the conversation history names, and WhatsApp's. The platform learns new ones."""
