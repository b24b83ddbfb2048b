"""Kore's message templates, typed. Each is sent as the documented JSON, and has a plain-text form for channels without templates.

from botkit.templates import Button, button_template

button_template("What next?", ["Talk to an agent", Button("Our shop", url="https://acme.example")])
"""

from botkit.templates.cards import Card, carousel_template, list_template
from botkit.templates.choices import Button, QuickReply, button_template, quick_replies_template
from botkit.templates.media import audio_template, image_template, link_template, video_template
from botkit.templates.table import Column, table_template
from botkit.templates.template import Rendering, Template, live_agent_template

__all__ = [
    "Button",
    "Card",
    "Column",
    "QuickReply",
    "Rendering",
    "Template",
    "audio_template",
    "button_template",
    "carousel_template",
    "image_template",
    "link_template",
    "list_template",
    "live_agent_template",
    "quick_replies_template",
    "table_template",
    "video_template",
]
